"""Pages that are fetched for the purpose: listed by URL or by a sitemap, and those they link to.

They are asked as politely as images are, by the same client: robots.txt, opt-outs, gates and deadlines are
those of `[crawl]`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Literal

from wit_pipeline.fetch import guard
from wit_pipeline.fetch.client import FetchError
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.sources.web.page_list import Listed, Page, entries, host_of, items
from wit_pipeline.sources.web.page_walk import Walk
from wit_pipeline.sources.web.sitemap import Location
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject

SPLIT_PAGES = 500  # listed pages of a split, on average …
MOST_SPLITS = 100  # … unless there were more splits than this: each goes through the whole list
WANTED = "a pages source wants a URL a line, or a sitemap"
PEEK = 1024  # bytes of a list that are looked at


@dataclass(frozen=True, kw_only=True, slots=True)
class PagesSource:
    """`kind = "pages"`: pages of the web, fetched politely."""

    kind: Literal["pages"] = "pages"
    path: tuple[str, ...] = how(())  # globs of lists, a URL a line, or of sitemaps; both also .gz
    urls: tuple[str, ...] = ()  # of pages
    sitemaps: tuple[str, ...] = ()  # URLs of sitemaps, which list the pages
    depth: int = 0  # links followed from a listed page, within its host
    max_pages: int = 1000  # asked of a host, and as many sitemaps

    def __post_init__(self) -> None:
        if not (self.path or self.urls or self.sitemaps):
            raise ValueError("needs path, urls or sitemaps")
        if self.depth < 0:
            raise ValueError(f"depth must be 0 or more, found {self.depth}")
        if self.max_pages < 1:
            raise ValueError(f"max_pages must be at least 1, found {self.max_pages}")
        for url in (*self.urls, *self.sitemaps):
            try:
                guard.parse(url)
            except FetchError as error:
                raise ValueError(f"{url!r} cannot be asked: {error.detail}") from None


def splits(config: PagesSource, path: str, world: World) -> list[Range]:
    """Shares of the hosts of a file, or of the recipe's own pages where `path` is "": (share, of so many).

    A `UserError` for a file that lists no page.
    """
    if path:
        _refuse_binary(path, world)
    count, usable, trouble = 0, False, WANTED
    for where, entry in entries(config.urls, config.sitemaps, path, world):
        count += isinstance(entry, Location)
        if usable:
            continue
        for item in items(where, entry):
            usable = usable or isinstance(item, Page)
            trouble = item.detail if isinstance(item, Reject) else trouble
    if path and not usable:
        raise UserError(f"{path}: lists no page: {trouble}")
    shares = min(max(count // SPLIT_PAGES, 1), MOST_SPLITS)
    return [(number, shares) for number in range(shares)] if usable else []


def lane(config: PagesSource, split: Split, others: Sequence[Split]) -> str:
    """The splits, of whichever list or source, that a host of this one may be in.

    A host whose draw is d is in share d % n of a list of n shares. With g a divisor of every n, that share's
    number is d % g too: so lists that name the same host meet in one lane, and one list alone has a lane for
    each share.
    """
    return f"pages-{split.first % gcd(*(other.last for other in others))}"


def _refuse_binary(path: str, world: World) -> None:
    with world.open(path) as stream:
        head = stream.read(PEEK)
    if b"\0" in head and not head.startswith((b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")):
        raise UserError(
            f"{path}: lists no page: it is no text; a pages source wants a URL a line, or a sitemap"
        )


def read(config: PagesSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The images of the pages of a split: listed pages in their order, then what they link to.

    A page that gives none because it could not be read is one Reject. The order, and what is asked, depend on
    no clock and on no number of threads.
    """
    client = world.client(world.crawl)
    client.owns(page.url for page in share(config, split, world) if isinstance(page, Page))
    walk = Walk(client, world.crawl, config.max_pages)
    pages = walk.expand(share(config, split, world))
    for depth in range(config.depth + 1):
        yield from walk.visit(pages, follow=depth < config.depth)
        pages = walk.linked()


def share(config: PagesSource, split: Split, world: World) -> Iterator[Listed]:
    """What is listed of the hosts of one share, in order: a host's pages stay together."""
    number, shares = split.first, split.last
    for where, entry in entries(config.urls, config.sitemaps, split.path, world):
        if draw(host_of(entry), seed=world.seed, purpose="pages:share") % shares == number:
            place = f"{split.place}#{where}" if split.path else where
            yield from items(place, entry)
