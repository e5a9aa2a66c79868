"""A server on loopback that answers with raw bytes, and remembers what it saw."""

import itertools
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from wit_pipeline.vocabulary.records import Reason

RESET = b"\0reset"  # in an answer: drop the connection with a TCP reset


@dataclass(frozen=True, slots=True)
class Visit:
    """What an answer may know of the request it answers."""

    number: int  # of requests for this path, from 1
    canary: str  # authority of a server that nobody may reach
    pause: Callable[[float], object]  # waits so many seconds, or until the server stops
    target: str  # path and query


Answer = Callable[[Visit], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is sent, and what must come of it."""

    answer: Answer
    outcome: str  # SUCCESS or a Reason
    picture: bytes = b""  # that a crawl must find there, where that is told


@dataclass
class Log:
    """What the server saw; the client's own opinion of its manners counts for nothing."""

    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # seconds, monotonic
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)  # from a request to its last piece

    @property
    def peak(self) -> int:
        """The most requests that were under way at once."""
        changes = [(start, 1) for start, _ in self.spans] + [(end, -1) for _, end in self.spans]
        now = peak = 0
        for _, change in sorted(changes):
            now += change
            peak = max(peak, now)
        return peak

    @property
    def rests(self) -> list[float]:
        """Seconds from the last piece of each answer to the next request: below 0 where they overlap."""
        spans = sorted(self.spans)
        return [later[0] - sooner[1] for sooner, later in itertools.pairwise(spans)]


class Web:
    """A server on a free port of 127.0.0.1, from `with` to the end of its block."""

    def __init__(self, endpoints: dict[str, Endpoint], canary: str = "127.0.0.1:1") -> None:
        self.endpoints = endpoints
        self.canary = canary
        self.log = Log()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        socket.create_connection(("127.0.0.1", self._server.server_address[1])).close()  # so that it looks up
        self._thread.join()
        self._server.server_close()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.authority}{path}"

    def hits(self, path: str) -> int:
        return self.log.paths.count(path)

    def visit(self, path: str, headers: dict[str, str]) -> Visit:
        with self._lock:
            self._counts[path] += 1
            self.log.paths.append(path)
            self.log.times.append(time.monotonic())
            self.log.headers.append(headers)
            return Visit(self._counts[path], self.canary, self.stopping.wait, path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, web: Web) -> None:
        self.web = web
        super().__init__(("127.0.0.1", 0), _Handler)

    def serve(self) -> None:
        """Answer until the web stops."""
        while not self.web.stopping.is_set():
            self.handle_request()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.close_connection = True
        web, path = self.server.web, self.path.partition("?")[0]
        began = ended = time.monotonic()
        visit = web.visit(self.path, dict(self.headers.items()))
        try:
            for piece in web.endpoints.get(path, NOT_FOUND).answer(visit):
                if web.stopping.is_set():
                    return
                if piece == RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()  # after a linger of 0 s that is a reset
                    return
                ended = time.monotonic()  # before: once it is written, the client may go on
                self.wfile.write(piece)
        except OSError:
            return  # the client has hung up
        finally:
            web.log.spans.append((began, ended))

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def _no(_: Visit) -> Iterable[bytes]:
    """In one piece: a client that has seen the head of this may go on before a second is written."""
    return [b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"]


NOT_FOUND = Endpoint(_no, Reason.HTTP_NOT_FOUND)
