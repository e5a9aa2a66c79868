"""The tags of a page that matter here, with the byte ranges of their attributes, without building a tree.

The scan follows the tokenizer of the HTML standard (html.spec.whatwg.org, 13.2.5), scripting off, over UTF-8.
It goes eight bytes at a time from tag to tag and makes no Python object on its way: what it finds are rows of
32-bit numbers. Where only a tree can tell what tokens mean, it gives up.

    IMG     figure, first SOURCE of its picture (-1: none), src, alt, title, and others as (code, start, end)
    SOURCE  of a picture
    FIGURE  its number, its parent's (-1: none), how many images it holds
    TEXT    the figure whose caption it belongs to, whether a blank parts it from the text before, its range
    SCRIPT  JSON-LD: its range
    META, LINK, ANCHOR, BASE, HTML  a detail and attributes
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from wit_pipeline.vocabulary.compiled import compiled, inlined

Array = npt.NDArray[Any]

# Compiled code holds the numbers below, and its cache on disk asks only whether this file has changed: they
# stay in it.
HEAD = 10  # numbers at the head of a row: kind, length, figure, detail, the ranges of src, alt and title
DEPTH = 64  # figures within figures, and foreign elements within foreign ones, that are told apart
DONE, FULL, TREE = range(3)  # how a scan ends: at the end, for want of room, or where a tree must decide

OTHER, IMG, SOURCE, FIGURE, TEXT, HTML, BASE, META, LINK, ANCHOR, SCRIPT = range(11)  # of rows, and of tags …
PICTURE, FIGCAPTION, NOSCRIPT, SVG, MATH, IMAGE, RAWTEXT, RCDATA, PLAINTEXT, FRAMESET = range(11, 21)
TAGS = {
    "img": IMG, "image": IMAGE, "source": SOURCE, "figure": FIGURE, "html": HTML, "base": BASE, "meta": META,
    "link": LINK, "a": ANCHOR, "script": SCRIPT, "picture": PICTURE, "figcaption": FIGCAPTION,
    "noscript": NOSCRIPT, "svg": SVG, "math": MATH, "style": RAWTEXT, "xmp": RAWTEXT, "iframe": RAWTEXT,
    "noembed": RAWTEXT, "noframes": RAWTEXT, "title": RCDATA, "textarea": RCDATA, "plaintext": PLAINTEXT,
    "frameset": FRAMESET, "amp-img": IMG, "amp-anim": IMG,
}  # fmt: skip

# What else a name says, as bits above the kind.
INLINE = 1 << 8  # parts no words: the text before and after it runs on
HOLDER = 1 << 9  # its end tag closes the elements left open in it, a figure too
TABLE = 1 << 10
CELL = 1 << 11  # a part of a table, whose start tag closes them too
BREAKS = 1 << 12  # its start tag ends svg and math (13.2.6.5)
POINT = 1 << 13  # HTML may stand in it within svg or math: an integration point
FORMAT = 1 << 14  # a formatting element: opened again in what follows, if left open
FLAGS = {
    INLINE: "a abbr amp-anim amp-img b bdi bdo big cite code data del dfn em font i img ins kbd mark q rp rt "
    "ruby s samp "
    "small source span strike strong sub sup time tt u var wbr",
    HOLDER: "address article aside blockquote button center dd details dialog dir div dl dt fieldset footer "
    "h1 h2 h3 h4 h5 h6 header hgroup li main menu nav object ol pre section summary ul",
    TABLE: "table",
    CELL: "caption col colgroup tbody td tfoot th thead tr",
    BREAKS: "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li "
    "listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var",
    POINT: "annotation-xml desc foreignobject mi mn mo ms mtext title",
    FORMAT: "a b big code em font i nobr s small strike strong tt u",
}

SRC, ALT, TITLE, LANG, SRCSET, HREF, REL, NAME, PROPERTY, HTTP_EQUIV, CONTENT, TYPE = range(12)
LAZY_URLS = (
    "data-src", "data-original", "data-lazy-src", "data-lazy", "data-original-src", "data-actualsrc",
    "data-hi-res-src", "data-echo", "data-url", "data-image", "lazy-src",
)  # fmt: skip
LAZY_SETS = ("data-srcset", "data-lazy-srcset", "data-original-set", "lazy-srcset")
ATTRIBUTES = (
    "src", "alt", "title", "lang", "srcset", "href", "rel", "name", "property", "http-equiv", "content",
    "type", *LAZY_URLS, *LAZY_SETS,
)  # fmt: skip
LAZY_URL = ATTRIBUTES.index(LAZY_URLS[0])  # the codes from here on are such URLs …
LAZY_SET = ATTRIBUTES.index(LAZY_SETS[0])  # … and from here on such sets
LONGEST_ROW = HEAD + 3 * len(ATTRIBUTES)


def _bits(*codes: int) -> int:
    return sum(1 << code for code in codes)


WANTED = np.zeros(32, np.int64)  # the attributes of a kind of tag that are kept, as bits
WANTED[IMG] = _bits(SRC, ALT, TITLE, LANG, SRCSET, *range(LAZY_URL, len(ATTRIBUTES)))
WANTED[SOURCE] = _bits(SRCSET, *range(LAZY_SET, len(ATTRIBUTES)))
WANTED[HTML] = _bits(LANG)
WANTED[BASE] = _bits(HREF)
WANTED[META] = _bits(NAME, PROPERTY, HTTP_EQUIV, CONTENT)
WANTED[LINK] = WANTED[ANCHOR] = _bits(HREF, REL, TYPE)
WANTED[SCRIPT] = _bits(TYPE)

METAS = (
    "robots",
    "tdm-reservation",
    "content-language",
    "og:image",
    "og:image:url",
    "og:image:secure_url",
    "og:image:alt",
    "og:title",
    "og:description",
    "twitter:image",
    "twitter:image:src",
    "twitter:image:alt",
)  # fmt: skip  (the detail of a META row is a position here, from 1)
LICENSE, NOFOLLOW, LINKED = 1, 2, 4  # bits of the detail of a LINK or ANCHOR row

SLOTS = 1024
MIX = 0x9E3779B97F4A7C15


def packed(name: str) -> int:
    """The number that stands for a name: its bytes themselves up to eight of them, else mixed."""
    value = 0
    for letter in name.encode():
        value = (value << 8 ^ (value >> 56) * MIX ^ letter) & (1 << 64) - 1
    return value


def _table(meanings: dict[str, int]) -> tuple[Array, Array]:
    """Names by their packed form in an open-addressing table: keys uint64 and meanings int32, (SLOTS,)."""
    keys, values = np.zeros(SLOTS, np.uint64), np.zeros(SLOTS, np.int32)
    for name, meaning in meanings.items():
        key = packed(name)
        slot = (key * MIX & (1 << 64) - 1) >> 54
        while keys[slot]:
            slot = (slot + 1) % SLOTS
        keys[slot], values[slot] = key, meaning
    return keys, values


def _meanings() -> dict[str, int]:
    found = dict(TAGS)
    for flag, names in FLAGS.items():
        for name in names.split():
            found[name] = found.get(name, 0) | flag
    return found


TAG_KEYS, TAG_VALUES = _table(_meanings())
NAME_KEYS, NAME_VALUES = _table({name: code + 1 for code, name in enumerate(ATTRIBUTES)})
META_KEYS, META_VALUES = _table({name: number + 1 for number, name in enumerate(METAS)})

P_FONT, P_SCRIPT = np.uint64(packed("font")), np.uint64(packed("script"))
P_LICENSE, P_NOFOLLOW = np.uint64(packed("license")), np.uint64(packed("nofollow"))
P_JSON_LD = np.uint64(packed("application/ld+json"))
JSON_LD_LENGTH = len("application/ld+json")
LONGEST_RAW = len("noframes")

LOWER = np.array([code | 0x20 if 65 <= code <= 90 else code or 0xFF for code in range(256)], np.uint8)
LOWER[[9, 10, 12, 13, 32, 47, 62]] = 0  # blanks, "/" and ">" end a name
LETTER = np.array([chr(code).isalpha() and code < 128 for code in range(256)])
BLANK = np.array([code in (9, 10, 12, 13, 32) for code in range(256)])
BANG, DQUOTE, DASH, SLASH, LT, EQUALS, GT, QUESTION = (ord(c) for c in '!"-/<=>?')
SQUOTE, CLOSING = ord("'"), ord("]")
COMMENT, CDATA = np.frombuffer(b"<!--", np.uint8), np.frombuffer(b"<![CDATA[", np.uint8)

ONES = np.uint64(0x0101010101010101)
SEVENS = np.uint64(0x7F7F7F7F7F7F7F7F)
WHERE = np.uint64(0x0001020304050607)  # which byte of eight, from its lowest bit: see _find
EIGHT, ONE, SEVEN, TOP, SLOT_SHIFT = np.uint64(8), np.uint64(1), np.uint64(7), np.uint64(56), np.uint64(54)
MIX64 = np.uint64(MIX)
freely = partial(compiled, nogil=True)

BYTES, NUMBERS = types.CPointer(types.uint8), types.CPointer(types.int32)  # type: ignore[no-untyped-call]


def _cast(pointer: Any) -> Any:
    """Compiled: an address as a pointer. An index into it checks nothing, and it passes in one register."""

    @intrinsic
    def cast(context, address):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return pointer(types.uintp), generate

    return cast


def _load() -> Any:
    """Compiled: the eight bytes from an index on, the first one lowest."""

    @intrinsic
    def load(context, data, i):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            at = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(64).as_pointer())
            return builder.load(at, align=1)

        return types.uint64(BYTES, types.int64), generate

    return load


_bytes, _numbers, _eight = _cast(BYTES), _cast(NUMBERS), _load()


@freely
def _find(data, n, i, byte):  # type: ignore[no-untyped-def]
    """The position of the next `byte` from i on; n where there is none."""
    pattern = ONES * np.uint64(byte)
    while i + 8 <= n:
        other = _eight(data, i) ^ pattern
        # 0x80 in each byte that is zero, by a sum that carries nothing from byte to byte
        hits = ~(((other & SEVENS) + SEVENS) | other | SEVENS)
        if hits != 0:
            lowest = (hits & (~hits + ONE)) >> SEVEN
            return i + np.int64((lowest * WHERE) >> TOP)
        i += 8
    while i < n and data[i] != byte:
        i += 1
    return min(i, n)


@inlined
def _add(value, letter):  # type: ignore[no-untyped-def]
    return value << EIGHT ^ (value >> TOP) * MIX64 ^ np.uint64(letter)


@freely
def _name(data, n, i):  # type: ignore[no-untyped-def]
    """The tag name at i, packed in lower case, and where it ends."""
    value = np.uint64(0)
    while i < n:
        letter = LOWER[data[i]]
        if letter == 0:
            break
        value = _add(value, letter)
        i += 1
    return value, i


@freely
def _packed(data, i, end):  # type: ignore[no-untyped-def]
    """Some bytes, packed in lower case."""
    value = np.uint64(0)
    while i < end:
        letter = data[i]
        value = _add(value, letter | 0x20 if 65 <= letter <= 90 else letter)
        i += 1
    return value


@freely
def _meaning(keys, values, value):  # type: ignore[no-untyped-def]
    """What a packed name means in a table; 0 where it is not in it."""
    slot = np.int64((value * MIX64) >> SLOT_SHIFT)
    while keys[slot] != 0:
        if keys[slot] == value:
            return values[slot]
        slot = (slot + 1) & (SLOTS - 1)
    return 0


@inlined
def _blanks(data, n, i):  # type: ignore[no-untyped-def]
    while i < n and BLANK[data[i]]:
        i += 1
    return i


@freely
def _attribute_name(data, n, i):  # type: ignore[no-untyped-def]
    """The attribute name at i, packed in lower case, and where it ends. A "=" may be its first letter.

    One loop for this and `_name`, with the byte that ends it as an argument, makes the scan 3 % slower.
    """
    value = np.uint64(LOWER[data[i]])
    i += 1
    while i < n and data[i] != EQUALS:
        letter = LOWER[data[i]]
        if letter == 0:
            break
        value = _add(value, letter)
        i += 1
    return value, i


@freely
def _attributes(data, n, i, wanted, out, row):  # type: ignore[no-untyped-def]
    """Write the wanted attributes of a tag, from the end of its name on, to a row of `out`.

    Returns where the tag ends (-1: the page ends first), where the row does, and whether "/" closes the tag.
    """
    at, seen, slash = row + HEAD, 0, False
    if wanted != 0:
        for at in range(row + 4, row + HEAD):
            out[at] = -1
        at = row + HEAD
    while i < n:
        if data[i] == GT:
            return i + 1, at, slash
        slash = data[i] == SLASH
        if slash or BLANK[data[i]]:
            i += 1
            continue
        value, i = _attribute_name(data, n, i)
        i = _blanks(data, n, i)
        start = end = i
        if i < n and data[i] == EQUALS:
            start = _blanks(data, n, i + 1)
            if start < n and (data[start] == DQUOTE or data[start] == SQUOTE):
                start += 1
                end = _find(data, n, start, data[start - 1])
                i = end + 1
            else:
                end = start
                while end < n and data[end] != GT and not BLANK[data[end]]:
                    end += 1
                i = end
        if wanted == 0:
            continue
        code = _meaning(NAME_KEYS, NAME_VALUES, value) - 1
        if code >= 0 and wanted >> code & 1 and not seen >> code & 1:  # the first of a name wins
            seen |= 1 << code
            if code <= TITLE:
                out[row + 4 + 2 * code], out[row + 5 + 2 * code] = start, end
            else:
                out[at], out[at + 1], out[at + 2] = code, start, end
                at += 3
    return -1, at, slash


@freely
def _is(data, i, letters):  # type: ignore[no-untyped-def]
    for j in range(len(letters)):  # noqa: SIM110  compiled: a plain loop
        if data[i + j] != letters[j]:
            return False
    return True


@freely
def _markup(data, n, i, foreign):  # type: ignore[no-untyped-def]
    """Where the comment, doctype or CDATA section ends that "<!" at i begins."""
    start = i + 4
    if i + 3 < n and _is(data, i, COMMENT):
        if start < n and data[start] == GT:
            return start + 1
        if start + 1 < n and data[start] == DASH and data[start + 1] == GT:
            return start + 2
        end = _find(data, n, start, GT)
        while end < n:
            last = end - 1 if data[end - 1] == DASH else end - 2
            marked = data[end - 1] == DASH or data[end - 1] == BANG
            if marked and last - 1 >= start and data[last] == DASH and data[last - 1] == DASH:
                return end + 1
            end = _find(data, n, end + 1, GT)
        return n
    if foreign and i + len(CDATA) <= n and _is(data, i, CDATA):
        start = i + len(CDATA)
        end = _find(data, n, start, GT)
        while end < n and not (end - 2 >= start and data[end - 1] == CLOSING and data[end - 2] == CLOSING):
            end = _find(data, n, end + 1, GT)
        return min(end + 1, n)
    return min(_find(data, n, i + 2, GT) + 1, n)


@freely
def _is_end(data, n, i, name):  # type: ignore[no-untyped-def]
    """Whether `name` stands at i, and a tag's name ends behind it. Looks at a few bytes only."""
    value, stop = np.uint64(0), min(n, i + LONGEST_RAW + 1)
    while i < stop:
        letter = LOWER[data[i]]
        if letter == 0:
            return value == name
        value = _add(value, letter)
        i += 1
    return False


