"""A small misbehaving web on loopback, and what must come of each of its pages.

`ENDPOINTS` is the truth: path to what is sent, and the outcome that a crawl of it must have. An answer is a
generator of raw bytes, so that it can break any rule of HTTP.
"""

import gzip
import io
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import numpy as np
from PIL import Image

from wit_pipeline.records import SUCCESS, Reason

RESET = b"\0reset"  # in an answer: drop the connection with a TCP reset


# --- the server -----------------------------------------------------------------------------------


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
    answer: Answer
    outcome: str  # SUCCESS or a Reason


@dataclass
class Log:
    """What the server saw; the client's own opinion of its manners counts for nothing."""

    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # seconds, monotonic
    headers: list[dict[str, str]] = field(default_factory=list)


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
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

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

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what this server is for."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.close_connection = True
        web, path = self.server.web, self.path.partition("?")[0]
        visit = web.visit(self.path, dict(self.headers.items()))
        try:
            for piece in web.endpoints.get(path, NOT_FOUND).answer(visit):
                if web.stopping.is_set():
                    return
                if piece == RESET:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()  # after a linger of 0 s that is a reset
                    return
                self.wfile.write(piece)
        except OSError:
            return  # the client has hung up

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


# --- pictures -------------------------------------------------------------------------------------


def picture(width: int = 400, height: int = 300, mode: str = "RGB") -> Image.Image:
    """The same colourful picture for the same arguments: a gradient, two waves and a dark corner."""
    y, x = np.mgrid[0:height, 0:width]
    red, green = 255 * x / width, 127 + 127 * np.sin(x / 23 + y / 41)
    blue = 255 * y / height
    pixels = np.stack([red, green, blue], axis=2).astype(np.uint8)
    pixels[: height // 4, : width // 4] //= 4  # so that no turn or mirror image looks the same
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    """`image` as a file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def oriented(orientation: int) -> bytes:
    """A 400 × 300 JPEG whose EXIF orientation says how to turn it, taken by a camera that says where."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x8298] = "© Ada".encode()  # Copyright
    exif[0x010F] = "Maker\0"
    exif[0x8825] = {1: "N", 2: (51.0, 30.0, 0.0)}  # GPS
    return encoded(picture(), "JPEG", exif=exif)


def chunk(name: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_bomb(side: int) -> bytes:
    """A PNG that declares `side` × `side` pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A PNG with a compressed comment of 100 MB."""
    png = PNG[:33] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))
    return png + PNG[33:]


def webp_bomb(side: int) -> bytes:
    """A WebP of a few bytes that declares `side` × `side` pixels, `side` up to 16384."""
    data = b"\x2f" + struct.pack("<I", (side - 1) | (side - 1) << 14) + bytes(9)
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def scan_bomb(scans: int) -> bytes:
    """A progressive JPEG that makes a decoder go over the picture `scans` times."""
    start = PROGRESSIVE.rindex(b"\xff\xda")
    return PROGRESSIVE[:start] + PROGRESSIVE[start:-2] * scans + PROGRESSIVE[-2:]


JPEG = encoded(picture(), "JPEG", quality=90)
PROGRESSIVE = encoded(picture(), "JPEG", quality=90, progressive=True)
PNG = encoded(picture(), "PNG")
GIF = encoded(picture(), "GIF")
WEBP = encoded(picture(), "WEBP")
FRAMES = [picture(), picture().rotate(180), picture().rotate(90)]
CLEAR = picture(mode="RGBA")
CLEAR.putalpha(picture(mode="L"))

PICTURES: dict[str, bytes] = {
    "jpeg": JPEG,
    "progressive": PROGRESSIVE,
    "grey": encoded(picture(mode="L"), "JPEG"),
    "cmyk": encoded(picture(mode="CMYK"), "JPEG"),
    "small": encoded(picture(64, 48), "JPEG"),
    "pixel": encoded(picture(1, 1), "GIF"),
    **{f"orientation{turn}": oriented(turn) for turn in (1, 3, 6, 8)},
    "png": PNG,
    "png_alpha": encoded(CLEAR, "PNG"),
    "png_grey_alpha": encoded(CLEAR.convert("LA"), "PNG"),
    "png_palette": encoded(picture().quantize(64), "PNG"),
    "png_palette_alpha": encoded(picture().quantize(64), "PNG", transparency=3),
    "png_bit": encoded(picture(mode="1"), "PNG"),
    "png_16_bit": encoded(Image.fromarray(np.asarray(picture(mode="L")).astype(np.uint16) * 257), "PNG"),
    "gif": GIF,
    "gif_moving": encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]),
    "webp": WEBP,
    "webp_lossless": encoded(CLEAR, "WEBP", lossless=True),
    "webp_moving": encoded(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
    "mpo": encoded(FRAMES[0], "MPO", save_all=True, append_images=FRAMES[1:]),
    "jpeg_then_junk": JPEG + bytes(5000),
    "two_comments": encoded(picture(), "JPEG", comment=b"x" * 60_000),
}

