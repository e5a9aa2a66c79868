"""One HTTP exchange over one connection that is never used again.

`http.client` parses the answer; the socket below it is ours. So the address connected to is the address
checked, every single read is bounded by the deadline of the whole fetch, and no byte of one answer can be
taken for the start of the next.
"""

import io
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from functools import cache
from http.client import HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any, cast

from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.fetch.guard import Target
from wit_pipeline.records import Reason

CHUNK = 1 << 16  # bytes read at once
HEADER_BYTES = 1 << 18  # of status line and headers, 100-continue answers included

# After such a line http.client drops the rest of the headers, an opt-out among them.
_CUT_SHORT = (FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect)

SockAddress = tuple[Any, ...]  # as getaddrinfo gives it
Answer = tuple[int, SockAddress]  # family, address


class Deadline:
    """The moment a fetch must be over, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, above 0; past the deadline a `FetchError` says TIMEOUT."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchError(Reason.TIMEOUT, f"not done after {self.seconds:g} s")
        return left

    def extend(self, seconds: float) -> None:
        """Gives back time that was spent on politeness."""
        self._end += seconds


class _Reader(io.RawIOBase):
    """The bytes of a socket, each read bounded by what is left of the deadline and of the byte budget."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._socket = sock
        self._deadline = deadline
        self._budget = HEADER_BYTES
        self.too_much = FetchError(Reason.PROTOCOL_ERROR, f"headers above {HEADER_BYTES} bytes")

    def allow(self, count: int, too_much: FetchError) -> None:
        """From now on `count` bytes more may come; `too_much` is raised with the first beyond."""
        self._budget, self.too_much = count, too_much

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.remaining())
        try:
            count = self._socket.recv_into(buffer)
        except TimeoutError:
            self._deadline.remaining()  # raises, but for a rounding error …
            raise FetchError(Reason.TIMEOUT, "no more bytes came") from None  # … and then this
        self._budget -= count
        if self._budget < 0:
            raise self.too_much
        return count


class _Socket:
    """As much of a socket as `HTTPResponse` asks for."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._reader)


@dataclass(frozen=True, slots=True)
class Answered:
    """The head of an answer, and its body in chunks, to be read before the exchange ends."""

    status: int
    headers: Sequence[tuple[str, str]]
    read_on: Callable[[int, FetchError], None]  # byte budget of the body
    chunks: Iterator[bytes]


@contextmanager
def exchange(
    target: Target, answers: Sequence[Answer], request: bytes, deadline: Deadline, connect_timeout: float
) -> Iterator[Answered]:
    """The answer of `target`, asked at the first of `answers` that accepts. Raises `FetchError` only."""
    with _as_fetch_errors(target), closing(_connect(target, answers, deadline, connect_timeout)) as plain:
        sock = _secured(plain, target, deadline) if target.scheme == "https" else plain
        with closing(sock):
            sock.settimeout(deadline.remaining())
            sock.sendall(request)
            reader = _Reader(sock, deadline)
            response = HTTPResponse(cast(socket.socket, _Socket(reader)), method="GET")
            response.begin()
            _refuse_doubt(response)
            yield Answered(response.status, response.getheaders(), reader.allow, _chunks(response))


def _connect(
    target: Target, answers: Sequence[Answer], deadline: Deadline, connect_timeout: float
) -> socket.socket:
    failure = FetchError(Reason.DNS_ERROR, f"{target.host}: no address")
    for family, address in answers:
        seconds = min(connect_timeout, deadline.remaining())
        sock = socket.socket(family, socket.SOCK_STREAM)  # no descriptor left is our failure: it falls
        try:
            sock.settimeout(seconds)
            sock.connect(address)
            return sock
        except TimeoutError:
            sock.close()
            failure = FetchError(
                Reason.TIMEOUT, f"{target.authority}: not accepted in {seconds:g} s", retry_after=0
            )
        except OSError as error:
            sock.close()
            failure = FetchError(Reason.CONNECT_ERROR, f"{target.authority}: {_plain(error)}")
    raise failure


def _secured(sock: socket.socket, target: Target, deadline: Deadline) -> socket.socket:
    sock.settimeout(deadline.remaining())
    try:
        return _tls().wrap_socket(sock, server_hostname=target.host)
    except TimeoutError:
        raise FetchError(Reason.TIMEOUT, f"{target.authority}: TLS handshake not done in time") from None


@cache
def _tls() -> ssl.SSLContext:
    """One context for the process: to load the certificates takes 20 ms."""
    return ssl.create_default_context()


@contextmanager
def _as_fetch_errors(target: Target) -> Iterator[None]:
    """Names what a server can do to us. `ValueError` is what a wild chunk size makes http.client raise."""
    try:
        yield
    except ssl.SSLError as error:
        raise FetchError(Reason.TLS_ERROR, f"{target.authority}: {_plain(error)}") from None
    except RemoteDisconnected:
        detail = f"{target.authority}: closed without an answer"
        raise FetchError(Reason.CONNECT_ERROR, detail, retry_after=0) from None
    except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
        detail = f"{target.authority}: connection reset"
        raise FetchError(Reason.CONNECT_ERROR, detail, retry_after=0) from None
    except TimeoutError:
        raise FetchError(Reason.TIMEOUT, f"{target.authority}: took no request in time") from None
    except IncompleteRead:
        raise FetchError(Reason.PROTOCOL_ERROR, "body ends before its declared length") from None
    except (HTTPException, ValueError) as error:
        raise FetchError(Reason.PROTOCOL_ERROR, f"{type(error).__name__}: {error}"[:200]) from None


def _plain(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no TLS spoken").lower().replace("_", " ")
    return (error.strerror or str(error)).lower()


def _refuse_doubt(response: HTTPResponse) -> None:
    """Refuses an answer that another reader could read in another way, or whose headers are cut short."""
    lengths = set(response.headers.get_all("content-length", []))
    codings = response.headers.get_all("transfer-encoding", [])
    doubt = ""
    if any(isinstance(defect, _CUT_SHORT) for defect in response.headers.defects):
        doubt = "malformed header line"
    elif any(not (length.isascii() and length.isdigit()) for length in lengths) or len(lengths) > 1:
        doubt = "Content-Length in doubt"
    elif codings and (lengths or [coding.strip().lower() for coding in codings] != ["chunked"]):
        doubt = "Transfer-Encoding in doubt"
    if doubt:
        raise FetchError(Reason.PROTOCOL_ERROR, doubt, http_status=response.status)


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read(CHUNK):
        yield chunk
    if response.length:  # http.client itself does not mind
        raise IncompleteRead(b"", response.length)
