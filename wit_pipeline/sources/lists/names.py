"""The names that published lists give their columns, in order of preference."""

import re
from collections.abc import Iterable, Mapping, Sequence

SUMS = ("sha256", "md5")  # of an image's bytes, in order of preference
FIELDS = ("url", "text", "page_url", "license", "attribution", "language", *SUMS)  # of the recipe

KNOWN: dict[str, tuple[str, ...]] = {
    "url": (
        "url",  # LAION, Re-LAION, COYO, DataComp, img2dataset, RedCaps
        "image_url",  # CC3M and CC12M as tables, WIT
        "image_urls",  # Carnegie Museum of Art, SBU
        "img_url",
        "coco_url",  # COCO
        "flickr_url",
        "original_url",  # Open Images
        "download_url",  # YFCC as a table
    ),
    "text": (
        "text",  # LAION, COYO, DataComp
        "caption",  # Re-LAION, img2dataset, RedCaps, COCO
        "captions",  # SBU
        "raw_caption",  # RedCaps, before it was cleaned
        "txt",  # WebDataset
        "alt_text",
        "alt_txt",  # LAION-POP
        "alt",
        "title",  # Carnegie Museum of Art, Open Images
        "description",
    ),
    "page_url": (
        "page_url",  # WIT, YFCC
        "web_url",  # Carnegie Museum of Art
        "permalink",  # RedCaps
        "source_page",
        "original_landing_url",  # Open Images
        "foreign_landing_url",  # Openverse
        "landing_url",
        "page",
    ),
    "license": (
        "license",  # LAION, Open Images, COCO
        "licence",
        "license_url",  # YFCC, Openverse
        "license_name",
        "rights",
    ),
    "attribution": (
        "attribution",
        "author",  # RedCaps, Open Images
        "creator",  # Openverse
        "credit_line",  # Carnegie Museum of Art
        "credit",
        "photographer",
        "artist",
        "user_ids",  # SBU: Flickr's names for its users
    ),
    "language": ("language", "lang"),  # LAION-5B
    **dict.fromkeys(SUMS, ()),  # of which bytes a table's sum is, its owner alone can tell
}
PAD = re.compile(r"[_\-\s]+")
URL = re.compile(r"\s*https?://\S", re.IGNORECASE)
IMAGE = re.compile(r"\.(?:jpe?g|png|gif|webp)\b", re.IGNORECASE)
LETTER = re.compile(r"[^\W\d_]")


def plain(name: str) -> str:
    """A name as it is compared: case, blanks, `_` and `-` do not count.

    >>> plain("Image URL") == plain("image_url") == plain("imageUrl")
    True
    """
    return PAD.sub("", name).casefold()


def recognise(names: Iterable[str], named: Mapping[str, str]) -> dict[str, str]:
    """The column of each field: the one that the recipe names, else the first known one, else ""."""
    there: dict[str, str] = {}  # of two that differ in case alone, the first
    for name in names:
        there.setdefault(plain(name), name)
    known = {
        field: next((there[plain(name)] for name in KNOWN[field] if plain(name) in there), "")
        for field in FIELDS
    }
    return {field: named.get(field) or known[field] for field in FIELDS}


def is_url(text: str) -> bool:
    """Whether a field of a table holds an http(s) URL."""
    return URL.match(text) is not None


def headerless(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names for the columns of a table that has no header, from some of its rows: "url", "text", "column 3" …

    The URL's column has the most URLs, then the most that look like an image's; the text's has the most words
    of its own.
    """
    columns = [[row[number] for row in rows if number < len(row)] for number in range(len(rows[0]))]
    url = max(range(len(columns)), key=lambda number: _likeness_of_url(columns[number]))
    wordy = [number for number in range(len(columns)) if number != url and _words(columns[number]) > (0, 0)]
    text = max(wordy, key=lambda number: _words(columns[number]), default=None)
    names = {url: "url", text: "text"}
    return tuple(names.get(number, f"column {number + 1}") for number in range(len(columns)))


def _likeness_of_url(column: Sequence[str]) -> tuple[int, int]:
    urls = [cell for cell in column if is_url(cell)]
    return len(urls), sum(IMAGE.search(cell) is not None for cell in urls)


def _words(column: Sequence[str]) -> tuple[int, int]:
    """The words, and the letters, of what is no URL: each text once, for a licence stands in every row."""
    texts = {cell for cell in column if LETTER.search(cell) and not is_url(cell)}
    return sum(len(cell.split()) for cell in texts), sum(map(len, texts))