@freely
def _raw_end(data, n, i, name):  # type: ignore[no-untyped-def]
    """Where the end tag `</name` begins that ends the text at i."""
    i = _find(data, n, i, LT)
    while i < n:
        if i + 1 < n and data[i + 1] == SLASH and _is_end(data, n, i + 2, name):
            return i
        i = _find(data, n, i + 1, LT)
    return n


@freely
def _script_end(data, n, i):  # type: ignore[no-untyped-def]
    """Where the `</script` begins that ends the script at i: none does within `<!-- <script>`."""
    escaped, doubly, dashes = False, False, 0
    while i < n:
        if not escaped:
            i = _find(data, n, i, LT)
        if i >= n:
            break
        letter = data[i]
        if letter == LT:
            closing = i + 1 < n and data[i + 1] == SLASH
            if not escaped and i + 3 < n and _is(data, i, COMMENT):
                escaped, dashes, i = True, 2, i + 4
                continue
            if closing and _is_end(data, n, i + 2, P_SCRIPT):
                if not doubly:
                    return i
                doubly = False
                i += len("/script")
            elif escaped and not doubly and _is_end(data, n, i + 1, P_SCRIPT):
                doubly = True
                i += len("script")
            dashes = 0
        elif letter == DASH:
            dashes += 1
        else:
            if letter == GT and dashes >= 2:
                escaped = doubly = False
            dashes = 0
        i += 1
    return n


