"""A page's bytes as UTF-8, by the encoding that it or its server states."""

import codecs
import re
import struct

import pyarrow as pa

CHARSET = re.compile(rb"""<meta\s[^>]*?charset\s*=\s*["']?\s*([^\s"'/>;]+)""", re.IGNORECASE)
# Where a tag is none: comments, and elements of text alone.
NO_META = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style|textarea|title|xmp|iframe|noembed|noframes)\b[^>]*>.*?(?:</\1\b|\Z)",
    re.DOTALL | re.IGNORECASE,
)
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))

C1 = bytes(range(0x80, 0xA0))

# What labels mean by the Encoding standard (encoding.spec.whatwg.org), where Python takes them for less …
READ_AS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932",
    "euc_kr": "cp949", "utf-16": "utf-16-le",
}  # fmt: skip
# … and those that it does not know.
SPELLED = {
    "x-sjis": "cp932", "windows-31j": "cp932", "x-gbk": "gb18030", "x-x-big5": "big5hkscs",
    "dos-874": "cp874", "windows-874": "cp874", "windows-949": "cp949", "x-euc-jp": "euc_jp",
    "x-cp1250": "cp1250", "x-cp1251": "cp1251", "x-cp1252": "cp1252", "unicode-1-1-utf-8": "utf-8",
    "x-unicode20utf8": "utf-8", "x-mac-roman": "mac-roman", "macintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic", "iso-8859-8-i": "iso8859-8", "logical": "iso8859-8", "koi": "koi8-r",
    "koi8": "koi8-r", "koi8-ru": "koi8-u", "unicode": "utf-16-le", "ucs-2": "utf-16-le",
}  # fmt: skip
READ = frozenset(
    {
        "utf-8", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp", "cp932", "cp949",
        "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp866", "cp874",
        *(f"cp{number}" for number in range(1250, 1259)),
        *(f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    }
)  # fmt: skip
NOT_ASCII = frozenset({"utf-16-le", "utf-16-be", "iso2022_jp"})  # bytes of ASCII may mean something else


def codec(label: str) -> str:
    """Python's codec for a label as the web means it; "" for one it does not know.

    >>> [codec(label) for label in ("Latin-1", "GB2312", "utf8", "rot13")]
    ['cp1252', 'gb18030', 'utf-8', '']
    """
    label = label.strip().lower()
    if not label.isascii() or len(label) > 40 or "\0" in label:
        return ""
    try:
        name = codecs.lookup(SPELLED.get(label, label)).name
    except LookupError:
        return ""
    name = READ_AS.get(name, name)
    return name if name in READ else ""


def stated(body: bytes) -> str:
    """The codec that a page states in a `meta`; "" where it states none.

    Browsers look for it in the first 1,024 bytes, and when they come to one that stands later they read the
    page anew (HTML, 13.2.3.4): so it counts anywhere but in comments and where no elements are.
    """
    found = CHARSET.search(body)
    at = 0
    while found is not None:
        hides = NO_META.search(body, at, found.end())
        if hides is None:
            break
        at = hides.end()
        if hides.end() > found.start():
            whole = NO_META.match(body, hides.start())  # it may end behind the tag that it hides
            at = whole.end() if whole is not None else at
            found = CHARSET.search(body, at)
    name = codec(found[1].decode("ascii", "replace")) if found is not None else ""
    return "utf-8" if name.startswith("utf-16") else name  # what was read so far cannot be UTF-16


def utf8(body: bytes, charset: str = "") -> bytes:
    """A page's bytes as valid UTF-8: by its byte order mark, its header, what it states, or a guess.

    What is no character in the encoding becomes U+FFFD, as in browsers. A charset that most of what is not
    ASCII contradicts counts for nothing: at last the bytes are Windows-1252.
    """
    for mark, name in MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace").encode()
    header = codec(charset) if charset else ""
    if header not in NOT_ASCII and body.isascii() and b"\x1b" not in body:
        return body
    if header and (found := _decoded(body, header)) is not None:
        return found
    for name in dict.fromkeys((stated(body), "utf-8")):
        if name and name != header and (found := _decoded(body, name)) is not None:
            return found
    return body.decode("cp1252", "replace").encode()


def _decoded(body: bytes, name: str) -> bytes | None:
    """A page of an encoding as UTF-8; None where less than half of what is not ASCII is of that encoding."""
    try:
        if name == "utf-8":
            check(body)
            return body
        return _decode(body, name).encode("utf-8", "replace")
    except (UnicodeDecodeError, pa.ArrowInvalid):
        pass
    text = body.decode(name, "replace")
    odd = text.count("\ufffd")
    seen = sum(map(len, BEYOND_ASCII.findall(text)))
    return text.encode("utf-8", "replace") if 2 * odd <= seen else None


def check(body: bytes) -> None:
    """An `ArrowInvalid` where bytes are no UTF-8: Arrow looks at several GB a second and makes no text."""
    ends = pa.py_buffer(struct.pack("=ii", 0, len(body)))
    pa.StringArray.from_buffers(1, ends, pa.py_buffer(body)).validate(full=True)


def _decode(body: bytes, name: str) -> str:
    if name == "cp1252" and len(body.translate(None, C1)) == len(body):
        name = "latin-1"  # the same without those bytes, and quicker
    return body.decode(name)
