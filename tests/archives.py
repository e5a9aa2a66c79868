"""Small web archives for tests."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from functools import partial

from backports import zstd

PACKS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": partial(gzip.compress, mtime=0),
    "zst": zstd.compress,
}


def page(number: int, more: str = "") -> bytes:
    """A page with an image of its own."""
    return (
        f'<!doctype html><html lang="en"><img src="/{number}.jpg" alt="dog {number}">{more}</html>'.encode()
    )


def answer(body: bytes, kind: str = "text/html", status: str = "200 OK", more: str = "") -> bytes:
    """An HTTP response."""
    stated = f"Content-Type: {kind}\r\n" if kind else ""
    return f"HTTP/1.1 {status}\r\n{stated}{more}\r\n".encode() + body


def record(
    block: bytes,
    url: str = "http://a.test/p",
    kind: str = "response",
    content_type: str = "application/http; msgtype=response",
    length: int | str = "",
) -> bytes:
    """A WARC record; `length` is what it says it holds, where that is not so."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Target-URI: {url}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block) if length == '' else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def pages(count: int, first: int = 0) -> list[bytes]:
    """Records of pages, each with a request before it."""
    found = []
    for number in range(first, first + count):
        found.append(record(b"GET / HTTP/1.1\r\n\r\n", kind="request"))
        found.append(record(answer(page(number)), f"http://a.test/{number}"))
    return found


def arc(count: int) -> list[bytes]:
    """Records of an ARC file, its description first."""
    about = b"1 0 Crawler\nURL IP-address Archive-date Content-type Archive-length\n"
    found = [b"filedesc://a.arc 0.0.0.0 20140216050221 text/plain %d\n" % len(about) + about + b"\n"]
    for number in range(count):
        block = answer(page(number))
        line = f"http://a.test/{number} 10.0.0.1 20140216050221 text/html {len(block)}\n"
        found.append(line.encode() + block + b"\n")
    return found


def packed(records: Sequence[bytes], way: str) -> bytes:
    """An archive with each record packed by itself."""
    return b"".join(map(PACKS[way], records))


def with_dictionary(records: Sequence[bytes], compress: bool) -> bytes:
    """A .warc.zst with its dictionary in front."""
    known = zstd.train_dict([b"%d %s" % (i, item) for i in range(60) for item in records], 4096)
    stored = zstd.compress(known.dict_content) if compress else known.dict_content
    frames = (zstd.compress(item, zstd_dict=known) for item in records)
    return b"\x5d\x2a\x4d\x18" + struct.pack("<I", len(stored)) + stored + b"".join(frames)


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP of some files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()