@freely
def _relations(data, start, end):  # type: ignore[no-untyped-def]
    """LICENSE and NOFOLLOW, as a rel attribute names them."""
    found = 0
    while start < end:
        stop = start
        while stop < end and not BLANK[data[stop]]:
            stop += 1
        value = _packed(data, start, stop)
        if value == P_LICENSE:
            found |= LICENSE
        elif value == P_NOFOLLOW:
            found |= NOFOLLOW
        start = stop + 1
    return found


@freely
def _detail(data, tag, out, row, end, links):  # type: ignore[no-untyped-def]
    """What the row of an element says that is kept only for some values; 0 where the row is not kept."""
    detail, href = 0, False
    for at in range(row + HEAD, end, 3):
        code, start, stop = out[at], out[at + 1], out[at + 2]
        if tag == META and code != CONTENT:
            found = _meaning(META_KEYS, META_VALUES, _packed(data, start, stop))
            detail = found if detail == 0 else detail
        elif code == REL:
            detail = _relations(data, start, stop)
        elif code == TYPE and tag == SCRIPT:
            kind = _packed(data, start, min(stop, start + JSON_LD_LENGTH))
            detail = int(kind == P_JSON_LD)
        elif code == HREF:
            href = True
    if tag in (LINK, ANCHOR):
        return detail | LINKED if href and (detail & LICENSE or (links and tag == ANCHOR)) else 0
    return 1 if href or (tag == HTML and end > row + HEAD) else detail


