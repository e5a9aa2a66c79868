"""A page's bytes as UTF-8, by the encoding that it or its server states."""

import codecs
import re
import struct

import pyarrow as pa
from webencodings.labels import LABELS

META = re.compile(rb"<meta(?=[\s/])", re.IGNORECASE)
# An attribute of a tag, or what ends the tag. Each step ends behind where it began, whatever the bytes are.
ATTRIBUTE = re.compile(
    rb"""[\s/]*+(?:>|([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>][^\s>]*+)?))?)"""
)
CHARSET = re.compile(rb"""charset\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s;"']++))""", re.IGNORECASE)
TYPED = re.compile(rb"\s*+[\w.+-]++/[\w.+-]++\s*+;")
# Where a tag is none: comments, and elements of text alone.
NO_META = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style|textarea|title|xmp|iframe|noembed|noframes)\b[^<>]*+>.*?(?:</\1\b|\Z)",
    re.DOTALL | re.IGNORECASE,
)
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))

C1 = bytes(range(0x80, 0xA0))
LONGEST_LABEL = 40  # characters

# The standard's encodings (encoding.spec.whatwg.org) that are Python's by another name: what decodes all that
# they are, as pages that say gb2312 hold characters of gb18030.
PYTHONS = {
    "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc-kr": "cp949", "windows-874": "cp874",
    "macintosh": "mac-roman", "x-mac-cyrillic": "mac-cyrillic", "iso-8859-8-i": "iso8859-8",
}  # fmt: skip
NO_TEXT = frozenset({"replacement", "x-user-defined"})  # encodings of which nothing is to be read
ENCODINGS = frozenset(LABELS.values()) - NO_TEXT
OWN = {codecs.lookup(PYTHONS.get(name, name)).name: name for name in sorted(ENCODINGS)}
WIDE = frozenset({"utf-16-le", "utf-16-be"})
NOT_ASCII = WIDE | {"iso2022_jp"}  # bytes of ASCII may mean something else


def codec(label: str) -> str:
    """Python's codec for a label as the web means it; "" for one it does not know.

    >>> [codec(label) for label in ("Latin-1", "GB2312", "utf8", "rot13")]
    ['cp1252', 'gb18030', 'utf-8', '']
    """
    label = label.strip().lower()
    if not label.isascii() or len(label) > LONGEST_LABEL or "\0" in label:
        return ""
    encoding = LABELS.get(label)
    if encoding is None:
        try:
            name = codecs.lookup(label).name
        except LookupError:
            return ""
        encoding = LABELS.get(name) or OWN.get(name, "")
    return codecs.lookup(PYTHONS.get(encoding, encoding)).name if encoding in ENCODINGS else ""


def stated(body: bytes) -> str:
    """The codec that a page states in a `meta`; "" where it states none.

    Browsers look for it in the first 1,024 bytes, and when they come to one that stands later they read the
    page anew (HTML, 13.2.3.4): so it counts anywhere but in comments and where no elements are.
    """
    at = 0
    tag = META.search(body)
    while tag is not None:
        if (hides := NO_META.search(body, at, tag.end())) is not None:
            whole = NO_META.match(body, hides.start())
            assert whole is not None  # it ends with the body at the latest
            at = whole.end()
            if at <= tag.start():
                continue
        else:
            attributes, at = _attributes(body, tag.end())
            name = codec(_label(attributes).decode("ascii", "replace"))
            if name:
                return "utf-8" if name.startswith("utf-16") else name  # what was read till here cannot be
        tag = META.search(body, at)
    return ""


def _attributes(body: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    """The attributes of a tag by their names in lower case, and where it ends; none if nothing ends it."""
    found: dict[bytes, bytes] = {}
    while (part := ATTRIBUTE.match(body, at)) is not None:
        at = part.end()
        if part[1] is None:
            return found, at
        found.setdefault(part[1].lower(), part[2] or part[3] or part[4] or b"")
    return {}, len(body)


def _label(attributes: dict[bytes, bytes]) -> bytes:
    """The label of an encoding that a meta's attributes state, or b"".

    A `content` states one by "charset=" beside `http-equiv=content-type`; many pages forget the latter, so a
    type is heard without it, unless the element has a name: what a description tells is no statement.
    """
    if label := attributes.get(b"charset"):
        return label
    content, equivalent = attributes.get(b"content", b""), attributes.get(b"http-equiv")
    if equivalent is None:
        heard = TYPED.match(content) and not attributes.keys() & {b"name", b"property", b"itemprop"}
    else:
        heard = equivalent.strip().lower() == b"content-type"
    found = CHARSET.search(content) if heard else None
    return found[1] or found[2] or found[3] or b"" if found is not None else b""


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
