"""What a page says of itself: its base, language and licence, whether it opts out, its captions."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby

from wit_pipeline.fetch import licences
from wit_pipeline.fetch.optout import page_opt_out
from wit_pipeline.html import references
from wit_pipeline.html.address import SCHEMES, Base
from wit_pipeline.html.rows import Row, Rows, attributes, by_kind
from wit_pipeline.html.scan import (
    ANCHOR,
    BASE,
    CONTENT,
    FIGURE,
    HREF,
    HTML,
    LANG,
    LICENSE,
    LINK,
    META,
    METAS,
    SCRIPT,
    TEXT,
    TYPE,
)

MOST_IMAGES = 4  # images of a figure that its caption is a text of


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A page, but for its images."""

    base: Base
    language: str = ""  # lower case
    license: str = ""  # the URL that rel=license names
    refused: str = ""  # the opt-out found
    captions: dict[int, str]  # by figure
    metas: list[tuple[str, str]]  # what each is about, and its content
    blocks: list[bytes]  # JSON-LD


def facts(rows: Rows, page_url: str, robots: list[str], honoured: Collection[str]) -> Facts:
    """What the rows of a page say of it; `robots` are its X-Robots-Tag headers."""
    data = rows.data
    kinds = by_kind(rows.page)
    if not kinds:
        refused = page_opt_out(robots, honoured) if robots else ""
        return Facts(base=Base(page_url), refused=refused, captions={}, metas=[], blocks=[])
    metas = [(METAS[row[3] - 1], attributes(data, row).get(CONTENT, "")) for row in kinds.get(META, ())]
    base = base_of(rows, kinds.get(BASE, []), page_url)
    return Facts(
        base=base,
        language=_language(data, kinds.get(HTML, []), metas),
        license=_license(data, [*kinds.get(LINK, ()), *kinds.get(ANCHOR, ())], base),
        refused=refusal(robots, metas, honoured),
        captions=_captions(data, kinds) if TEXT in kinds else {},
        metas=metas,
        blocks=[data[row[4] : row[5]] for row in kinds.get(SCRIPT, ())],
    )


def base_of(rows: Rows, found: list[Row], page_url: str) -> Base:
    """What references are relative to: the first `base[href]`, else the page."""
    base = Base(page_url)
    if found:
        url = base.resolve(attributes(rows.data, found[0]).get(HREF, ""))
        if url and url.startswith(SCHEMES):
            return Base(url)
    return base


def _language(data: bytes, htmls: list[Row], metas: list[tuple[str, str]]) -> str:
    stated = [attributes(data, row)[LANG] for row in htmls[:1]]
    stated += [content.partition(",")[0] for name, content in metas if name == "content-language"]
    return next(filter(None, (language.strip().lower() for language in stated)), "")


def _license(data: bytes, links: list[Row], base: Base) -> str:
    """The first licence, but one by RSL before any other: those may forbid what the others allow."""
    stated = (attributes(data, row) for row in links if row[3] & LICENSE)
    found = [(base.resolve(item.get(HREF, "")), item.get(TYPE, "")) for item in stated]
    urls = [licences.noted(url, kind) for url, kind in found if url]
    return next(filter(licences.may_be_rsl, urls), urls[0] if urls else "")


def refusal(robots: list[str], metas: list[tuple[str, str]], honoured: Collection[str]) -> str:
    """The opt-out, of those `honoured`, that a page's X-Robots-Tag headers or meta elements state, or ""."""
    refused = page_opt_out([*robots, *(content for name, content in metas if name == "robots")], honoured)
    reserved = any(name == "tdm-reservation" and text.strip() == "1" for name, text in metas)
    if reserved and not refused and "tdm_header" in honoured:
        return "meta tdm-reservation: 1"
    return refused


def _captions(data: bytes, kinds: dict[int, list[Row]]) -> dict[int, str]:
    """The caption of each figure that has one, or stands in a figure that does, and holds few images."""
    texts = {}
    for figure, pieces in groupby(sorted(kinds[TEXT], key=lambda row: row[2]), key=lambda row: row[2]):
        text = "".join((" " if row[3] else "") + data[row[4] : row[5]].decode() for row in pieces)
        texts[figure] = " ".join(references.text(text).split())
    captions: dict[int, str] = {}
    for _, _, figure, parent, images, *_ in sorted(kinds.get(FIGURE, ()), key=lambda row: row[2]):
        own = texts.get(figure, "") if images <= MOST_IMAGES else ""
        captions[figure] = own or captions.get(parent, "")
    return captions
