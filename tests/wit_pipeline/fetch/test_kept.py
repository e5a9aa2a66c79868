"""Connections that are kept: no byte of one answer is ever taken for a part of the next."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

OK = b"HTTP/1.1 200 OK\r\n"
EVIL = OK + b"Content-Length: 5\r\n\r\nEVIL!"


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Server:
    """Answers each path with the bytes of its table, and keeps the connection."""

    def __init__(self, answers: dict[str, bytes], once: bool, stray: bytes) -> None:
        self.answers = answers
        self.once = once  # it reads one request of each connection
        self.stray = stray  # comes before each answer but a connection's first
        self.ended = threading.Event()
        self.connections: list[list[str]] = []  # the paths asked for on each
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.authority = f"127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            asked: list[str] = []
            self.connections.append(asked)
            threading.Thread(target=self.serve, args=(connection, asked), daemon=True).start()

    def serve(self, connection: socket.socket, asked: list[str]) -> None:
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                path = line.split()[1].decode()
                while lines.readline() not in (b"\r\n", b""):
                    pass
                asked.append(path)
                try:
                    connection.sendall(self.stray if len(asked) > 1 else b"")
                    connection.sendall(self.answers.get(path, answer(path.encode())))
                except OSError:
                    return
                if self.once:
                    self.ended.wait(30)


@contextmanager
def served(answers: dict[str, bytes], once: bool = False, stray: bytes = b"") -> Iterator[Server]:
    server = Server(answers, once, stray)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join()


def bodies(server: Server, paths: Sequence[str], processes: int = 1) -> list[bytes | str]:
    """What comes of paths that are all asked for at once, over one connection at a time.

    Where there are other processes, the server is not ours.
    """
    config = CrawlConfig(
        allow_hosts=(server.authority,),
        connections_per_host=1,
        robots=False,
        opt_outs=(),
        retries=0,
        timeout=3.0,
    )

    async def fetch(path: str) -> bytes | str:
        try:
            async with client.ask(f"http://{server.authority}{path}") as response:
                return response.body
        except FetchError as error:
            return str(error.reason)

    async def all_at_once() -> list[bytes | str]:  # on the client's own loop: no thread comes late
        return await asyncio.gather(*map(fetch, paths))

    with Client(config, processes=processes) as client:
        client.owns([])
        return client.run(all_at_once())


PATHS = [f"/{i}" for i in range(12)]


def test_one_connection_serves_all_that_wait() -> None:
    with served({}) as server:
        assert bodies(server, PATHS) == [path.encode() for path in PATHS]
        assert len(server.connections) <= 2  # nobody waits yet when the first one starts


def test_a_guest_keeps_no_connection() -> None:
    """Else the host would hold one for each process, whether that asks or rests."""
    with served({}) as server:
        assert bodies(server, PATHS, processes=3) == [path.encode() for path in PATHS]
        assert [len(asked) for asked in server.connections] == [1] * len(PATHS)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (answer(b"/3") + EVIL, b"/3"),
        (OK + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n/3" + EVIL, "protocol_error"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n/3" + EVIL,
            "protocol_error",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n/3\r\n0\r\n\r\n" + EVIL, b"/3"),
        (b"HTTP/1.1 204 No\r\n\r\n" + EVIL, "http_error"),
        (b"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n" + EVIL, "http_error"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n" + EVIL, "http_not_found"),
        (b"HTTP/1.1 302 Found\r\nLocation: /5\r\nContent-Length: 0\r\n\r\n" + EVIL, b"/5"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n/3" + EVIL, "protocol_error"),
    ],
    ids=["length", "two_lengths", "length_and_chunks", "chunks", "204", "304", "404", "redirect", "negative"],
)
def test_an_answer_too_many_is_nobodys(sent: bytes, found: bytes | str) -> None:
    with served({"/3": sent}) as server:
        expected: list[bytes | str] = [path.encode() for path in PATHS]
        expected[3] = found
        assert bodies(server, PATHS) == expected


def test_a_connection_that_nobody_reads_any_more_costs_no_picture() -> None:
    """The server answers, keeps the connection, and never again looks at it; on a new one it answers."""
    with served({}, once=True) as server:
        assert bodies(server, PATHS) == [path.encode() for path in PATHS]
        assert len(server.connections) >= len(PATHS)  # the first that was kept was the last


@pytest.mark.parametrize("stray", [b"EVIL!", b"\r\n\r\n", b"HTTP/1.1 EVIL\r\n\r\n", bytes(9)])
def test_what_comes_late_of_an_answer_costs_no_picture(stray: bytes) -> None:
    with served({}, stray=stray) as server:
        assert bodies(server, PATHS) == [path.encode() for path in PATHS]
        assert max(map(len, server.connections)) <= 2
