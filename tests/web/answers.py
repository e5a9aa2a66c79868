"""Ways to answer a request, proper and not."""

from collections.abc import Callable, Iterator

from tests.web.server import Answer, Endpoint, Visit
from wit_pipeline.vocabulary.records import SUCCESS


def head(status: str = "200 OK", *headers: str) -> bytes:
    """A status line and headers."""
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode("latin-1")


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """A proper answer."""
    return lambda visit: [head(status, f"Content-Length: {len(body)}", *headers), body]


def raw(*pieces: bytes) -> Answer:
    """These bytes, proper or not."""
    return lambda visit: pieces


def good(picture: bytes, answer: Answer | None = None) -> Endpoint:
    """An endpoint that gives this picture, by a proper answer if no other is named."""
    return Endpoint(answer or whole(picture), SUCCESS, picture)


def to(location: str, status: str = "302 Found") -> Answer:
    """A redirect; `CANARY` in it becomes the authority that nobody may reach."""
    return lambda visit: [
        head(status, f"Location: {location.replace('CANARY', visit.canary)}", "Content-Length: 0")
    ]


def at_visit(number: int, before: Answer, then: Answer) -> Answer:
    """`then` from the visit with that number on, `before` until then."""
    return lambda visit: (then if visit.number >= number else before)(visit)


def forever(start: bytes, piece: bytes, seconds: float) -> Answer:
    """`start`, and then `piece` again and again, `seconds` apart."""

    def answer(visit: Visit) -> Iterator[bytes]:
        yield start
        while True:
            visit.pause(seconds)
            yield piece

    return answer


def late(*pieces: bytes, seconds: float = 0.2) -> Answer:
    """These bytes, with a pause before each piece."""

    def answer(visit: Visit) -> Iterator[bytes]:
        for piece in pieces:
            visit.pause(seconds)
            yield piece

    return answer


def chunked(body: bytes, size: int = 1 << 30, spell: Callable[[int], bytes] = lambda n: b"%x" % n) -> bytes:
    """A body in chunks of `size` bytes, whose lengths are spelled by `spell`."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(spell(len(part)) + b"\r\n" + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


def to_canary_by_number(spell: Callable[[int], str]) -> Answer:
    """A redirect to the canary with its address spelled as the C library also reads it."""
    return lambda visit: to(f"http://{spell(0x7F000001)}:{visit.canary.partition(':')[2]}/secret.jpg")(visit)
