"""Google's WIT, the Wikipedia-based Image Text dataset: image URLs with the texts that Wikipedia gives them.

The format: https://github.com/google-research-datasets/wit/blob/main/DATA.md
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

from wit_pipeline.sources.lines import body_of, first_lines, split_lines
from wit_pipeline.sources.lists.columns import shown
from wit_pipeline.sources.packed import NEEDS_ROW, Damaged, head_of, opened
from wit_pipeline.sources.quoted import quoted_rows
from wit_pipeline.sources.source import WHOLE, Range, Split, World, needs_path
from wit_pipeline.text.languages import check, is_one_of, of_wiki
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped, unreadable

COLUMNS = (
    "language",
    "page_url",
    "image_url",
    "page_title",
    "section_title",
    "hierarchical_section_title",
    "caption_reference_description",
    "caption_attribution_description",
    "caption_alt_text_description",
    "mime_type",
    "original_height",
    "original_width",
    "is_main_image",
    "attribution_passes_lang_id",
    "page_changed_recently",
    "context_page_description",
    "context_section_description",
)
TEXTS = {  # the most telling first
    "reference": "caption_reference_description",  # below the image on the page
    "attribution": "caption_attribution_description",  # on the image's own page, in any language
    "alt": "caption_alt_text_description",
}
SPOKEN = "attribution_passes_lang_id"  # whether the attribution is in the page's language
NEEDED = ("language", "page_url", "image_url", *TEXTS.values(), SPOKEN)
FILE = re.compile(r"/wikipedia/(?P<wiki>[a-z\-]+)/(?:thumb/)?[0-9a-f]/[0-9a-f]{2}/(?P<name>[^/]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class WitTsvSource:
    """`kind = "wit_tsv"`: files of WIT."""

    kind: Literal["wit_tsv"] = "wit_tsv"
    path: tuple[str, ...] = how()  # globs of .tsv, also .gz .bz2 .zst
    texts: Literal["best", "all"] = "best"  # the most telling text of a row, or each as a record of its own
    languages: tuple[str, ...] = ()  # of the pages that are kept, BCP 47; all by default

    def __post_init__(self) -> None:
        needs_path(self.path)
        check(self.languages)


def splits(config: WitTsvSource, path: str, world: World) -> list[Range]:
    """A file is one split, as a field may hold line ends. A `UserError` where it is none of WIT's."""
    with opened(path, world) as stream:
        head = head_of(stream, path)
        rows = quoted_rows(iter([line.rstrip(b"\r\n") for line in first_lines(head, path)]), "\t")
        names = next(rows, [])
        lacking = sorted(set(NEEDED) - set(names if isinstance(names, list) else []))
        if lacking:
            found = shown(names) if isinstance(names, list) else f"{names}"
            raise UserError(f"{path}: is no file of WIT: it lacks {', '.join(lacking)}; it has {found}")
        if head.whole and not any(rows):
            raise UserError(f"{path}: holds no row below its header; {NEEDS_ROW}")
    return [WHOLE]


def read(config: WitTsvSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The texts of each row; a row that cannot be read is a Reject, and the others go on."""
    number = -1
    with opened(split.path, world) as stream:
        body = body_of(head_of(stream, split.path))
        try:
            for number, fields in enumerate(_rows(stream, split, body)):
                where = f"{split.place}#{number}"
                if isinstance(fields, dict):
                    yield from _read_row(fields, where, config)
                elif fields:
                    yield unreadable(where, fields)
        except Damaged as error:
            yield unreadable(f"{split.place}#{number + 1}", f"{error}")


def _rows(stream: BinaryIO, split: Split, body: int) -> Iterator[dict[str, str] | str]:
    """The fields of each row by name, or what is wrong with it; "" for a blank line."""
    rows = quoted_rows(split_lines(stream, split, body), "\t")
    names = next(rows)
    assert isinstance(names, list)  # splits() has read them
    for fields in rows:
        if not isinstance(fields, list):
            yield f"{fields}"
        elif len(fields) == len(names):
            yield dict(zip(names, fields, strict=True))
        else:
            yield f"{len(fields)} fields where {len(names)} are named" if fields else ""


def _read_row(row: dict[str, str], where: str, config: WitTsvSource) -> Iterator[Raw | Reject]:
    language, url = of_wiki(row["language"]) or row["language"], row["image_url"]  # it is the wiki's code
    if config.languages and not is_one_of(language, config.languages):
        yield dropped(Reason.TEXT_LANGUAGE, where, language, url)
        return
    texts = texts_of(row)[: 1 if config.texts == "best" else None] or [("", "")]
    for count, (kind, text) in enumerate(texts):
        yield Raw(
            url=url,
            text=text,
            where=f"{where}.{count}" if count else where,
            page_url=row["page_url"],
            attribution=file_page(url),
            language=language,
            text_kind=kind,
        )


def texts_of(row: dict[str, str]) -> list[tuple[str, str]]:
    """The texts of a row with their kinds, the most telling first; no attribution in another language."""
    spoken = row[SPOKEN].strip().lower() == "true"
    found = [(kind, row[column]) for kind, column in TEXTS.items() if kind != "attribution" or spoken]
    return [(kind, text) for kind, text in found if text.strip()]


def file_page(url: str) -> str:
    """The page that names the author and the licence of an image of Wikimedia's; "" for any other URL.

    >>> file_page("https://upload.wikimedia.org/wikipedia/commons/thumb/a/ab/A_dog.jpg/120px-A_dog.jpg")
    'https://commons.wikimedia.org/wiki/File:A_dog.jpg'
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # such as a broken IPv6 address
        return ""
    found = FILE.match(parts.path)
    if parts.hostname != "upload.wikimedia.org" or found is None:
        return ""
    host = "commons.wikimedia" if found["wiki"] == "commons" else f"{found['wiki']}.wikipedia"
    return f"https://{host}.org/wiki/File:{found['name']}"
