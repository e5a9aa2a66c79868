"""The pages that a recipe lists, by URL, in files and in sitemaps: what a crawl of pages begins with."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wit_pipeline.fetch import guard
from wit_pipeline.fetch.failure import FetchError
from wit_pipeline.sources.source import World
from wit_pipeline.sources.web import sitemap
from wit_pipeline.sources.web.sitemap import Broken, Entry, Location, Picture
from wit_pipeline.vocabulary.records import Raw, Reject, dropped, unreadable
from wit_pipeline.vocabulary.unpacker import FAILURES

HOST = re.compile(r"https?://(?:[^/?#\\]*@)?([^/?#\\@]*)", re.IGNORECASE)
ENDINGS = re.compile(r"\.?(?::(?:80|443)?)?$")  # what makes no other host of one


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page to be fetched, or a sitemap."""

    url: str  # as `guard` spells it, so that one page has one spelling; no fragment
    where: str  # where it is listed; its own URL, if it was found by a link
    site: str  # the host whose pages are counted together
    sitemap: bool = False
    home: str = ""  # a linked page's: the host it must stay on


Listed = Page | Raw | Reject


def entries(
    urls: tuple[str, ...], sitemaps: tuple[str, ...], path: str, world: World
) -> Iterator[tuple[str, Entry]]:
    """The number and what a file lists, in order; where there is none, URLs and what the recipe lists."""
    if not path:
        yield from ((url, Location(url=url)) for url in urls)
        yield from ((url, Location(url=url, sitemap=True)) for url in sitemaps)
        return
    with world.open(path) as stream:
        for number, entry in enumerate(_read(stream)):
            yield f"{number}", entry


def _read(stream: BinaryIO) -> Iterator[Entry]:
    """The entries of a sitemap, or of a list of any length."""
    plain = sitemap.unpacked(stream)
    try:
        if not sitemap.is_xml(plain):
            yield from sitemap.read_lines(plain)
            return
    except FAILURES as error:
        yield Broken(detail=str(error) or type(error).__name__)
        return
    stream.seek(0)
    yield from sitemap.read_sitemap(stream)


def host_of(entry: Entry) -> str:
    """The host of a page or of a picture's page, as far as a look tells; "" for what is no address.

    >>> [host_of(Location(url=url)) for url in ("http://A.test.:80/x", "https://u@a.test?y", "http://a.test:81")]
    ['a.test', 'a.test', 'a.test:81']
    """
    url = entry.url if isinstance(entry, Location) else entry.page if isinstance(entry, Picture) else ""
    found = HOST.match(url)
    return ENDINGS.sub("", found[1]).lower() if found else ""


def items(where: str, entry: Entry) -> Iterator[Listed]:
    """An entry as a Page to fetch, as the Raws that it holds itself, or as a Reject."""
    match entry:
        case Location():
            yield page_of(where, entry)
        case Picture():
            yield from sitemap.raws(entry, where)
        case Broken(detail=detail):
            yield unreadable(where, detail)


def page_of(where: str, location: Location) -> Page | Reject:
    """The page at a location; a Reject where that is no address that may be asked."""
    try:
        target = guard.parse(location.url)
    except FetchError as error:
        return dropped(error.reason, where, error.detail, location.url[: guard.URL_CHARACTERS])
    return Page(url=target.url, where=where, site=target.host_header, sitemap=location.sitemap)
