"""The images of an HTML page, each with what the page says of it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from wit_pipeline.html import beside
from wit_pipeline.html.encoding import utf8
from wit_pipeline.html.facts import Facts, facts
from wit_pipeline.html.json_ld import described
from wit_pipeline.html.lazy import is_none, real, stands_in
from wit_pipeline.html.open_graph import shared
from wit_pipeline.html.rows import Rows, attributes, light, rows_of, scan, value
from wit_pipeline.html.scan import HEAD, IMG, LANG
from wit_pipeline.vocabulary.crawl_config import SIGNALS
from wit_pipeline.vocabulary.records import DETAIL, Raw, Reason, Reject, dropped, unreadable

SHOWN = 200  # characters of a data: URI that are kept

Texts = list[tuple[str, str]]  # kinds of text, and texts


def read_page(
    body: bytes,
    page_url: str,
    where: str,
    robots: list[str],
    charset: str = "",
    honoured: Collection[str] = SIGNALS,
) -> Iterator[Raw | Reject]:
    """The images of an HTML page, in order: a Raw for each text of each, or the Reject that says why none.

    First every `img`, then what the page shows of itself elsewhere, then what its JSON-LD describes. `robots`
    are the page's X-Robots-Tag headers; a page that opts out, there or in a meta element, by a signal that is
    `honoured`, gives none.
    """
    rows = scan(utf8(body, charset))
    said = facts(rows, page_url, robots, honoured)
    page = Page(url=page_url, where=where, facts=said, beside=() if said.refused else _beside(rows))
    yield from _images(rows, page)
    if page.facts.metas:
        yield from shared_images(page)
    if page.facts.blocks:
        yield from _described(page)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What the records of a page share."""

    url: str
    where: str
    facts: Facts
    beside: Sequence[str] = ()  # the caption of each image that has one by its class; () where none has

    def records(
        self, url: str, texts: Texts, where: str, language: str = "", license: str = "", attribution: str = ""
    ) -> list[Raw | Reject]:
        """The records of one image: its URL as written, and its texts, of which there is one at least."""
        facts = self.facts
        if is_none(url):
            url, texts = url[:SHOWN] if url.startswith("data:") else "", texts[:1]
        elif len(texts) > 1:
            texts = _distinct(texts)
        absolute = facts.base.resolve(url)
        if facts.refused:
            return [dropped(Reason.PAGE_OPTED_OUT, where, facts.refused, (absolute or "")[:DETAIL])]
        if absolute is None:
            return [dropped(Reason.URL_INVALID, where, url)]
        if stands_in(url):
            return [dropped(Reason.NO_URL, where, "only keeps the place of an image", absolute)]
        return [
            Raw(
                url=absolute,
                text=text,
                where=where,
                page_url=self.url,
                license=license or facts.license,
                attribution=attribution,
                language=language or facts.language,
                text_kind=kind,
            )
            for kind, text in texts
        ]


def _beside(rows: Rows) -> list[str]:
    """The captions that images have by class, where a tree can be had that has the same images."""
    if not (beside.may_have(rows.data) and light(rows.data)):
        return []
    found = beside.captions(rows.data)
    return found if len(found) == sum(row[0] == IMG for row in rows_of(rows.items)) else []


def _images(rows: Rows, page: Page) -> Iterator[Raw | Reject]:
    """The records of every `img`."""
    data, view = rows.data, rows.items
    at, number = 0, 0
    while at < len(view):
        head = view[at : at + HEAD].tolist()
        kind, length, figure, source, src, src_end, alt, alt_end, title, title_end = head
        if kind == IMG:
            url, language = value(data, src, src_end), ""
            texts = [("alt", value(data, alt, alt_end))]
            if title_end > title:
                texts.append(("title", value(data, title, title_end)))
            if figure >= 0 and figure in page.facts.captions:
                texts.append(("figcaption", page.facts.captions[figure]))
            elif number < len(page.beside) and page.beside[number]:
                texts.append(("figcaption", page.beside[number]))
            if length > HEAD or source >= 0:
                more = attributes(data, view[at : at + length].tolist())
                language = more.get(LANG, "").strip().lower()
                url = real(url, more, _sources(rows, source, at))
            yield from page.records(url, texts, f"{page.where}.{number}", language)
            number += 1
        at += length


def _sources(rows: Rows, first: int, end: int) -> list[dict[int, str]]:
    """The attributes of the `source` elements of a picture."""
    if first < 0:
        return []
    return [attributes(rows.data, row) for row in rows_of(rows.items[first:end])]


def _distinct(texts: Texts) -> Texts:
    """The texts that are not blank, each once; where there is none, the first."""
    found: dict[str, tuple[str, str]] = {}
    for kind, text in texts:
        if bare := text.strip():
            found.setdefault(bare, (kind, text))
    return list(found.values()) or texts[:1]


def shared_images(page: Page) -> Iterator[Raw | Reject]:
    """The records of Open Graph and Twitter images."""
    for number, image in enumerate(shared(page.facts.metas)):
        texts = list(image.texts.items()) or [("og:image:alt", "")]
        yield from page.records(image.url, texts, f"{page.where}.og{number}")


def _described(page: Page) -> Iterator[Raw | Reject]:
    """The records of JSON-LD images, and a Reject for each block that cannot be read."""
    number = 0
    for block in page.facts.blocks:
        try:
            found = described(block)
        except ValueError as error:
            yield unreadable(f"{page.where}.ld{number}", str(error), page.url)
            number += 1
            continue
        for image in found:
            texts = [("json-ld", text) for text in image.texts] or [("json-ld", "")]
            here = f"{page.where}.ld{number}"
            yield from page.records(
                image.url, texts, here, license=image.license, attribution=image.attribution
            )
            number += 1
