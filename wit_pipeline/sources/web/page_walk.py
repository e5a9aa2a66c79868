"""A walk over pages, level by level: what is listed, by sitemaps too, then what the level before links to."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from wit_pipeline.fetch import guard, optout
from wit_pipeline.fetch.client import Client, FetchError, Response
from wit_pipeline.fetch.http.media import charset_of, is_page
from wit_pipeline.html.encoding import WIDE, codec
from wit_pipeline.html.links import links
from wit_pipeline.html.page import read_page
from wit_pipeline.sources.web.page_list import Listed, Page, items
from wit_pipeline.sources.web.sitemap import MOST_BYTES, read_sitemap
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped, unreadable

MAX_PAGE = 10 << 20  # bytes of a page
AHEAD = 2  # pages under way or waiting to be read, for each thread
NESTED = 2  # indexes above a sitemap
ACCEPT_PAGE = "text/html,application/xhtml+xml,*/*;q=0.5"
ACCEPT_SITEMAP = "application/xml,text/xml,text/plain;q=0.9,*/*;q=0.5"
NO_PAGES = frozenset((  # suffixes of what a link leads to that is not asked
    "7z", "avi", "avif", "bin", "bmp", "bz2", "css", "csv", "doc", "docx", "dmg", "epub", "exe", "flac",
    "gif", "gz", "ico", "iso", "jpeg", "jpg", "js", "json", "m4a", "m4v", "mkv", "mov", "mp3", "mp4", "mpeg",
    "mpg", "odp", "ods", "odt", "ogg", "ogv", "pdf", "png", "ppt", "pptx", "ps", "rar", "rss", "svg", "tar",
    "tgz", "tif", "tiff", "txt", "wav", "webm", "webp", "wmv", "woff", "woff2", "xls", "xlsx", "xml", "xz",
    "zip", "zst",
))  # fmt: skip

Visited = tuple[Page, Response | FetchError]


@dataclass(slots=True)
class Walk:
    """What has been asked, read and found so far."""

    client: Client
    config: CrawlConfig
    max_pages: int  # of a site, and as many sitemaps
    _asked: set[str] = field(default_factory=set, init=False)  # URLs of pages and sitemaps
    _read: set[str] = field(default_factory=set, init=False)  # URLs that pages were found at
    _pages: Counter[str] = field(default_factory=Counter, init=False)  # asked of each site
    _sitemaps: Counter[str] = field(default_factory=Counter, init=False)
    _links: dict[str, Page] = field(default_factory=dict, init=False)  # in the order found
    _linked: Counter[str] = field(default_factory=Counter, init=False)  # of each site

    def expand(self, listed: Iterable[Listed], by: str = "", above: int = 0) -> Iterator[Listed]:
        """The pages to ask, with sitemaps opened; those that are not asked as Rejects, the rest as it is.

        `by` is the host of the sitemap that lists them, below so many others, if one does.
        """
        for item in listed:
            if not isinstance(item, Page):
                yield item
            elif by and item.site.removeprefix("www.") != by.removeprefix("www."):
                yield dropped(Reason.URL_INVALID, item.where, f"is not on {by}, as its sitemap is", item.url)
            elif item.sitemap and above > NESTED:
                yield unreadable(item.where, f"a sitemap below {above} others", item.url)
            elif refused := self._refuse(item):
                yield refused
            elif item.sitemap:
                yield from self.expand(self._open(item), item.site, above + 1)
            else:
                yield item

    def _refuse(self, page: Page) -> Reject | None:
        """Why a page or sitemap is not asked; if it is, it counts from now on."""
        counts = self._sitemaps if page.sitemap else self._pages
        if page.url in self._asked:
            return dropped(Reason.DUPLICATE_PAGE, page.where, "listed before", page.url)
        if counts[page.site] >= self.max_pages:
            return dropped(Reason.TOO_MANY_PAGES, page.where, f"max_pages is {self.max_pages}", page.url)
        self._asked.add(page.url)
        counts[page.site] += 1
        return None

    def _open(self, page: Page) -> Iterator[Listed]:
        """What a sitemap lists."""
        try:
            # Most sitemaps say noindex of themselves, so that no reader finds the file among its results.
            response = self.client.fetch(page.url, accept=ACCEPT_SITEMAP, max_bytes=MOST_BYTES, opt_out=False)
            self._refuse_opted_out(response)
        except FetchError as error:
            yield dropped(error.reason, page.where, error.detail, page.url)
            return
        number = -1
        for number, entry in enumerate(read_sitemap(BytesIO(response.body))):
            yield from items(f"{page.url}#{number}", entry)
        if number < 0:
            yield unreadable(page.where, "the sitemap lists nothing", page.url)

    def _refuse_opted_out(self, response: Response) -> None:
        headers = (
            ("x-robots-tag", re.sub(r"(?i)\b(noindex|none)\b", "", response.x_robots_tag)),
            ("tdm-reservation", response.tdm_reservation),
            ("content-usage", response.content_usage),
            ("content-signal", response.content_signal),
        )
        signal = optout.header_opt_out(headers, self.config.agent, self.config.opt_outs)
        if signal:
            raise FetchError(Reason.OPTED_OUT, signal)

    def visit(self, level: Iterable[Listed], follow: bool) -> Iterator[Raw | Reject]:
        """What the pages of a level give, in its order; `follow` is whether their links will be asked."""
        flying: deque[Future[Visited] | Raw | Reject] = deque()
        with ThreadPoolExecutor(self.config.threads, thread_name_prefix="pages") as pool:
            for item in level:
                flying.append(pool.submit(self._fetch, item) if isinstance(item, Page) else item)
                if len(flying) >= AHEAD * self.config.threads:
                    yield from self._landed(flying.popleft(), follow)
            while flying:
                yield from self._landed(flying.popleft(), follow)

    def _fetch(self, page: Page) -> Visited:
        try:
            return page, self.client.fetch(page.url, accept=ACCEPT_PAGE, max_bytes=MAX_PAGE)
        except FetchError as error:
            return page, error

    def _landed(self, item: Future[Visited] | Raw | Reject, follow: bool) -> Iterator[Raw | Reject]:
        if not isinstance(item, Future):
            yield item
            return
        page, response = item.result()
        if isinstance(response, FetchError):
            yield dropped(response.reason, page.where, response.detail, page.url)
            return
        home = guard.parse(response.final_url).host_header
        if page.home and home != page.home:
            yield dropped(Reason.URL_INVALID, page.where, f"redirects to {home}, another host", page.url)
        elif response.final_url in self._read:
            yield dropped(Reason.DUPLICATE_PAGE, page.where, f"redirects to {response.final_url}", page.url)
        elif not is_html(response):
            detail = f"no page: {response.content_type or 'no type stated'}"
            yield dropped(Reason.UNSUPPORTED_FORMAT, page.where, detail, page.url)
        else:
            self._read.add(response.final_url)
            charset = charset_of(response.content_type)
            robots = [response.x_robots_tag] if response.x_robots_tag else []
            url = response.final_url
            yield from read_page(response.body, url, url, robots, charset, self.config.opt_outs)
            if follow and "nofollow" not in response.x_robots_tag.lower():
                self._keep_links(links(response.body, response.final_url, charset), page, home)

    def _keep_links(self, urls: list[str], page: Page, home: str) -> None:
        """Keeps links to pages of the same host: as many of a site as will ever be asked."""
        for url in urls:
            if self._linked[page.site] >= self.max_pages:
                return
            try:
                target = guard.parse(url)
            except FetchError:
                continue
            if target.host_header == home and may_be_page(url) and target.url not in self._links:
                self._links[target.url] = Page(url=target.url, where=target.url, site=page.site, home=home)
                self._linked[page.site] += 1

    def linked(self) -> Iterator[Page]:
        """The pages that the level before links to and that are still to be asked."""
        links, self._links, self._linked = self._links, {}, Counter()
        return (page for page in links.values() if self._refuse(page) is None)


def may_be_page(url: str) -> bool:
    """Whether the suffix of an address does not say that it is something else than a page."""
    return PurePosixPath(urlsplit(url).path).suffix[1:].lower() not in NO_PAGES


def is_html(response: Response) -> bool:
    """Whether a body is a page, and not a file that a server calls one."""
    head = response.body[:512]
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff")) or codec(charset_of(response.content_type)) in WIDE
    return (wide or b"\0" not in head) and is_page(response.content_type, response.body)
