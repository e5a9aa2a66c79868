"""The truth: what the server sends for each path, and the outcome that a crawl of it must have."""

import gzip
import io
import zlib

import brotli

from tests.claims import in_gif, in_jpeg, in_png, in_webp, mining
from tests.web.answers import (
    at_visit,
    chunked,
    forever,
    good,
    head,
    late,
    raw,
    to,
    to_canary_by_number,
    whole,
)
from tests.web.pictures import GIF, JPEG, PICTURES, PNG, WEBP, segment, with_segments
from tests.web.poison import LARGER_THAN_MAY_BE, NO_PICTURES
from tests.web.server import NOT_FOUND, RESET, Endpoint
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.unpacker import zstd

SMALL = PICTURES["small"]
CHUNKS = head("200 OK", "Transfer-Encoding: chunked")
GZIPPED = gzip.compress(JPEG)
CHUNKED = chunked(JPEG)
HALF_CHUNKED = CHUNKED[:-5]
MEMBERS = gzip.compress(JPEG[:1000]) + gzip.compress(JPEG[1000:1001]) + gzip.compress(JPEG[1001:])
NO_CODINGS = ("UTF-8", "aws-chunked", "none", "binary", "8bit", "image/jpeg", "\xff\xfe", "identity, UTF-8")
ZEROS = gzip.compress(bytes(64_000_000), 9)
LENGTH = f"Content-Length: {len(JPEG)}"


def raw_deflate(body: bytes) -> bytes:
    """What some servers take "deflate" for: no header, no sum."""
    return zlib.compress(body)[2:-4]


