"""A `decode` for `Decoders` in tests: bodies that begin with POISON do what they say, others are pictures."""

import ctypes
import os
import signal
import stat
import time
from collections.abc import Callable
from contextlib import suppress

from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.pictures.image import decode as decode_picture
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

POISON = b"poison "
NAME = "tests.wit_pipeline.pictures.decoders.poison:decode"
dirty = False  # a picture spoiled this process for those after it


def hog() -> None:
    held = [bytes(1 << 20)]
    while True:
        held.append(bytes(1 << 20))


def hog_as_pillow() -> None:
    try:
        hog()
    except MemoryError as error:
        raise ImageError(Reason.DECODE_ERROR, str(error)) from None


def loop() -> None:
    while True:
        pass


def spoil() -> None:
    global dirty
    dirty = True


def answer_nonsense() -> None:
    """Say it on every socket that this process has."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"nonsense" * 100)


def hang_up() -> None:
    os.closerange(3, 64)
    time.sleep(1000)


DEEDS: dict[bytes, Callable[[], object]] = {
    b"abort": os.abort,
    b"segfault": lambda: ctypes.string_at(0),
    b"hog": hog,
    b"hog_as_pillow": hog_as_pillow,
    b"loop": loop,
    b"stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    b"kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    b"exit": lambda: os._exit(3),
    b"bug": lambda: os.environ["NOWHERE"],
    b"spoil": spoil,
    b"nonsense": answer_nonsense,
    b"hang_up": hang_up,
}


def poison(deed: str) -> bytes:
    """A body that does it."""
    return POISON + deed.encode()


def decode(body: bytes, config: CrawlConfig) -> Decoded:
    if body.startswith(POISON):
        DEEDS[body.removeprefix(POISON)]()
        raise ImageError(Reason.DECODE_ERROR, "survived")
    if dirty:
        os.abort()
    return decode_picture(body, config)


def stillborn(body: bytes, config: CrawlConfig) -> Decoded:
    """Ends the nursery, which decodes to be warm."""
    os._exit(9)
