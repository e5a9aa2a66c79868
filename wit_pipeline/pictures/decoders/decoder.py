"""A decoder: a fork of the nursery that answers requests until its pool is gone, or a picture ends it.

Limits are the kernel's, so that they hold in C code: memory by RLIMIT_AS, CPU by an interval timer whose
signal kills. Then its end is its answer, which the pool reads from the wait status.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from socket import socket
from typing import NoReturn

from wit_pipeline.pictures.decoders.messages import (
    ANSWER,
    NO_MEMORY,
    PICTURE,
    REFUSED,
    REQUEST,
    packed,
    packed_error,
    received,
    slot_bytes,
)
from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

Decode = Callable[[bytes, CrawlConfig], Decoded]

PR_SET_PDEATHSIG = 1  # linux/prctl.h
OPEN_FILES = 64
MAPPED = Path("/proc/self/statm")  # Linux: its first number is the pages that this process has mapped


def live(connection: socket, shared: int, decode: Decode, config: CrawlConfig, nursery: int) -> NoReturn:
    """Decode until the pool closes its end. Never returns into the nursery's code."""
    code = 1
    try:
        _die_with(nursery)
        _silence()
        _limit(config)
        _serve(connection, shared, decode, config)
        code = 0
    except MemoryError:
        code = NO_MEMORY
    except OSError:
        code = 0  # the pool is gone
    finally:
        os._exit(code)


def _serve(connection: socket, shared: int, decode: Decode, config: CrawlConfig) -> None:
    slot_size = slot_bytes(config)
    while request := received(connection, REQUEST.size):
        number, slot, length = REQUEST.unpack(request)
        at = slot * slot_size
        body = os.pread(shared, length, at)
        outcome, stored, facts = _answer(body, decode, config)
        if len(stored) + len(facts) > slot_size:
            outcome, stored, facts = _refusal(Reason.DECODE_CRASH, "the stored picture has no room")
        _write(shared, stored + facts, at)
        connection.sendall(ANSWER.pack(number, outcome, len(stored), len(facts)))


def _answer(body: bytes, decode: Decode, config: CrawlConfig) -> tuple[bytes, bytes, bytes]:
    signal.setitimer(signal.ITIMER_PROF, config.decode_seconds)
    try:
        decoded = decode(body, config)
    except ImageError as error:
        if isinstance(error.__context__, MemoryError):
            raise MemoryError from None
        return REFUSED, b"", packed_error(error)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  decode() promises an ImageError; whatever it is, it costs one image
        return _refusal(Reason.DECODE_CRASH, " ".join(f"{type(error).__name__}: {error}".split())[:200])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return PICTURE, *packed(decoded)


def _refusal(reason: Reason, detail: str) -> tuple[bytes, bytes, bytes]:
    return REFUSED, b"", packed_error(ImageError(reason, detail))


def _write(shared: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(shared, rest, at)
        rest, at = rest[written:], at + written


def _die_with(nursery: int) -> None:
    """Be killed when the nursery ends, on Linux; elsewhere the pool's closed end is the only sign."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != nursery:
            os._exit(0)


def _silence() -> None:
    """What a library prints of a stranger's picture is not for the terminal."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _limit(config: CrawlConfig) -> None:
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 2 * slot_bytes(config))
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)
    if MAPPED.exists():  # macOS does not hold RLIMIT_AS anyway
        mapped = int(MAPPED.read_text().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, mapped + config.decode_bytes)


def _lower(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(which, (most, most))
