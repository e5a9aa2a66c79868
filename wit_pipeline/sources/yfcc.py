"""YFCC100M: Flickr photographs with their titles and descriptions, as tab-separated, URL-encoded metadata.

The columns: https://multimediacommons.wordpress.com/yfcc100m-core-dataset/
Files differ in what stands before the user's id: the photo's, in later ones also its line and a hash.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, unquote_plus

from wit_pipeline.sources.lines import TOO_LONG, first_lines, place, ranges, split_lines
from wit_pipeline.sources.lines import text as decoded
from wit_pipeline.sources.packed import Damaged, head_of, opened
from wit_pipeline.sources.source import Range, Split, World, needs_path
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped, unreadable

AFTER = 22  # columns from the user's id on
BEFORE = (1, 2, 3)  # columns before it
USER, NICKNAME, TITLE, DESCRIPTION, PAGE, IMAGE, LICENSE, MARKER = 0, 1, 5, 6, 12, 13, 15, 21
PHOTO, VIDEO = "0", "1"  # the marker
USER_ID = re.compile(r"\d+@N\d\d")
INLINE = re.compile(r"</?(?:a|b|em|i|s|strong|u)\b[^<>]*>", re.IGNORECASE)  # tags that part no words
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
PROFILE = "https://www.flickr.com/people/"


@dataclass(frozen=True, kw_only=True, slots=True)
class YfccSource:
    """`kind = "yfcc"`: the metadata of YFCC100M."""

    kind: Literal["yfcc"] = "yfcc"
    path: tuple[str, ...] = how()  # globs, with any suffix or none, also .gz .bz2 .zst

    def __post_init__(self) -> None:
        needs_path(self.path)


def splits(config: YfccSource, path: str, world: World) -> list[Range]:
    """Ranges of bytes, or one split of a packed file. A `UserError` where it is none of YFCC's."""
    with opened(path, world) as stream:
        lines = first_lines(head_of(stream, path), path)
        if not any(isinstance(_fields(line.rstrip(b"\r\n")), list) for line in lines):
            raise UserError(
                f"{path}: is no metadata of YFCC100M: none of its first lines has 23 to 25 columns,"
                " a Flickr user in the second to fourth, and a 0 or 1 in the last"
            )
        return ranges(stream, world.size(path))


def read(config: YfccSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """A record for the title and one for the description of each photograph of a split."""
    number = -1
    with opened(split.path, world) as stream:
        try:
            for number, line in enumerate(split_lines(stream, split)):
                if line is None or line:
                    yield from _read_line(line, f"{place(split)}#{number}")
        except Damaged as error:
            yield unreadable(f"{place(split)}#{number + 1}", f"{error}")


def _fields(line: bytes | None) -> list[str] | str:
    """The columns of a line from the user's id on, or what is wrong with it."""
    if line is None:
        return TOO_LONG
    found = decoded(line).split("\t")
    before = len(found) - AFTER
    if before not in BEFORE:
        return f"{len(found)} columns where YFCC100M has 23 to 25"
    fields = found[before:]
    if USER_ID.fullmatch(unquote(fields[USER])) is None or fields[MARKER] not in (PHOTO, VIDEO):
        return f"no Flickr user in column {before + 1}, or no 0 or 1 in the last"
    return fields


def _read_line(line: bytes | None, where: str) -> Iterator[Raw | Reject]:
    fields = _fields(line)
    if isinstance(fields, str):
        yield unreadable(where, fields)
    elif fields[MARKER] == VIDEO:
        yield dropped(Reason.NOT_AN_IMAGE, where, "a video", unquote(fields[IMAGE]))
    else:
        yield from _texts(fields, where)


def _texts(fields: list[str], where: str) -> Iterator[Raw]:
    """A photograph without any text is a record too, which is counted as having none."""
    texts = {"title": unfold(fields[TITLE]), "description": unfold(fields[DESCRIPTION])}
    for count, kind in enumerate([kind for kind, text in texts.items() if text] or ["title"]):
        yield Raw(
            url=_address(fields[IMAGE]),
            text=texts[kind],
            where=f"{where}.{count}" if count else where,
            page_url=_address(fields[PAGE]),
            license=_address(fields[LICENSE]),
            attribution=f"{unfold(fields[NICKNAME])} {PROFILE}{unquote(fields[USER])}/".strip(),
            text_kind=kind,
        )


def unfold(field: str) -> str:
    """A field's text, decoded, without HTML's tags and with single blanks.

    Entities stay: whoever cleans a caption resolves them, and twice would be once too often.

    >>> unfold("A+%3Cb%3Ered%3C%2Fb%3E+dog%2C+5+%3C+6%0A")
    'A red dog, 5 < 6'
    """
    return " ".join(TAG.sub(" ", INLINE.sub("", unquote_plus(field))).split())


def _address(field: str) -> str:
    """A URL, which some copies encode and some do not."""
    return field if "://" in field else unquote(field)