@freely
def _row(out, row, end, kind, figure, detail):  # type: ignore[no-untyped-def]
    """Finish a row that ends at `end`."""
    out[row], out[row + 1], out[row + 2], out[row + 3] = kind, end - row, figure, detail
    return end


@freely
def _escapes(stack, depth, meaning, step):  # type: ignore[no-untyped-def]
    """Count what opens (1) or closes (-1) in the innermost figure; whether that closes the figure too."""
    figure = min(depth, DEPTH) - 1
    if meaning & (HOLDER | TABLE):
        kind = 2 if meaning & HOLDER else 3
        stack[figure, kind] += step
        return stack[figure, kind] < 0
    return meaning & CELL != 0 and stack[figure, 3] == 0


@freely
def _level(names, foreign, name):  # type: ignore[no-untyped-def]
    """How far inside svg or math the innermost open element of that name is; -1 where none is open."""
    level = foreign - 1
    while level >= 0 and names[level] != name:
        level -= 1
    return level


@freely
def _close(out, row, stack, depth):  # type: ignore[no-untyped-def]
    """The row of the innermost figure: its number, its parent's, and how many images it holds."""
    parent = stack[depth - 2, 0] if depth > 1 else -1
    out[row + 4], out[row + 5] = stack[depth - 1, 1], 0
    return _row(out, row, row + HEAD, FIGURE, stack[depth - 1, 0], parent)