NO_PICTURES: dict[str, tuple[bytes, Reason]] = {
    "truncated.jpg": (JPEG[: len(JPEG) // 2], Reason.DECODE_ERROR),
    "truncated.png": (PNG[: len(PNG) // 2], Reason.DECODE_ERROR),
    "truncated.gif": (GIF[: len(GIF) // 2], Reason.DECODE_ERROR),
    "truncated.webp": (WEBP[: len(WEBP) // 2], Reason.DECODE_ERROR),
    "header_only.jpg": (JPEG[:4], Reason.DECODE_ERROR),
    "header_only.png": (PNG[:20], Reason.DECODE_ERROR),
    "checksum.png": (PNG[:60] + b"\0\0\0\0" + PNG[64:], Reason.DECODE_ERROR),
    "zeros.jpg": (bytes(5000), Reason.UNSUPPORTED_FORMAT),
    "page.jpg": (b"<!doctype html><title>404 with a friendly face</title>", Reason.UNSUPPORTED_FORMAT),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', Reason.UNSUPPORTED_FORMAT),
    "entity.svg": (
        b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        Reason.UNSUPPORTED_FORMAT,
    ),
    "tiff.jpg": (encoded(picture(), "TIFF"), Reason.UNSUPPORTED_FORMAT),
    "bmp.jpg": (encoded(picture(), "BMP"), Reason.UNSUPPORTED_FORMAT),
    "ppm.jpg": (encoded(picture(), "PPM"), Reason.UNSUPPORTED_FORMAT),
    "icon.jpg": (encoded(picture(64, 64), "ICO"), Reason.UNSUPPORTED_FORMAT),
    "eps.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", Reason.UNSUPPORTED_FORMAT),
    "pdf.jpg": (b"%PDF-1.7\n%%EOF", Reason.UNSUPPORTED_FORMAT),
    "bomb.png": (png_bomb(12_000), Reason.TOO_MANY_PIXELS),
    "huge_bomb.png": (png_bomb(50_000), Reason.TOO_MANY_PIXELS),
    "bomb.webp": (webp_bomb(16_384), Reason.TOO_MANY_PIXELS),
    "no_rows.png": (png_bomb(4_000), Reason.DECODE_ERROR),
    "text_bomb.png": (text_bomb(), Reason.DECODE_ERROR),
    "scans.jpg": (scan_bomb(400), Reason.DECODE_ERROR),
}


# --- answers --------------------------------------------------------------------------------------


def head(status: str = "200 OK", *headers: str) -> bytes:
    """A status line and headers."""
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode("latin-1")


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """A proper answer."""
    return lambda visit: [head(status, f"Content-Length: {len(body)}", *headers), body]


def raw(*pieces: bytes) -> Answer:
    """These bytes, proper or not."""
    return lambda visit: pieces


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


def late(visit: Visit) -> Iterator[bytes]:
    """A picture that takes a moment before its headers and before its body."""
    for piece in (head(), JPEG):
        visit.pause(0.2)
        yield piece


def to_canary_by_number(spell: Callable[[int], str]) -> Answer:
    """A redirect to the canary with its address spelled as the C library also reads it."""
    return lambda visit: to(f"http://{spell(0x7F000001)}:{visit.canary.partition(':')[2]}/secret.jpg")(visit)


NOT_FOUND = Endpoint(whole(b"no", status="404 Not Found"), Reason.HTTP_NOT_FOUND)
GZIPPED = gzip.compress(JPEG)
HALF_CHUNKED = b"%x\r\n" % len(JPEG) + JPEG + b"\r\n"
CHUNKED = HALF_CHUNKED + b"0\r\n\r\n"
ZEROS = gzip.compress(bytes(64_000_000), 9)

OPT_OUTS: dict[str, tuple[str, ...]] = {
    "noai": ("X-Robots-Tag: noai",),
    "noimageai": ("X-Robots-Tag: noimageai",),
    "noindex": ("X-Robots-Tag: noindex",),
    "noimageindex": ("X-Robots-Tag: noimageindex",),
    "none": ("X-Robots-Tag: none",),
    "mixed_case": ("x-robots-tag: NoAI",),
    "list": ("X-Robots-Tag: max-snippet:10, NoAI",),
    "list_of_blanks": ("X-Robots-Tag: nofollow noai",),
    "second_line": ("X-Robots-Tag: nofollow", "X-Robots-Tag: noai"),
    "ours": ("X-Robots-Tag: wit: noai",),
    "ours_among_others": ("X-Robots-Tag: otherbot: nofollow, wit: noimageai",),
    "everybody": ("X-Robots-Tag: *: noai",),
    "after_a_date": ("X-Robots-Tag: unavailable_after: 25 Jun 2030 15:00:00 PST, noai",),
    "tdm": ("TDM-Reservation: 1",),
    "usage": ("Content-Usage: bots=y, train-ai=n",),
}
OPT_INS: dict[str, tuple[str, ...]] = {
    "another_agent": ("X-Robots-Tag: otherbot: noai, noindex",),
    "all": ("X-Robots-Tag: all, max-image-preview: large",),
    "tdm_0": ("TDM-Reservation: 0",),
    "usage_y": ("Content-Usage: train-ai=y",),
}

# --- the truth ------------------------------------------------------------------------------------

ENDPOINTS: dict[str, Endpoint] = {
    "/robots.txt": Endpoint(
        whole(b"User-agent: *\nDisallow: /private/\nAllow: /private/but/this\n"), Reason.UNSUPPORTED_FORMAT
    ),
    **{f"/picture/{name}": Endpoint(whole(body), SUCCESS) for name, body in PICTURES.items()},
    **{f"/no/{name}": Endpoint(whole(body), reason) for name, (body, reason) in NO_PICTURES.items()},
    **{f"/opt_out/{name}": Endpoint(whole(JPEG, *tags), Reason.OPTED_OUT) for name, tags in OPT_OUTS.items()},
    **{f"/opt_in/{name}": Endpoint(whole(JPEG, *tags), SUCCESS) for name, tags in OPT_INS.items()},
    "/opt_out/redirect": Endpoint(
        whole(b"", "X-Robots-Tag: noai", "Location: /picture/jpeg", status="302 Found"), Reason.OPTED_OUT
    ),
    # robots.txt
    "/private/picture.jpg": Endpoint(whole(JPEG), Reason.ROBOTS_DISALLOWED),
    "/private/but/this": Endpoint(whole(JPEG), SUCCESS),
    "/redirect/into_private": Endpoint(to("/private/picture.jpg"), Reason.ROBOTS_DISALLOWED),
    # bodies
    "/body/text_type": Endpoint(whole(JPEG, "Content-Type: text/html"), SUCCESS),
    "/body/multipart_type": Endpoint(whole(JPEG, "Content-Type: multipart/mixed"), SUCCESS),
    "/body/no_length": Endpoint(raw(head(), JPEG), SUCCESS),
    "/body/http_1_0": Endpoint(raw(b"HTTP/1.0 200 OK\r\n\r\n", JPEG), SUCCESS),
    "/body/chunked": Endpoint(raw(head("200 OK", "Transfer-Encoding: chunked"), CHUNKED), SUCCESS),
    "/body/gzip": Endpoint(whole(GZIPPED, "Content-Encoding: gzip"), SUCCESS),
    "/body/deflate": Endpoint(whole(zlib.compress(JPEG), "Content-Encoding: deflate"), SUCCESS),
    "/body/after_continue": Endpoint(
        raw(head("100 Continue"), head("200 OK", f"Content-Length: {len(JPEG)}"), JPEG), SUCCESS
    ),
    "/body/%C3%A4.jpg": Endpoint(whole(JPEG), SUCCESS),
    "/body/empty": Endpoint(whole(b""), Reason.EMPTY),
    "/body/empty_no_length": Endpoint(raw(head()), Reason.EMPTY),
    "/body/declared": Endpoint(raw(head("200 OK", "Content-Length: 100000000")), Reason.TOO_LARGE),
    "/body/declared_2_62": Endpoint(raw(head("200 OK", f"Content-Length: {2**62}")), Reason.TOO_LARGE),
    "/body/endless": Endpoint(forever(head(), bytes(1 << 16), 0), Reason.TOO_LARGE),
    "/body/endless_chunks": Endpoint(
        forever(head("200 OK", "Transfer-Encoding: chunked"), b"10000\r\n" + bytes(1 << 16) + b"\r\n", 0),
        Reason.TOO_LARGE,
    ),
    "/body/gzip_bomb": Endpoint(whole(ZEROS, "Content-Encoding: gzip"), Reason.TOO_LARGE),
    "/body/gzip_bomb_behind_jpeg": Endpoint(
        whole(gzip.compress(JPEG + bytes(64_000_000), 1), "Content-Encoding: gzip"), Reason.TOO_LARGE
    ),
    "/body/gzip_twice": Endpoint(
        whole(gzip.compress(ZEROS), "Content-Encoding: gzip, gzip"), Reason.PROTOCOL_ERROR
    ),
    "/body/gzip_cut": Endpoint(whole(GZIPPED[:5000], "Content-Encoding: gzip"), Reason.PROTOCOL_ERROR),
    "/body/gzip_not": Endpoint(whole(JPEG, "Content-Encoding: gzip"), Reason.PROTOCOL_ERROR),
    "/body/brotli": Endpoint(whole(JPEG, "Content-Encoding: br"), Reason.PROTOCOL_ERROR),
    "/body/short": Endpoint(
        raw(head("200 OK", f"Content-Length: {len(JPEG) + 1}"), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/body/half_chunked": Endpoint(
        raw(head("200 OK", "Transfer-Encoding: chunked"), HALF_CHUNKED), Reason.PROTOCOL_ERROR
    ),
    "/body/wild_chunk": Endpoint(
        raw(head("200 OK", "Transfer-Encoding: chunked"), b"zz\r\nhello\r\n"), Reason.PROTOCOL_ERROR
    ),
    "/body/negative_chunk": Endpoint(
        raw(head("200 OK", "Transfer-Encoding: chunked"), b"-5\r\nhello\r\n"), Reason.PROTOCOL_ERROR
    ),
    # status
    "/status/404": NOT_FOUND,
    "/status/410": Endpoint(whole(JPEG, status="410 Gone"), Reason.HTTP_NOT_FOUND),
    "/status/401": Endpoint(whole(JPEG, status="401 Unauthorized"), Reason.HTTP_ERROR),
    "/status/403": Endpoint(whole(JPEG, status="403 Forbidden"), Reason.HTTP_ERROR),
    "/status/500": Endpoint(whole(JPEG, status="500 Oops"), Reason.HTTP_ERROR),
    "/status/204": Endpoint(raw(head("204 No Content")), Reason.HTTP_ERROR),
    "/status/206": Endpoint(whole(JPEG, status="206 Partial Content"), Reason.HTTP_ERROR),
    "/status/304": Endpoint(raw(head("304 Not Modified")), Reason.HTTP_ERROR),
    # protocol
    "/protocol/ssh": Endpoint(raw(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.PROTOCOL_ERROR),
    "/protocol/http_0_9": Endpoint(raw(JPEG), Reason.PROTOCOL_ERROR),
    "/protocol/status_text": Endpoint(raw(b"HTTP/1.1 OK\r\n\r\n"), Reason.PROTOCOL_ERROR),
    "/protocol/two_lengths": Endpoint(
        raw(head("200 OK", "Content-Length: 5", f"Content-Length: {len(JPEG)}"), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/same_length_twice": Endpoint(whole(JPEG, f"Content-Length: {len(JPEG)}"), SUCCESS),
    "/protocol/length_and_chunks": Endpoint(
        raw(head("200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"), CHUNKED), Reason.PROTOCOL_ERROR
    ),
    "/protocol/odd_coding": Endpoint(
        raw(head("200 OK", "Transfer-Encoding: xchunked"), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/negative_length": Endpoint(
        raw(head("200 OK", "Content-Length: -1"), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/text_length": Endpoint(
        raw(head("200 OK", "Content-Length: many"), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/bad_line": Endpoint(
        raw(head("200 OK", "no colon here", "X-Robots-Tag: noai"), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/header_flood": Endpoint(
        raw(head("200 OK", *(f"X-{i}: y" for i in range(100_000))), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/giant_header": Endpoint(
        raw(head("200 OK", "X: " + "y" * 4_000_000), JPEG), Reason.PROTOCOL_ERROR
    ),
    "/protocol/continue_flood": Endpoint(forever(b"", head("100 Continue") * 1000, 0), Reason.PROTOCOL_ERROR),
    "/protocol/closed": Endpoint(raw(), Reason.CONNECT_ERROR),
    "/protocol/reset": Endpoint(raw(RESET), Reason.CONNECT_ERROR),
    "/protocol/reset_in_body": Endpoint(
        raw(head("200 OK", "Content-Length: 50000"), JPEG[:100], RESET), Reason.CONNECT_ERROR
    ),
    "/protocol/reset_once": Endpoint(at_visit(2, raw(RESET), whole(JPEG)), SUCCESS),
    # slow
    "/slow/but_done": Endpoint(late, SUCCESS),
    "/slow/silent": Endpoint(forever(b"", b"", 0.05), Reason.TIMEOUT),
    "/slow/status_line": Endpoint(forever(b"HTTP/1.1 200 ", b"O", 0.05), Reason.TIMEOUT),
    "/slow/headers": Endpoint(forever(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.05), Reason.TIMEOUT),
    "/slow/stall": Endpoint(
        forever(head("200 OK", f"Content-Length: {len(JPEG)}") + JPEG[:500], b"", 0.05), Reason.TIMEOUT
    ),
    "/slow/drip": Endpoint(
        forever(head("200 OK", "Content-Length: 1000000"), b"x", 0.05), Reason.TIMEOUT
    ),
    "/slow/drip_chunks": Endpoint(
        forever(head("200 OK", "Transfer-Encoding: chunked"), b"1\r\nx\r\n", 0.05), Reason.TIMEOUT
    ),
    # redirects
    "/redirect/once": Endpoint(to("/picture/jpeg"), SUCCESS),
    "/redirect/permanent": Endpoint(to("/picture/jpeg", "308 Permanent Redirect"), SUCCESS),
    "/redirect/relative": Endpoint(to("../picture/png?size=1#top"), SUCCESS),
    "/redirect/3": Endpoint(to("/redirect/2"), SUCCESS),
    "/redirect/2": Endpoint(to("/redirect/once"), SUCCESS),
    "/redirect/utf_8": Endpoint(to("/body/\xc3\xa4.jpg"), SUCCESS),
    "/redirect/loop": Endpoint(to("/redirect/loop"), Reason.TOO_MANY_REDIRECTS),
    "/redirect/endless": Endpoint(
        lambda visit: to(f"/redirect/endless?{visit.number}")(visit), Reason.TOO_MANY_REDIRECTS
    ),
    "/redirect/nowhere": Endpoint(whole(b"", status="302 Found"), Reason.PROTOCOL_ERROR),
    "/redirect/two_places": Endpoint(
        whole(b"", "Location: /picture/jpeg", "Location: /picture/png", status="302 Found"),
        Reason.PROTOCOL_ERROR,
    ),
    "/redirect/long": Endpoint(to("/" + "a" * 40_000), Reason.URL_INVALID),
    "/redirect/credentials": Endpoint(to("http://user:secret@CANARY/"), Reason.URL_INVALID),
    "/redirect/backslash": Endpoint(to("http:\\\\CANARY\\"), Reason.URL_INVALID),
    "/redirect/confusing": Endpoint(to("http://example.org\\@CANARY/"), Reason.URL_INVALID),
    "/redirect/blank": Endpoint(to("http://CANARY/ x"), Reason.URL_INVALID),
    **{
        f"/redirect/{place.partition(':')[0]}": Endpoint(to(place), Reason.BLOCKED_SCHEME)
        for place in (
            "file:///etc/passwd", "ftp://CANARY/", "data:image/gif;base64,R0lGOD", "javascript:alert(1)",
            "gopher://CANARY/", "jar:http://CANARY/!/x",
        )
    },
    # to where only the machine itself may go
    "/redirect/metadata": Endpoint(to("http://169.254.169.254/latest/meta-data/"), Reason.BLOCKED_ADDRESS),
    "/redirect/canary": Endpoint(to("http://CANARY/secret.jpg"), Reason.BLOCKED_ADDRESS),
    "/redirect/canary_no_scheme": Endpoint(to("//CANARY/secret.jpg"), Reason.BLOCKED_ADDRESS),
    "/redirect/canary_then": Endpoint(to("/redirect/canary"), Reason.BLOCKED_ADDRESS),
    "/redirect/canary_https": Endpoint(to("https://CANARY/secret.jpg"), Reason.BLOCKED_ADDRESS),
    "/redirect/canary_decimal": Endpoint(to_canary_by_number(str), Reason.URL_INVALID),
    "/redirect/canary_hex": Endpoint(to_canary_by_number(hex), Reason.URL_INVALID),
    "/redirect/canary_octal": Endpoint(to_canary_by_number(lambda ip: f"0{ip:o}"), Reason.URL_INVALID),
    "/redirect/canary_short": Endpoint(to_canary_by_number(lambda ip: "127.1"), Reason.URL_INVALID),
    "/redirect/canary_zero": Endpoint(to_canary_by_number(lambda ip: "0"), Reason.URL_INVALID),
    "/redirect/canary_mapped": Endpoint(
        to_canary_by_number(lambda ip: "[::ffff:127.0.0.1]"), Reason.BLOCKED_ADDRESS
    ),
    "/redirect/canary_localhost": Endpoint(
        to_canary_by_number(lambda ip: "localhost"), Reason.BLOCKED_ADDRESS
    ),
}  # fmt: skip
