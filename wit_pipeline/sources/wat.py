"""WAT files: what a crawl noted of its pages, every image's URL and texts among it, and no page itself.

The format is that of the Internet Archive's and Common Crawl's ia-web-commons: a JSON object for each record
of the crawl, and in those of pages an object for each link, `{"path": "IMG@/src", "url", "alt", "title"}`.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from wit_pipeline.fetch.http.media import JSON_TYPES, media_type
from wit_pipeline.fetch.licences import may_be_rsl, noted
from wit_pipeline.html.address import Base
from wit_pipeline.html.facts import Facts, refusal
from wit_pipeline.html.page import Page, shared_images
from wit_pipeline.sources.archives import records
from wit_pipeline.sources.archives.heads import Head, content_type
from wit_pipeline.sources.archives.walk import Broken, Record, Wanted
from wit_pipeline.sources.source import Range, Split, World, needs_path
from wit_pipeline.text.text import valid
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.records import Raw, Reject, unreadable

MAX_JSON = 16 << 20  # bytes of a record's JSON; Common Crawl cuts the page itself at 1 or 5 MiB
PAGE_PATH = ("Envelope", "Payload-Metadata", "HTTP-Response-Metadata")
IMAGES = ("IMG@/src", "IMG@/data-src", "IMG@/data-original", "IMG@/data-lazy-src")
TEXTS = ("alt", "title")
LANGUAGES = ("html@/lang", "html@/xml:lang", "content-language")  # names of meta entries, the first counts


@dataclass(frozen=True, kw_only=True, slots=True)
class WatSource:
    """`kind = "wat"`: the links that a crawl noted."""

    kind: Literal["wat"] = "wat"
    path: tuple[str, ...] = how()  # globs of .wat .wat.gz

    def __post_init__(self) -> None:
        needs_path(self.path)


def splits(config: WatSource, path: str, world: World) -> list[Range]:
    """Ranges of bytes, by the size alone. A `UserError` for an empty file."""
    return records.ranges(path, world)


def read(config: WatSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The images of a split's pages; a Reject for each record, or place of the file, that cannot be read."""
    with world.open(split.path) as stream:
        for item in records.records(stream, split.first, split.last, WANTED):
            where = f"{split.place}#{item.where}"
            if isinstance(item, Broken):
                yield unreadable(where, item.detail)
            else:
                yield from _record(item, where, world.crawl.opt_outs)


def _is_json(head: Head, start: bytes) -> bool:
    return media_type(content_type(head)).essence in JSON_TYPES


WANTED = Wanted(kinds=frozenset(("metadata",)), test=_is_json, most=MAX_JSON)


def _record(record: Record, where: str, honoured: Collection[str]) -> Iterator[Raw | Reject]:
    if record.head.length > MAX_JSON:
        yield unreadable(where, f"its JSON is above {MAX_JSON} bytes")
        return
    try:
        found = json.loads(record.content)
    except (ValueError, RecursionError) as error:
        yield unreadable(where, f"its JSON cannot be read: {error}")
        return
    if not isinstance(found, dict):
        yield unreadable(where, "its JSON is no object")
        return
    yield from _images(found, where, honoured)


def _images(found: dict[str, Any], where: str, honoured: Collection[str]) -> Iterator[Raw | Reject]:
    """The images of a page, by the same rules as the page itself would give them."""
    response = _object(found, *PAGE_PATH)
    html = _object(response, "HTML-Metadata")
    if _string(_object(response, "Response-Message").get("Status")) not in ("", "200"):
        return
    page = _page(found, where, _objects(_object(html, "Head").get("Metas")), honoured)
    images = (link for link in _objects(html.get("Links")) if link.get("path") in IMAGES)
    for number, link in enumerate(images):
        texts = [(kind, _string(link.get(kind))) for kind in TEXTS]
        yield from page.records(_string(link.get("url")), texts, f"{where}.{number}")
    yield from shared_images(page)


def _page(found: dict[str, Any], where: str, noted: list[dict[str, Any]], honoured: Collection[str]) -> Page:
    header = _object(found, "Envelope", "WARC-Header-Metadata")
    url = _string(header.get("WARC-Target-URI")).strip("<> ")
    metas = [(_name(meta), _string(meta.get("content"))) for meta in noted]
    stated = [content for kind in LANGUAGES for name, content in metas if name == kind]
    stated.append(_string(header.get("WARC-Identified-Content-Language")))
    base = Base(url).resolve(_string(_object(found, *PAGE_PATH, "HTML-Metadata", "Head").get("Base")))
    facts = Facts(
        base=Base(base or url),
        license=_license(found, Base(base or url)),
        language=next((text.partition(",")[0].strip().lower() for text in stated if text.strip()), ""),
        refused=refusal(_robots_headers(found), metas, honoured),
        captions={},
        metas=metas,
        blocks=[],
    )
    return Page(url=url, where=where, facts=facts)


def _license(found: dict[str, Any], base: Base) -> str:
    """The licence by RSL that the page names, as it binds its images; others are not looked for."""
    links = _objects(_object(found, *PAGE_PATH, "HTML-Metadata", "Head").get("Link"))
    named = [link for link in links if "license" in _string(link.get("rel")).lower().split()]
    urls = [(base.resolve(_string(link.get("url"))), _string(link.get("type"))) for link in named]
    return next(filter(may_be_rsl, (noted(url, kind) for url, kind in urls if url)), "")


def _name(meta: dict[str, Any]) -> str:
    """What a meta element is about."""
    return _string(meta.get("property") or meta.get("name") or meta.get("http-equiv")).lower()


def _robots_headers(found: dict[str, Any]) -> list[str]:
    headers = _object(found, *PAGE_PATH, "Headers")
    values = [value for name, value in headers.items() if name.lower() == "x-robots-tag"]
    return [_string(item) for value in values for item in (value if isinstance(value, list) else [value])]


def _object(found: dict[str, Any], *names: str) -> dict[str, Any]:
    """The object that some names lead to, or an empty one."""
    for name in names:
        inner = found.get(name)
        found = inner if isinstance(inner, dict) else {}
    return found


def _objects(found: object) -> list[dict[str, Any]]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _string(value: object) -> str:
    return valid(value) if isinstance(value, str) else ""