# It stays in one piece. With images, start tags and end tags as functions over one record of what is open, a
# scan of html_pairs' pages (benchmarks) makes 950 MB/s in place of 1,150, and 1,070 where numba inlines them.
@freely
def scan_rows(array, item_rows, page_rows, links, settled):  # type: ignore[no-untyped-def]
    """Rows of images and their sources to `items`, of all else to `page`; how it ended, and their lengths.

    `settled`: the page is what a tree wrote, or none can be built; nothing is left to decide.
    """
    n, i, text, item, row = len(array), 0, 0, 0, 0
    data, items = _bytes(array.ctypes.data), _numbers(item_rows.ctypes.data)
    page = _numbers(page_rows.ctypes.data)
    names = np.zeros(DEPTH, np.uint64)  # open elements of svg and math …
    points = np.zeros(DEPTH, np.bool_)  # … and which of them are integration points
    foreign, drawing = 0, 0  # how many of them; how many svg and math of a settled page
    stack = np.zeros((DEPTH, 4), np.int64)  # open figures: number, images, open holders in it, open tables
    depth, figures = 0, 0
    caption, hidden, parted = -1, 0, False  # the figure whose caption is open, noscript in it, a blank is due
    in_picture, sources = False, -1
    while True:
        if item + LONGEST_ROW > len(item_rows) or row + LONGEST_ROW + HEAD > len(page_rows):
            return FULL, item, row
        i = _find(data, n, i, LT)
        letter = data[i + 1] if i + 1 < n else 0
        closing = letter == SLASH and i + 2 < n
        if i + 1 < n and not (LETTER[letter] or letter in (BANG, QUESTION) or closing):
            i += 1  # "<" is text
            continue
        if caption >= 0 and i > text and hidden == 0 and foreign == 0 and drawing == 0:
            page[row + 4], page[row + 5] = text, i if i + 1 < n else n
            row = _row(page, row, row + HEAD, TEXT, caption, int(parted))
            parted = False
        if i + 1 >= n:
            break
        if not LETTER[letter] and not (closing and LETTER[data[i + 2]]):
            i = _markup(data, n, i, foreign > 0) if letter == BANG else _find(data, n, i + 1, GT) + 1
            text = i
            continue
        name, after = _name(data, n, i + 1 + int(closing))
        meaning = _meaning(TAG_KEYS, TAG_VALUES, name)
        tag = meaning & 0xFF
        if foreign > 0:  # open svg or math: its tags give no rows, and HTML within it is a tree's to tell
            if closing:
                level = _level(names, foreign, name)
                if level < 0:
                    return TREE, item, row
                foreign = level
                tag, meaning = OTHER, INLINE
            elif points[foreign - 1] or name == P_FONT:
                return TREE, item, row
            elif meaning & BREAKS:
                foreign = 0
            else:
                i, _, empty = _attributes(data, n, after, 0, page, row)
                if i < 0:
                    break
                text = i
                if not empty:
                    if foreign == DEPTH:
                        return TREE, item, row
                    names[foreign], points[foreign] = name, meaning & POINT != 0
                    foreign += 1
                continue
        if closing:
            i, _, _ = _attributes(data, n, after, 0, page, row)
            if i < 0:
                break
            text = i
            if tag == PICTURE:
                in_picture, sources = False, -1
            elif tag == NOSCRIPT:
                hidden = max(hidden - 1, 0)
            elif tag == FIGCAPTION:
                caption = -1
            elif tag in (SVG, MATH):
                drawing = max(drawing - 1, 0)
            if depth > 0 and tag == FIGURE:
                top = min(depth, DEPTH) - 1
                if stack[top, 3] > 0 and not settled:  # across a table it may close nothing: 13.2.4.2
                    return TREE, item, row
                if depth <= DEPTH:
                    caption = -1 if caption == stack[top, 0] else caption
                    row = _close(page, row, stack, depth)
                depth -= 1
            elif depth > 0 and _escapes(stack, depth, meaning, -1) and not settled:
                return TREE, item, row
            parted = parted or meaning & INLINE == 0
            continue
        parted = parted or meaning & INLINE == 0
        if tag == IMAGE and drawing == 0:
            tag = IMG
        if tag in (IMG, SOURCE):
            i, end, _ = _attributes(data, n, after, WANTED[tag], items, item)
            if i < 0:
                break
            text = i
            if tag == SOURCE:
                if in_picture and end > item + HEAD:
                    sources = item if sources < 0 else sources
                    item = _row(items, item, end, tag, -1, 0)
                continue
            for level in range(min(depth, DEPTH)):
                stack[level, 1] += 1
            figure = stack[min(depth, DEPTH) - 1, 0] if depth > 0 else -1
            item = _row(items, item, end, tag, figure, sources)
            in_picture, sources = False, -1
            continue
        i, end, empty = _attributes(data, n, after, WANTED[tag], page, row)
        if i < 0:
            break
        text = i
        if tag == OTHER:
            if depth > 0 and _escapes(stack, depth, meaning, 1) and not settled:
                return TREE, item, row
        elif WANTED[tag] != 0:
            detail = _detail(data, tag, page, row, end, links)
            if tag == SCRIPT:
                start, i = i, _script_end(data, n, i)
                page[row + 4], page[row + 5] = start, i
                text = i
            if detail != 0:
                row = _row(page, row, end, tag, -1, detail)
        elif tag == PICTURE:
            in_picture, sources = True, -1
        elif tag == FIGURE:
            if depth < DEPTH:
                stack[depth, 0], stack[depth, 1], stack[depth, 2], stack[depth, 3] = figures, 0, 0, 0
                figures += 1
            depth += 1
        elif tag == FIGCAPTION:
            caption = stack[min(depth, DEPTH) - 1, 0] if depth > 0 else -1
            hidden = 0
        elif tag == NOSCRIPT:
            hidden += 1
        elif tag == RAWTEXT or (tag == RCDATA and drawing == 0):
            i = _raw_end(data, n, i, name)
            text = i
        elif tag == PLAINTEXT:
            break
        elif tag == FRAMESET:
            if not settled:
                return TREE, item, row
        elif tag in (SVG, MATH):
            if settled:
                drawing += 1
            elif not empty:
                names[0], points[0], foreign = name, False, 1
    depth = min(depth, DEPTH)
    while depth > 0:
        if row + HEAD > len(page_rows):
            return FULL, item, row
        row = _close(page, row, stack, depth)
        depth -= 1
    return DONE, item, row


@freely
def weight(array):  # type: ignore[no-untyped-def]
    """The start tags of a page, and how many formatting elements may be open at once."""
    data, n = _bytes(array.ctypes.data), len(array)
    i, tags, formats, most = 0, 0, 0, 0
    while True:
        i = _find(data, n, i, LT) + 1
        if i >= n:
            return tags, most
        closing = data[i] == SLASH
        if closing or LETTER[data[i]]:
            name, i = _name(data, n, i + int(closing))
            tags += int(not closing)
            if _meaning(TAG_KEYS, TAG_VALUES, name) & FORMAT:
                formats = max(formats + (-1 if closing else 1), 0)
                most = max(most, formats)