def with_name_in_gzip(body: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile("picture.jpg", "wb", fileobj=buffer) as file:
        file.write(body)
    return buffer.getvalue()


# --- opt-outs -------------------------------------------------------------------------------------

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
OTHER_SIGNALS = {  # of OPT_OUTS that are not called after their signal, and of SIGNED
    "mixed_case": "noai", "list": "noai", "list_of_blanks": "noai", "second_line": "noai", "ours": "noai",
    "ours_among_others": "noimageai", "everybody": "noai", "after_a_date": "noai", "tdm": "tdm_header",
    "usage": "content_usage", "signal": "content_signal", "redirect": "noai",
    "xmp.jpg": "xmp", "xmp.png": "xmp", "xmp_compressed.png": "xmp", "xmp.gif": "xmp", "xmp.webp": "xmp",
}  # fmt: skip
PROHIBITED = mining("DMI-PROHIBITED-AIMLTRAINING")
IN_FILES: dict[str, bytes] = {
    "xmp.jpg": in_jpeg(JPEG, PROHIBITED),
    "xmp.png": in_png(PNG, PROHIBITED),
    "xmp_compressed.png": in_png(PNG, PROHIBITED, compressed=True),
    "xmp.gif": in_gif(GIF, PROHIBITED),
    "xmp.webp": in_webp(WEBP, PROHIBITED),
}
OPT_INS: dict[str, tuple[str, ...]] = {
    "another_agent": ("X-Robots-Tag: otherbot: noai, noindex",),
    "all": ("X-Robots-Tag: all, max-image-preview: large",),
    "tdm_0": ("TDM-Reservation: 0",),
    "usage_y": ("Content-Usage: train-ai=y",),
}


def signal_of(path: str) -> str:
    """The one of SIGNALS because of which /opt_out/… is not stored."""
    name = path.removeprefix("/opt_out/")
    return OTHER_SIGNALS.get(name, name)


SIGNED_OUT = {
    **{f"/opt_out/{name}": Endpoint(whole(JPEG, *tags), Reason.OPTED_OUT) for name, tags in OPT_OUTS.items()},
    **{f"/opt_out/{name}": Endpoint(whole(body), Reason.OPTED_OUT) for name, body in IN_FILES.items()},
    "/opt_out/signal": Endpoint(whole(JPEG, "Content-Signal: ai-train=no"), Reason.OPTED_OUT),
    "/opt_out/redirect": Endpoint(
        whole(b"", "X-Robots-Tag: noai", "Location: /picture/jpeg", status="302 Found"), Reason.OPTED_OUT
    ),
}

# --- bodies ---------------------------------------------------------------------------------------

BODIES = {
    "/body/text_type": good(JPEG, whole(JPEG, "Content-Type: text/html")),
    "/body/multipart_type": good(JPEG, whole(JPEG, "Content-Type: multipart/mixed")),
    "/body/svg_type": good(JPEG, whole(JPEG, "Content-Type: image/svg+xml")),
    "/body/binary_type": good(PNG, whole(PNG, "Content-Type: application/octet-stream")),
    "/body/wrong_type": good(WEBP, whole(WEBP, "Content-Type: image/jpeg")),
    "/body/empty_type": good(JPEG, whole(JPEG, "Content-Type:")),
    "/body/two_types": good(JPEG, whole(JPEG, "Content-Type: image/png", "Content-Type: text/plain")),
    "/body/odd_type": good(JPEG, whole(JPEG, "Content-Type: image/jpeg; charset=\xff\xfe")),
    "/body/attachment": good(JPEG, whole(JPEG, 'Content-Disposition: attachment; filename="../../x.exe"')),
    "/body/cookies": good(JPEG, whole(JPEG, *(f"Set-Cookie: c{i}={'x' * 100}" for i in range(50)))),
    "/body/200_headers": good(JPEG, whole(JPEG, *(f"X-{i}: y" for i in range(200)))),
    "/body/no_length": good(JPEG, raw(head(), JPEG)),
    "/body/http_1_0": good(JPEG, raw(b"HTTP/1.0 200 OK\r\n\r\n", JPEG)),
    "/body/no_phrase": good(JPEG, raw(b"HTTP/1.1 200\r\n" + LENGTH.encode() + b"\r\n\r\n", JPEG)),
    "/body/bare_line_ends": good(JPEG, raw(b"HTTP/1.1 200 OK\n" + LENGTH.encode() + b"\n\n", JPEG)),
    "/body/folded_header": good(JPEG, whole(JPEG, "X-Long: one\r\n two")),
    "/body/length_of_many_digits": good(JPEG, raw(head("200 OK", f"Content-Length: {len(JPEG):020d}"), JPEG)),
    "/body/chunked": good(JPEG, raw(CHUNKS, CHUNKED)),
    "/body/small_chunks": good(JPEG, raw(CHUNKS, chunked(JPEG, 100))),
    "/body/chunks_of_a_byte": good(SMALL, raw(CHUNKS, chunked(SMALL, 1))),
    "/body/chunk_capitals": good(JPEG, raw(CHUNKS, chunked(JPEG, 171, lambda size: b"%X" % size))),
    "/body/chunk_zeros": good(JPEG, raw(CHUNKS, chunked(JPEG, 999, lambda size: b"%08x" % size))),
    "/body/chunk_extension": good(JPEG, raw(CHUNKS, chunked(JPEG, 999, lambda size: b"%x;a=b" % size))),
    "/body/trailers": good(JPEG, raw(CHUNKS, CHUNKED[:-2] + b"X-Sum: 1\r\nX-Robots-Tag: all\r\n\r\n")),
    "/body/gzip": good(JPEG, whole(GZIPPED, "Content-Encoding: gzip")),
    "/body/gzip_capitals": good(JPEG, whole(GZIPPED, "Content-Encoding: GZIP")),
    "/body/gzip_old_name": good(JPEG, whole(GZIPPED, "Content-Encoding: x-gzip")),
    "/body/gzip_with_name": good(JPEG, whole(with_name_in_gzip(JPEG), "Content-Encoding: gzip")),
    "/body/gzip_no_length": good(JPEG, raw(head("200 OK", "Content-Encoding: gzip"), GZIPPED)),
    "/body/gzip_chunked": good(
        JPEG,
        raw(head("200 OK", "Content-Encoding: gzip", "Transfer-Encoding: chunked"), chunked(GZIPPED, 999)),
    ),
    "/body/deflate": good(JPEG, whole(zlib.compress(JPEG), "Content-Encoding: deflate")),
    "/body/deflate_raw": good(JPEG, whole(raw_deflate(JPEG), "Content-Encoding: deflate")),
    "/body/brotli": good(JPEG, whole(brotli.compress(JPEG), "Content-Encoding: br")),
    "/body/zstd": good(JPEG, whole(zstd.compress(JPEG), "Content-Encoding: zstd")),
    "/body/deflate_gzip": good(JPEG, whole(GZIPPED, "Content-Encoding: deflate")),
    "/body/gzip_members": good(JPEG, whole(MEMBERS, "Content-Encoding: gzip")),
    "/body/gzip_members_chunked": good(
        JPEG,
        raw(head("200 OK", "Content-Encoding: gzip", "Transfer-Encoding: chunked"), chunked(MEMBERS, 77)),
    ),
    "/body/gzip_member_of_nothing": good(JPEG, whole(gzip.compress(b"") + GZIPPED, "Content-Encoding: gzip")),
    "/body/gzip_then_junk": good(JPEG, whole(GZIPPED + bytes(99), "Content-Encoding: gzip")),
    **{
        f"/body/coding_{number}": good(JPEG, whole(JPEG, f"Content-Encoding: {coding}"))
        for number, coding in enumerate(NO_CODINGS)
    },
    "/body/coding_and_gzip": good(JPEG, whole(GZIPPED, "Content-Encoding: aws-chunked, gzip")),
    "/body/coding_line_and_gzip": good(
        JPEG, whole(GZIPPED, "Content-Encoding: UTF-8", "Content-Encoding: gzip")
    ),
    "/body/empty_odd_coding": Endpoint(whole(b"", "Content-Encoding: none"), Reason.EMPTY),
    "/body/identity": good(JPEG, whole(JPEG, "Content-Encoding: identity")),
    "/body/after_continue": good(JPEG, raw(head("100 Continue"), head("200 OK", LENGTH), JPEG)),
    "/body/after_hints": good(
        JPEG, raw(head("103 Early Hints", "Link: </a.css>") * 3, head("200 OK", LENGTH), JPEG)
    ),
    "/body/more_than_its_length": good(JPEG, raw(head("200 OK", LENGTH), JPEG + b"and more")),
    "/body/same_length_twice": good(JPEG, whole(JPEG, LENGTH)),
    "/body/%C3%A4.jpg": good(JPEG),
    "/body/a%20b.jpg": good(JPEG),
    "/body/[1]%7B2%7D.jpg": good(JPEG),
    "/body/semi;colon,comma.jpg": good(JPEG),
    "/body/empty": Endpoint(whole(b""), Reason.EMPTY),
    "/body/empty_no_length": Endpoint(raw(head()), Reason.EMPTY),
    "/body/empty_chunked": Endpoint(raw(CHUNKS, b"0\r\n\r\n"), Reason.EMPTY),
    "/body/empty_gzip": Endpoint(whole(gzip.compress(b""), "Content-Encoding: gzip"), Reason.EMPTY),
    "/body/a_byte_too_large": Endpoint(whole(LARGER_THAN_MAY_BE), Reason.TOO_LARGE),
    "/body/a_byte_too_large_no_length": Endpoint(raw(head(), LARGER_THAN_MAY_BE), Reason.TOO_LARGE),
    "/body/declared": Endpoint(raw(head("200 OK", "Content-Length: 100000000")), Reason.TOO_LARGE),
    "/body/declared_2_62": Endpoint(raw(head("200 OK", f"Content-Length: {2**62}")), Reason.TOO_LARGE),
    "/body/declared_2_70": Endpoint(raw(head("200 OK", f"Content-Length: {2**70}")), Reason.TOO_LARGE),
    "/body/endless": Endpoint(forever(head(), bytes(1 << 16), 0), Reason.TOO_LARGE),
    "/body/endless_chunks": Endpoint(
        forever(CHUNKS, b"10000\r\n" + bytes(1 << 16) + b"\r\n", 0), Reason.TOO_LARGE
    ),
    "/body/gzip_bomb": Endpoint(whole(ZEROS, "Content-Encoding: gzip"), Reason.TOO_LARGE),
    "/body/deflate_bomb": Endpoint(
        whole(zlib.compress(bytes(64_000_000), 9), "Content-Encoding: deflate"), Reason.TOO_LARGE
    ),
    "/body/brotli_bomb": Endpoint(
        whole(brotli.compress(bytes(64_000_000), quality=1), "Content-Encoding: br"), Reason.TOO_LARGE
    ),
    "/body/zstd_bomb": Endpoint(
        whole(zstd.compress(bytes(64_000_000), 1), "Content-Encoding: zstd"), Reason.TOO_LARGE
    ),
    "/body/gzip_bomb_behind_jpeg": Endpoint(
        whole(gzip.compress(JPEG + bytes(64_000_000), 1), "Content-Encoding: gzip"), Reason.TOO_LARGE
    ),
    "/body/gzip_bomb_in_chunks": Endpoint(
        raw(head("200 OK", "Content-Encoding: gzip", "Transfer-Encoding: chunked"), chunked(ZEROS, 999)),
        Reason.TOO_LARGE,
    ),
}

NO_BODIES = {  # two readers might see two bodies, or one none
    "/body/gzip_twice": whole(gzip.compress(ZEROS), "Content-Encoding: gzip, gzip"),
    "/body/gzip_two_lines": whole(gzip.compress(ZEROS), "Content-Encoding: gzip", "Content-Encoding: gzip"),
    "/body/gzip_cut": whole(GZIPPED[:5000], "Content-Encoding: gzip"),
    "/body/gzip_sum": whole(GZIPPED[:-8] + bytes(8), "Content-Encoding: gzip"),
    "/body/gzip_not": whole(JPEG, "Content-Encoding: gzip"),
    "/body/not_brotli": whole(JPEG, "Content-Encoding: br"),
    "/body/not_zstd": whole(JPEG, "Content-Encoding: zstd"),
    "/body/compress": whole(JPEG, "Content-Encoding: compress"),
    "/body/odd_coding_of_nothing": whole(b"\x1d\x05" * 500, "Content-Encoding: \xff\xfe"),
    "/body/odd_coding_of_gzip": whole(GZIPPED, "Content-Encoding: aws-chunked"),
    "/body/members_cut": whole(gzip.compress(JPEG[:999]) + GZIPPED[:5000], "Content-Encoding: gzip"),
    "/body/members_without_end": whole(gzip.compress(b"") * 20_000, "Content-Encoding: gzip"),
    "/body/deflate_raw_cut": whole(raw_deflate(JPEG)[:5000], "Content-Encoding: deflate"),
    "/body/short": raw(head("200 OK", f"Content-Length: {len(JPEG) + 1}"), JPEG),
    "/body/half_chunked": raw(CHUNKS, HALF_CHUNKED),
    "/body/chunk_cut": raw(CHUNKS, CHUNKED[:5000]),
    "/body/wild_chunk": raw(CHUNKS, b"zz\r\nhello\r\n"),
    "/body/negative_chunk": raw(CHUNKS, b"-5\r\nhello\r\n"),
    "/body/chunk_of_2_80": raw(CHUNKS, b"f" * 20 + b"\r\nhello\r\n"),
    "/body/chunk_without_end": raw(CHUNKS, b"5\r\nhelloworld\r\n0\r\n\r\n"),
    "/body/endless_trailers": forever(CHUNKS + CHUNKED[:-2], b"X: y\r\n" * 1000, 0),
}

# --- status and protocol --------------------------------------------------------------------------

BRINGING_STATUSES = (201, 202, 203, 226)
REFUSED_STATUSES = (
    205, 206, 300, 305, 306, 400, 401, 403, 405, 406, 407, 408, 409, 411, 412, 413, 414, 415, 416,
    417, 418, 421, 422, 423, 424, 425, 426, 428, 431, 451, 500, 501, 502, 504, 505, 507, 508, 510, 511, 520, 522, 530, 599,
    600, 999,
)  # fmt: skip

STATUSES = {
    **{
        f"/status/{code}": Endpoint(whole(JPEG, "Location: /picture/jpeg", status=f"{code} No"), Reason.HTTP_ERROR)
        for code in REFUSED_STATUSES
    },
    **{f"/status/{code}": good(JPEG, whole(JPEG, status=f"{code} Yes")) for code in BRINGING_STATUSES},
    **{
        f"/status/{code}_without": Endpoint(whole(b"<p>soon", status=f"{code} Yes"), Reason.HTTP_ERROR)
        for code in BRINGING_STATUSES
    },
    "/status/402": Endpoint(whole(JPEG, status="402 Payment Required"), Reason.PAYMENT_REQUIRED),
    "/status/204": Endpoint(raw(head("204 No Content")), Reason.HTTP_ERROR),
    "/status/304": Endpoint(raw(head("304 Not Modified")), Reason.HTTP_ERROR),
    "/status/404": NOT_FOUND,
    "/status/404_with_picture": Endpoint(whole(JPEG, status="404 Not Found"), Reason.HTTP_NOT_FOUND),
    "/status/410": Endpoint(whole(JPEG, status="410 Gone"), Reason.HTTP_NOT_FOUND),
}  # fmt: skip

PROTOCOL = {
    "/protocol/ssh": raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "/protocol/smtp": raw(b"220 mail.example.org ESMTP\r\n"),
    "/protocol/ftp": raw(b"220 ready\r\n331 who\r\n"),
    "/protocol/http_0_9": raw(JPEG),
    "/protocol/http_2": raw(b"HTTP/2 200 OK\r\n" + LENGTH.encode() + b"\r\n\r\n", JPEG),
    "/protocol/icy": raw(b"ICY 200 OK\r\n\r\n", JPEG),
    "/protocol/nuls": raw(bytes(1000)),
    "/protocol/status_text": raw(b"HTTP/1.1 OK\r\n\r\n"),
    "/protocol/status_99": raw(b"HTTP/1.1 99 OK\r\n\r\n", JPEG),
    "/protocol/status_1000": raw(b"HTTP/1.1 1000 OK\r\n\r\n", JPEG),
    "/protocol/status_negative": raw(b"HTTP/1.1 -200 OK\r\n\r\n", JPEG),
    "/protocol/head_cut": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "/protocol/two_lengths": raw(head("200 OK", "Content-Length: 5", LENGTH), JPEG),
    "/protocol/two_lengths_in_one": raw(head("200 OK", f"Content-Length: 5, {len(JPEG)}"), JPEG),
    "/protocol/length_and_chunks": raw(head("200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"), CHUNKED),
    "/protocol/chunks_and_length": raw(head("200 OK", "Transfer-Encoding: chunked", LENGTH), JPEG),
    "/protocol/odd_coding": raw(head("200 OK", "Transfer-Encoding: xchunked"), JPEG),
    "/protocol/two_codings": raw(head("200 OK", "Transfer-Encoding: chunked, identity"), CHUNKED),
    "/protocol/chunked_twice": raw(head("200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), CHUNKED),
    "/protocol/negative_length": raw(head("200 OK", "Content-Length: -1"), JPEG),
    "/protocol/text_length": raw(head("200 OK", "Content-Length: many"), JPEG),
    "/protocol/hex_length": raw(head("200 OK", f"Content-Length: {len(JPEG):#x}"), JPEG),
    "/protocol/plus_length": raw(head("200 OK", f"Content-Length: +{len(JPEG)}"), JPEG),
    "/protocol/empty_length": raw(head("200 OK", "Content-Length:"), JPEG),
    "/protocol/bad_line": raw(head("200 OK", "no colon here", "X-Robots-Tag: noai"), JPEG),
    "/protocol/no_name": raw(head("200 OK", ": value", LENGTH), JPEG),
    "/protocol/blank_in_name": raw(head("200 OK", "X Robots Tag: all", LENGTH), JPEG),
    "/protocol/nul_in_header": raw(head("200 OK", "X: a\0b", LENGTH), JPEG),
    "/protocol/return_in_header": raw(head("200 OK", "X: a\rX-Robots-Tag: noai", LENGTH), JPEG),
    "/protocol/header_flood": raw(head("200 OK", *(f"X-{i}: y" for i in range(100_000))), JPEG),
    "/protocol/endless_headers": forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000, 0),
    "/protocol/giant_header": raw(head("200 OK", "X: " + "y" * 4_000_000), JPEG),
    "/protocol/giant_status_line": raw(b"HTTP/1.1 200 " + b"y" * 4_000_000 + b"\r\n\r\n", JPEG),
    "/protocol/continue_flood": forever(b"", head("100 Continue") * 1000, 0),
    "/protocol/upgrade": raw(head("101 Switching Protocols", "Upgrade: websocket"), JPEG),
}  # fmt: skip

LOST = {
    "/protocol/only_continue": Endpoint(raw(head("100 Continue")), Reason.CONNECT_ERROR),
    "/protocol/closed": Endpoint(raw(), Reason.CONNECT_ERROR),
    "/protocol/reset": Endpoint(raw(RESET), Reason.CONNECT_ERROR),
    "/protocol/reset_in_head": Endpoint(raw(b"HTTP/1.1 200 OK\r\nX: ", RESET), Reason.CONNECT_ERROR),
    "/protocol/reset_in_body": Endpoint(
        raw(head("200 OK", "Content-Length: 50000"), JPEG[:100], RESET), Reason.CONNECT_ERROR
    ),
    "/protocol/reset_once": good(JPEG, at_visit(2, raw(RESET), whole(JPEG))),
    "/protocol/closed_once": good(JPEG, at_visit(2, raw(), whole(JPEG))),
}

# --- slow -----------------------------------------------------------------------------------------

SLOW = {
    "/slow/silent": forever(b"", b"", 0.05),
    "/slow/status_line": forever(b"HTTP/1.1 200 ", b"O", 0.05),
    "/slow/headers": forever(b"HTTP/1.1 200 OK\r\nX: ", b"y", 0.05),
    "/slow/header_lines": forever(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", 0.05),
    "/slow/continues": forever(b"", head("100 Continue"), 0.05),
    "/slow/stall": forever(head("200 OK", LENGTH) + JPEG[:500], b"", 0.05),
    "/slow/stall_before_body": forever(head("200 OK", LENGTH), b"", 0.05),
    "/slow/stall_at_last_byte": forever(head("200 OK", LENGTH) + JPEG[:-1], b"", 0.05),
    "/slow/never_closed": forever(head() + JPEG, b"", 0.05),
    "/slow/drip": forever(head("200 OK", "Content-Length: 1000000"), b"x", 0.05),
    "/slow/drip_no_length": forever(head(), b"x", 0.05),
    "/slow/drip_chunks": forever(CHUNKS, b"1\r\nx\r\n", 0.05),
    "/slow/drip_chunk_size": forever(CHUNKS, b"0", 0.5),
    "/slow/drip_chunk_extension": forever(CHUNKS + b"5;", b"x", 0.05),
    "/slow/drip_trailers": forever(CHUNKS + CHUNKED[:-2], b"X: y\r\n", 0.05),
    "/slow/drip_gzip": forever(head("200 OK", "Content-Encoding: gzip") + GZIPPED[:100], b"\0", 0.05),
    "/slow/redirect_body": forever(
        head("302 Found", "Location: /picture/jpeg", "Content-Length: 1000"), b"x", 0.05
    ),
}

DONE = {
    "/slow/but_done": good(JPEG, late(head(), JPEG)),
    "/slow/in_pieces": good(
        JPEG, late(head("200 OK", LENGTH), *(JPEG[at : at + 2000] for at in range(0, len(JPEG), 2000)), seconds=0.05)
    ),
    "/slow/head_in_bytes": good(JPEG, raw(*(bytes([byte]) for byte in head("200 OK", LENGTH)), JPEG)),
    "/slow/to_close": good(JPEG, forever(head("200 OK", LENGTH) + JPEG, b"", 0.05)),
}  # fmt: skip

# --- redirects ------------------------------------------------------------------------------------


def in_latin_1(location: str) -> str:
    """UTF-8 as a header carries it."""
    return location.encode().decode("latin-1")


REDIRECTS = {
    "/redirect/once": good(JPEG, to("/picture/jpeg")),
    "/redirect/301": good(JPEG, to("/picture/jpeg", "301 Moved Permanently")),
    "/redirect/303": good(JPEG, to("/picture/jpeg", "303 See Other")),
    "/redirect/307": good(JPEG, to("/picture/jpeg", "307 Temporary Redirect")),
    "/redirect/permanent": good(JPEG, to("/picture/jpeg", "308 Permanent Redirect")),
    "/redirect/relative": good(PNG, to("../picture/png?size=1#top")),
    "/redirect/dots": good(PNG, to("/redirect/./../../../picture/png")),
    "/redirect/query": good(JPEG, lambda visit: (whole(JPEG) if "?" in visit.target else to("?size=1"))(visit)),
    "/redirect/with_body": good(
        JPEG, whole(b"<a href=/picture/jpeg>there</a>", "Location: /picture/jpeg", status="302 Found")
    ),
    "/redirect/same_place_twice": good(
        JPEG, whole(b"", "Location: /picture/jpeg", "Location: /picture/jpeg", status="302 Found")
    ),
    "/redirect/3": good(JPEG, to("/redirect/2")),
    "/redirect/2": good(JPEG, to("/redirect/once")),
    "/redirect/utf_8": good(JPEG, to("/body/\xc3\xa4.jpg")),
    "/redirect/percent": good(JPEG, to("/body/%C3%A4.jpg")),
    "/redirect/blank": good(JPEG, to("/body/a b.jpg")),
    "/redirect/blanks_around": good(JPEG, to("  /body/a b.jpg#c d ")),
    "/redirect/backslashes": good(JPEG, to("..\\body/a b.jpg")),
    "/redirect/brackets": good(JPEG, to("/body/[1]{2}.jpg")),
    "/redirect/hidden_dots": good(PNG, to("/redirect/%2e/.%2E/picture/png")),
    "/redirect/to_private_by_dots": Endpoint(to("/picture/../private/picture.jpg"), Reason.ROBOTS_DISALLOWED),
    "/redirect/to_private_by_escape": Endpoint(to("/%70rivate/picture.jpg"), Reason.ROBOTS_DISALLOWED),
    **{f"/redirect/of_{hops}": good(JPEG, to(f"/redirect/of_{hops - 1}")) for hops in range(2, 11)},
    "/redirect/of_1": good(JPEG, to("/picture/jpeg")),
    **{
        f"/redirect/of_{hops}": Endpoint(to(f"/redirect/of_{hops - 1}"), Reason.TOO_MANY_REDIRECTS)
        for hops in range(11, 31)
    },
    "/redirect/loop": Endpoint(to("/redirect/loop"), Reason.TOO_MANY_REDIRECTS),
    "/redirect/ping": Endpoint(to("/redirect/pong"), Reason.TOO_MANY_REDIRECTS),
    "/redirect/pong": Endpoint(to("/redirect/ping"), Reason.TOO_MANY_REDIRECTS),
    "/redirect/endless": Endpoint(
        lambda visit: to(f"/redirect/endless?{visit.number}")(visit), Reason.TOO_MANY_REDIRECTS
    ),
    "/redirect/to_404": Endpoint(to("/status/404"), Reason.HTTP_NOT_FOUND),
    "/redirect/to_opt_out": Endpoint(to("/opt_out/noai"), Reason.OPTED_OUT),
    "/redirect/to_poison": Endpoint(to("/no/bomb.png"), Reason.TOO_MANY_PIXELS),
    "/redirect/into_private": Endpoint(to("/private/picture.jpg"), Reason.ROBOTS_DISALLOWED),
    "/redirect/nowhere": Endpoint(whole(b"", status="302 Found"), Reason.PROTOCOL_ERROR),
    "/redirect/two_places": Endpoint(
        whole(b"", "Location: /picture/jpeg", "Location: /picture/png", status="302 Found"),
        Reason.PROTOCOL_ERROR,
    ),
    "/redirect/split": Endpoint(
        whole(b"", "Location: /picture/jpeg\rX-Injected: 1", status="302 Found"), Reason.PROTOCOL_ERROR
    ),
}  # fmt: skip
TO_INVALID = {
    "long": "/" + "a" * 40_000,
    "credentials": "http://user:secret@CANARY/",
    "user": "http://example.org@CANARY/",
    "backslash": "http:\\\\CANARY\\",
    "backslash_host": "/\\CANARY/",
    "confusing": "http://example.org\\@CANARY/",
    "blank_in_host": "http://CANARY /x",
    "tab": "http://CANARY/\tx",
    "nul": "http://CANARY/\x7fx",
    "port_0": "http://127.0.0.1:0/",
    "port_22": "http://127.0.0.1:22/",
    "port_25": "http://127.0.0.1:25/",
    "port_65536": "http://127.0.0.1:65536/",
    "port_text": "http://127.0.0.1:http/",
    "no_host": "http:///secret.jpg",
    "long_label": f"http://{'a' * 64}.test/",
    "bidirectional": in_latin_1("http://exa\u202emple.test/"),
    "broken_idna": in_latin_1("http://xn--\u00fc.test/"),
    "two_hosts": "http://example.test,CANARY/",
    "broken_ipv6": "http://[::1/",
    "zone": "http://[fe80::1%25eth0]/",
}

TO_SCHEMES = (
    "file:///etc/passwd", "ftp://CANARY/", "data:image/gif;base64,R0lGOD", "javascript:alert(1)",
    "gopher://CANARY/", "jar:http://CANARY/!/x", "dict://CANARY/", "ldap://CANARY/", "ws://CANARY/", "blob:http://CANARY/1",
    "about:blank", "view-source:http://CANARY/",
)  # fmt: skip

# --- to where only the machine itself may go ------------------------------------------------------

PRIVATE_HOSTS = (
    "10.0.0.1", "100.64.0.1", "100.100.100.200", "172.16.0.1", "192.168.1.1", "169.254.169.254", "168.63.129.16",
    "0.0.0.0", "127.8.8.8", "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "localhost", "LOCALHOST.",
    "[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[fc00::1]", "[fec0::1]", "[ff02::1]", "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2001::1]", "①②⑦.0.0.1", "127。0。0。1",
)  # fmt: skip
ODD_HOSTS = (
    "2130706433", "0x7f000001", "0X7F000001", "017700000001", "127.1", "127.0.1", "0", "0x7f.0.0.1", "0177.0.0.1",
    "127.0.0.01", "127.0.0.0x1", "127.0.0.1.1", "256.0.0.1", "①②⑦.1", "%31%32%37.0.0.1",
)  # fmt: skip

INWARD = {
    "/redirect/metadata": to("http://169.254.169.254/latest/meta-data/"),
    "/redirect/canary": to("http://CANARY/secret.jpg"),
    "/redirect/canary_blank": to("http://CANARY/ x"),
    "/redirect/canary_no_scheme": to("//CANARY/secret.jpg"),
    "/redirect/canary_three_slashes": to("http://CANARY/secret.jpg?a=/picture/jpeg#@example.org"),
    "/redirect/canary_then": to("/redirect/canary"),
    "/redirect/canary_https": to("https://CANARY/secret.jpg"),
    "/redirect/canary_303": to("http://CANARY/secret.jpg", "303 See Other"),
}


def to_canary_at(host: str) -> Endpoint:
    """A redirect to the canary's port on a host, private or oddly spelled."""
    outcome = Reason.BLOCKED_ADDRESS if host in PRIVATE_HOSTS else Reason.URL_INVALID
    return Endpoint(to_canary_by_number(lambda _: in_latin_1(host)), outcome)


# --- all of it ------------------------------------------------------------------------------------

ROBOTS = b"User-agent: *\nDisallow: /private/\nAllow: /private/but/this\nDisallow: /*.secret$\nDisallow: /*?hidden="

ENDPOINTS: dict[str, Endpoint] = {
    "/robots.txt": Endpoint(whole(ROBOTS), Reason.UNSUPPORTED_FORMAT),
    "/private/picture.jpg": Endpoint(whole(JPEG), Reason.ROBOTS_DISALLOWED),
    "/private/but/this": good(JPEG),
    "/a.secret": Endpoint(whole(JPEG), Reason.ROBOTS_DISALLOWED),
    "/a.secret.jpg": good(JPEG),
    **{f"/picture/{name}": good(body) for name, body in PICTURES.items()},
    "/picture/broken_exif": good(with_segments(JPEG, segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"))),
    **{f"/no/{name}": Endpoint(whole(body), reason) for name, (body, reason) in NO_PICTURES.items()},
    **SIGNED_OUT,
    **{f"/opt_in/{name}": good(JPEG, whole(JPEG, *tags)) for name, tags in OPT_INS.items()},
    "/opt_in/xmp.jpg": good(in_jpeg(JPEG, mining("DMI-ALLOWED"))),
    **BODIES,
    **{path: Endpoint(answer, Reason.PROTOCOL_ERROR) for path, answer in NO_BODIES.items()},
    **STATUSES,
    **{path: Endpoint(answer, Reason.PROTOCOL_ERROR) for path, answer in PROTOCOL.items()},
    **LOST,
    **{path: Endpoint(answer, Reason.TIMEOUT) for path, answer in SLOW.items()},
    **DONE,
    **REDIRECTS,
    **{f"/redirect/{name}": Endpoint(to(place), Reason.URL_INVALID) for name, place in TO_INVALID.items()},
    **{
        f"/redirect/{place.partition(':')[0]}": Endpoint(to(place), Reason.BLOCKED_SCHEME) for place in TO_SCHEMES
    },
    **{path: Endpoint(answer, Reason.BLOCKED_ADDRESS) for path, answer in INWARD.items()},
    **{
        f"/inward/{number}": to_canary_at(host) for number, host in enumerate((*PRIVATE_HOSTS, *ODD_HOSTS))
    },
}  # fmt: skip
