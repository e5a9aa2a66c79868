import gzip
import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import records_of, world
from tests.interfaces import as_json
from tests.web import JPEG, NOT_FOUND, Answer, Endpoint, Visit, Web, head, raw, to, whole
from wit_pipeline.fetch.client import Client
from wit_pipeline.fetch.lookup import Lookup
from wit_pipeline.fetch.sites import FILES
from wit_pipeline.sources.source import Split, World
from wit_pipeline.sources.web import page_walk, pages
from wit_pipeline.sources.web.page_list import Page
from wit_pipeline.sources.web.page_walk import may_be_page
from wit_pipeline.sources.web.pages import PagesSource
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import SUCCESS, Raw, Reason, Reject


def html(*links: str, image: str = "", more: str = "") -> str:
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    picture = f'<img src="{image}" alt="a dog">' if image else ""
    return f"<!doctype html><html><head>{more}</head><body>{picture}{anchors}</body></html>"


def page(*links: str, image: str = "", more: str = "", headers: Sequence[str] = ()) -> Answer:
    return whole(
        html(*links, image=image, more=more).encode(), "Content-Type: text/html; charset=utf-8", *headers
    )


def site(**answers: Answer) -> Web:
    """A server with these pages: "a" is at /a, "index" at /, and "x_y" at /x.y."""
    paths = {"/" + name.replace("_", ".").removeprefix("index"): answer for name, answer in answers.items()}
    return Web({path: Endpoint(answer, SUCCESS) for path, answer in paths.items()})


def there(*webs: Web, files: dict[str, bytes] | None = None, **knobs: Any) -> World:
    knobs = {"timeout": 3.0, "backoff": 0.001, "threads": 4, **knobs}
    config = CrawlConfig(allow_hosts=tuple(web.authority for web in webs), **knobs)
    return world(files or {}, crawl=config)


def read(web: Web, *paths: str, **keys: Any) -> list[Raw | Reject]:
    """What a source gives whose recipe lists these pages of one server."""
    source = PagesSource(**{"urls": tuple(web.url(path) for path in paths), **keys})
    return records_of(source, "", there(web))


def told(web: Web, items: Sequence[Raw | Reject]) -> list[tuple[str, str]]:
    """The paths of images or pages, each with the text or the reason."""
    return [
        (item.url.removeprefix(web.url("")), item.text if isinstance(item, Raw) else item.reason)
        for item in items
    ]


def asked(web: Web) -> list[str]:
    """The pages that a server was asked for, in no order that means anything."""
    return sorted(path for path in web.log.paths if path not in FILES)


# --- one page --------------------------------------------------------------------------------------


def test_the_images_of_a_page_with_all_that_is_known_of_them() -> None:
    with site(a=page(image="1.jpg", more="<title>x</title>")) as web:
        (found,) = read(web, "/a#top")
        assert isinstance(found, Raw)
        assert (found.url, found.text) == (web.url("/1.jpg"), "a dog")
        assert found.page_url == web.url("/a")
        assert found.where.startswith(web.url("/a"))
        assert web.log.headers[-1]["Accept"].startswith("text/html,")
        assert web.log.paths == [*FILES, "/a"]


def test_addresses_count_from_where_the_page_was_found() -> None:
    with site(**{"a": to("/d/e/p"), "d/e/p": page(image="1.jpg")}) as web:
        (found,) = read(web, "/a")
        assert isinstance(found, Raw)
        assert (found.url, found.page_url) == (web.url("/d/e/1.jpg"), web.url("/d/e/p"))


TYPED = html(image="1.jpg").encode()


@pytest.mark.parametrize(
    ("answer", "is_page"),
    [
        (whole(TYPED, "Content-Type: TEXT/HTML"), True),
        (whole(TYPED, "Content-Type: application/xhtml+xml; charset=utf-8"), True),
        (whole(TYPED), True),
        (whole(b"\xef\xbb\xbf \n" + TYPED), True),
        (whole(html(image="1.jpg").encode("utf-16"), "Content-Type: text/html; charset=utf-16"), True),
        (whole(TYPED.removeprefix(b"<!doctype html>")), True),
        (whole(TYPED, "Content-Type: text/plain"), False),
        (whole(b"a dog"), False),
        (whole(JPEG, "Content-Type: image/jpeg"), False),
        (whole(JPEG, "Content-Type: text/html"), False),
        (as_json({"a": 1}), False),
    ],
)
def test_what_is_a_page(answer: Answer, is_page: bool) -> None:
    with site(a=answer) as web:
        (found,) = told(web, read(web, "/a"))
        assert found == (("/1.jpg", "a dog") if is_page else ("/a", Reason.UNSUPPORTED_FORMAT))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (NOT_FOUND.answer, Reason.HTTP_NOT_FOUND),
        (whole(b"", status="500 Oops"), Reason.HTTP_ERROR),
        (whole(b""), Reason.EMPTY),
        (page(headers=["X-Robots-Tag: noai"]), Reason.OPTED_OUT),
        (raw(head("200 OK", "Content-Length: 9"), b"x"), Reason.PROTOCOL_ERROR),
        (to("http://10.0.0.1/"), Reason.BLOCKED_ADDRESS),
    ],
)
def test_a_page_that_cannot_be_fetched_is_one_reject(answer: Answer, reason: Reason) -> None:
    with site(a=answer, b=page(image="1.jpg")) as web:
        failed, found = read(web, "/a", "/b")
        assert isinstance(failed, Reject)
        assert (failed.reason, failed.url, failed.where) == (reason, web.url("/a"), web.url("/a"))
        assert (failed.stage, failed.key) == ("extract", "")
        assert isinstance(found, Raw)


def test_a_page_of_10_mb_and_one_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_walk, "MAX_PAGE", len(TYPED))
    with site(a=whole(TYPED), b=whole(TYPED + b" ")) as web:
        assert told(web, read(web, "/a", "/b")) == [("/1.jpg", "a dog"), ("/b", Reason.TOO_LARGE)]


def test_robots_txt_is_obeyed_for_listed_and_for_linked_pages() -> None:
    rules = whole(b"User-agent: *\nDisallow: /no")
    with site(robots_txt=rules, a=page("/no/1", image="1.jpg")) as web:
        assert told(web, read(web, "/no/2", "/a", depth=1)) == [
            ("/no/2", Reason.ROBOTS_DISALLOWED),
            ("/1.jpg", "a dog"),
            ("/no/1", Reason.ROBOTS_DISALLOWED),
        ]
        assert asked(web) == ["/a"]


def test_a_page_that_opts_out_in_its_head() -> None:
    with site(a=page(image="1.jpg", more='<meta name="robots" content="noai">')) as web:
        assert told(web, read(web, "/a")) == [("/1.jpg", Reason.PAGE_OPTED_OUT)]


# --- several pages ---------------------------------------------------------------------------------


def test_pages_come_in_the_order_of_the_list_whatever_they_take() -> None:
    def slow(seconds: float, number: int) -> Answer:
        def answer(visit: Any) -> Any:
            visit.pause(seconds)
            return page(image=f"{number}.jpg")(visit)

        return answer

    answers = {f"p{number}": slow(0.05 * (number % 3 == 0), number) for number in range(20)}
    with site(**answers) as web:
        found = told(web, read(web, *(f"/p{number}" for number in range(20))))
    assert [url for url, _ in found] == [f"/{number}.jpg" for number in range(20)]


def test_a_page_is_read_once() -> None:
    with site(a=page(image="1.jpg"), b=to("/a"), c=to("/b")) as web:
        assert told(web, read(web, "/b", "/a#x", "/a", "/c")) == [
            ("/1.jpg", "a dog"),
            ("/a", Reason.DUPLICATE_PAGE),
            ("/a", Reason.DUPLICATE_PAGE),
            ("/c", Reason.DUPLICATE_PAGE),
        ]


@pytest.mark.parametrize(
    ("depth", "images"),
    [
        (0, ["0"]),
        (1, ["0", "2", "1"]),
        (2, ["0", "2", "1", "3"]),
        (9, ["0", "2", "1", "3", "4"]),
    ],
)
def test_links_are_followed_breadth_first_in_the_order_of_the_document(depth: int, images: list[str]) -> None:
    pages = {
        "index": page("b", "#top", "a", "/b", image="0.jpg"),
        "a": page("c", "/", image="1.jpg"),
        "b": page("a", "c", image="2.jpg"),
        "c": page("d", image="3.jpg"),
        "d": page("a", image="4.jpg"),
    }
    with site(**pages) as web:
        found = told(web, read(web, "/", depth=depth))
        assert [url for url, _ in found] == [f"/{number}.jpg" for number in images]
        assert len(asked(web)) == len(images)


def test_what_is_no_page_of_the_host_is_not_followed() -> None:
    with site(b=page(image="2.jpg")) as other:
        links = (
            other.url("/b"), "mailto:a@b.test", "javascript:alert(1)", "a.jpg", "a.PDF", "/x/a.zip?b=c",
            "data:,x", "http://[1/", "ftp://a.test/", "//user@a.test/", "b.html?x=1.jpg", "e f",
        )  # fmt: skip
        with site(**{"index": page(*links), "b_html": page(), "e%20f": page(image="1.jpg")}) as web:
            assert told(web, read(web, "/", depth=1)) == [("/1.jpg", "a dog")]
            assert asked(web) == ["/", "/b.html?x=1.jpg", "/e%20f"]
        assert other.log.paths == []


@pytest.mark.parametrize(
    "answer",
    [
        page("/b", more='<meta name="Robots" content="NoFollow">'),
        page("/b", headers=["X-Robots-Tag: nofollow"]),
        whole(b'<html><a rel="external nofollow" href="/b">x</a>'),
        page("/b", more='<base href="http://other.test/">'),
    ],
)
def test_links_that_are_not_to_be_followed(answer: Answer) -> None:
    with site(a=answer, b=page()) as web:
        read(web, "/a", depth=1)
        assert asked(web) == ["/a"]


def test_a_link_that_leads_away_is_not_read() -> None:
    with site(b=page("/c", image="2.jpg"), c=page()) as other:
        away = to(other.url("/b"))
        with site(index=page("/a"), a=away) as web:
            source = PagesSource(urls=(web.url("/"),), depth=2)
            (found,) = records_of(source, "", there(web, other))
            assert isinstance(found, Reject)
            assert (found.reason, found.url) == (Reason.URL_INVALID, web.url("/a"))
            assert other.hits("/c") == 0


def test_a_listed_page_may_lead_to_another_host_and_its_links_are_followed_there() -> None:
    with site(b=page("/c", image="2.jpg"), c=page(image="3.jpg")) as other:
        with site(a=to(other.url("/b"))) as web:
            source = PagesSource(urls=(web.url("/a"),), depth=1)
            found = records_of(source, "", there(web, other))
        assert told(other, found) == [("/2.jpg", "a dog"), ("/3.jpg", "a dog")]


def test_no_host_is_asked_for_more_pages_than_max_pages() -> None:
    chain = {f"p{number}": page(f"/p{number + 1}", "/q1", "/q2") for number in range(9)}
    with site(**chain, q1=page(), q2=page()) as web:
        found = told(web, read(web, "/p0", "/p5", "/p7", depth=9, max_pages=2))
        assert found == [("/p7", Reason.TOO_MANY_PAGES)]
        assert asked(web) == ["/p0", "/p5"]
    with site(**chain, q1=page(), q2=page()) as web:
        assert read(web, "/p0", depth=9, max_pages=5) == []
        assert asked(web) == ["/p0", "/p1", "/p2", "/q1", "/q2"]


def test_nothing_depends_on_the_number_of_threads() -> None:
    answers = {f"p{i}": page(f"/p{i * 2}", f"/p{i + 7}", "/gone", image=f"{i}.jpg") for i in range(40)}
    answers |= {f"p{i}": to(f"/p{i + 3}") for i in range(0, 40, 5)}
    with site(**answers) as web:
        source = PagesSource(urls=tuple(web.url(f"/p{i % 23}") for i in range(30)), depth=3, max_pages=35)
        first, *others = (records_of(source, "", there(web, threads=threads)) for threads in (1, 3, 50))
    assert len(first) > 30
    assert others == [first, first]


# --- lists and sitemaps ----------------------------------------------------------------------------


def listing(web: Web, *paths: str) -> str:
    return "\n".join(web.url(path) for path in paths)


def urlset(*addresses: str, more: str = "") -> str:
    names = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
    inner = "".join(f"<url><loc>{address}</loc></url>" for address in addresses)
    return f"<urlset {names}>{inner}{more}</urlset>"


def index(*addresses: str) -> str:
    inner = "".join(f"<sitemap><loc>{address}</loc></sitemap>" for address in addresses)
    return f"<sitemapindex>{inner}</sitemapindex>"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("xml", [False, True])
def test_a_file_that_lists_pages(pack: type[bytes], xml: bool) -> None:
    with site(a=page(image="1.jpg"), b=page(image="2.jpg")) as web:
        text = urlset(web.url("/a"), web.url("/b")) if xml else f"# mine\n{listing(web, '/a', '', '/b')}\n"
        files = {"list": pack(text.encode())}
        found = records_of(PagesSource(path=("list",), depth=0), "list", there(web, files=files))
        assert told(web, found)[0] == ("/1.jpg", "a dog")
        assert told(web, found)[-1] == ("/2.jpg", "a dog")


def test_lines_that_are_no_address_are_counted_and_the_others_go_on() -> None:
    with site(a=page(image="1.jpg")) as web:
        content = f"a.test\nftp://a.test/\nhttp://\xff bad\n{web.url('/gone')}\n{web.url('/a')}"
        found = records_of(PagesSource(path=("l",)), "l", there(web, files={"l": content.encode("latin-1")}))
        assert [(item.where, item.reason) for item in found if isinstance(item, Reject)] == [
            ("l#0", Reason.URL_INVALID),
            ("l#1", Reason.BLOCKED_SCHEME),
            ("l#2", Reason.URL_INVALID),
            ("l#3", Reason.HTTP_NOT_FOUND),
        ]
        assert told(web, found)[-1] == ("/1.jpg", "a dog")


def test_a_torn_list_gives_what_came_before() -> None:
    with site(**{f"p{i}": page(image=f"{i}.jpg") for i in range(100)}) as web:
        whole_list = gzip.compress(listing(web, *(f"/p{i}" for i in range(100))).encode())
        files = {"l": whole_list[: len(whole_list) - 12]}
        *found, last = records_of(PagesSource(path=("l",)), "l", there(web, files=files))
        assert isinstance(last, Reject)
        assert last.reason is Reason.SOURCE_UNREADABLE
        assert "ended" in last.detail
        assert all(isinstance(item, Raw) for item in found)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "l: lists no page: a pages source wants a URL a line, or a sitemap"),
        (b"# nothing\n\n", "l: lists no page: a pages source wants a URL a line"),
        (b"hello\n", "l: lists no page: no scheme"),
        (JPEG, "l: lists no page: it is no text"),
        (b"PK\x03\x04\0\0", "l: lists no page: it is no text"),
        (b"<html><body>x</body></html>", "l: lists no page: is no sitemap: its root is html"),
        (b"<urlset></urlset>", "l: lists no page: a pages source wants"),
        (b"<urlset>", "l: lists no page: is no XML: no element found"),
        (gzip.compress(b"http://a.test/")[:12], "l: lists no page: Compressed file ended"),
        (b"\x1f\x8bnonsense", "l: lists no page: "),
    ],
)
def test_a_file_that_lists_none_is_the_users(content: bytes, message: str) -> None:
    with pytest.raises(UserError) as caught:
        pages.splits(PagesSource(path=("l",)), "l", world({"l": content}))
    assert str(caught.value).startswith(message)


def test_the_recipe_lists_none_where_files_do() -> None:
    assert pages.splits(PagesSource(path=("l",)), "", world({})) == []


def sitemapped(web: Web, **keys: Any) -> list[tuple[str, str]]:
    source = PagesSource(**{"sitemaps": (web.url("/s.xml"),), **keys})
    return told(web, records_of(source, "", there(web)))


def test_sitemaps_of_every_shape() -> None:
    with site(a=page(image="1.jpg"), b=page(image="2.jpg"), c=page(image="3.jpg")) as web:
        packed = gzip.compress(urlset(web.url("/b")).encode())
        picture = "<image:image><image:loc>/9.jpg</image:loc><image:caption>cat</image:caption></image:image>"
        answers = {
            "/s.xml": whole(index(web.url("/1.xml"), web.url("/2.xml.gz"), web.url("/3.txt")).encode()),
            "/1.xml": whole(urlset(web.url("/a"), more=f"<url>{picture}</url>").encode()),
            "/2.xml.gz": whole(packed, "Content-Type: application/gzip", "X-Robots-Tag: noindex, follow"),
            "/3.txt": whole(web.url("/c").encode(), "Content-Type: text/plain"),
        }
        web.endpoints |= {path: Endpoint(answer, SUCCESS) for path, answer in answers.items()}
        assert sitemapped(web) == [
            ("/1.jpg", "a dog"), ("/9.jpg", "cat"), ("/2.jpg", "a dog"), ("/3.jpg", "a dog"),
        ]  # fmt: skip
        sitemap_headers = web.log.headers[web.log.paths.index("/s.xml")]
        assert "xml" in sitemap_headers["Accept"]


def serve(web: Web, **files: str) -> None:
    """Adds sitemaps: "s" is at /s.xml."""
    web.endpoints |= {f"/{name}.xml": Endpoint(whole(text.encode()), SUCCESS) for name, text in files.items()}


@pytest.mark.parametrize(("depth", "found"), [(1, True), (2, True), (3, False)])
def test_indexes_are_opened_two_deep(depth: int, found: bool) -> None:
    with site(a=page(image="1.jpg")) as web:
        serve(web, s=index(web.url("/s1.xml")))
        serve(web, **{f"s{i}": index(web.url(f"/s{i + 1}.xml")) for i in range(1, depth)})
        serve(web, **{f"s{depth}": urlset(web.url("/a"))})
        expected = [("/1.jpg", "a dog")] if found else [(f"/s{depth}.xml", Reason.SOURCE_UNREADABLE)]
        assert sitemapped(web) == expected


def test_a_sitemap_that_lists_itself() -> None:
    with site() as web:
        serve(web, s=index(web.url("/s.xml"), web.url("/t.xml")), t=index(web.url("/s.xml")))
        assert sitemapped(web) == [("/s.xml", Reason.DUPLICATE_PAGE)] * 2


def test_a_sitemap_speaks_for_its_own_host() -> None:
    with site(b=page()) as other, site(a=page(image="1.jpg")) as web:
        serve(web, s=urlset(other.url("/b"), web.url("/a")))
        assert sitemapped(web) == [(other.url("/b"), Reason.URL_INVALID), ("/1.jpg", "a dog")]
        assert other.log.paths == []


def test_www_is_no_other_host() -> None:
    with site(a=page("/b", image="1.jpg"), b=page(image="2.jpg")) as web:
        port = web.authority.partition(":")[2]
        serve(web, s=urlset(f"http://www.a.test:{port}/a", f"http://wwwa.test:{port}/a"))
        config = CrawlConfig(allow_hosts=(f"a.test:{port}", f"www.a.test:{port}"))
        answer = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))
        where = world(
            {}, crawl=config, client=lambda config: Client(config, Lookup(lambda *_, **__: [answer]))
        )
        source = PagesSource(sitemaps=(f"http://a.test:{port}/s.xml",), depth=1)
        found = records_of(source, "", where)
    assert [(item.url, isinstance(item, Raw)) for item in found] == [
        (f"http://www.a.test:{port}/1.jpg", True),
        (f"http://wwwa.test:{port}/a", False),
        (f"http://www.a.test:{port}/2.jpg", True),
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (NOT_FOUND.answer, Reason.HTTP_NOT_FOUND),
        (page(), Reason.SOURCE_UNREADABLE),
        (whole(b"<urlset/>"), Reason.SOURCE_UNREADABLE),
        (whole(gzip.compress(b"")), Reason.SOURCE_UNREADABLE),
        (whole(b"hello"), Reason.SOURCE_UNREADABLE),
        (whole(urlset().encode(), "X-Robots-Tag: noai"), Reason.OPTED_OUT),
        (whole(urlset().encode(), "X-Robots-Tag: noindex, noai"), Reason.OPTED_OUT),
        (whole(urlset().encode(), "TDM-Reservation: 1"), Reason.OPTED_OUT),
        (whole(urlset().encode(), "Content-Signal: ai-train=no"), Reason.OPTED_OUT),
    ],
)
def test_a_sitemap_that_cannot_be_read_is_one_reject(answer: Answer, reason: Reason) -> None:
    with site(s_xml=answer) as web:
        assert [found for _, found in sitemapped(web)] == [reason]


def test_a_broken_sitemap_keeps_what_came_before() -> None:
    with site(a=page(image="1.jpg")) as web:
        serve(web, s=urlset(web.url("/a"))[:-5])
        source = PagesSource(sitemaps=(web.url("/s.xml"),))
        found, broken = records_of(source, "", there(web))
        assert isinstance(found, Raw)
        assert isinstance(broken, Reject)
        assert (broken.where, broken.reason) == (web.url("/s.xml") + "#1", Reason.SOURCE_UNREADABLE)


def test_no_more_sitemaps_than_pages_are_asked_of_a_host() -> None:
    with site(a=page(image="1.jpg")) as web:
        names = [f"t{i}" for i in range(5)]
        serve(web, s=index(*(web.url(f"/{name}.xml") for name in names)))
        serve(web, **dict.fromkeys(names, urlset(web.url("/a"), web.url("/b"), web.url("/c"))))
        counts = Counter(reason for _, reason in sitemapped(web, max_pages=3))
    assert counts == {
        "a dog": 1,
        Reason.HTTP_NOT_FOUND: 2,
        Reason.DUPLICATE_PAGE: 3,
        Reason.TOO_MANY_PAGES: 3,
    }


# --- shares ----------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(1, 50))
def test_every_page_is_in_one_share_and_a_host_in_one_only(hosts: list[int], size: int) -> None:
    content = "\n".join(f"http://h{host}.test/{number}" for number, host in enumerate(hosts)).encode()
    source, where = PagesSource(path=("l",)), world({"l": content})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "SPLIT_PAGES", size)
        found: dict[str, set[int]] = {}
        for number, (share, shares) in enumerate(pages.splits(source, "l", where)):
            assert (share, shares) == (number, max(len(hosts) // size, 1))
            split = Split(source=0, path="l", first=share, last=shares)
            for item in pages.share(source, split, where):
                assert isinstance(item, Page)
                found.setdefault(item.site, set()).add(share)
    assert found.keys() == {f"h{host}.test" for host in hosts}
    assert all(len(shares) == 1 for shares in found.values())


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=60), min_size=1, max_size=4),
    st.integers(1, 9),
)
def test_a_host_of_several_lists_is_in_one_lane_only(lists: list[list[int]], size: int) -> None:
    files = {
        f"l{number}": "\n".join(f"http://h{host}.test/{i}" for i, host in enumerate(hosts)).encode()
        for number, hosts in enumerate(lists)
    }
    source, where = PagesSource(path=tuple(files)), world(files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "SPLIT_PAGES", size)
        splits = [
            Split(source=0, path=path, first=first, last=last)
            for path in files
            for first, last in pages.splits(source, path, where)
        ]
    found: dict[str, set[str]] = {}
    for split in splits:
        for item in pages.share(source, split, where):
            assert isinstance(item, Page)
            found.setdefault(item.site, set()).add(pages.lane(source, split, splits))
    assert all(len(lanes) == 1 for lanes in found.values())
    if len(files) == 1:  # a list alone is read by as many processes as it has shares
        assert len({pages.lane(source, split, splits) for split in splits}) == len(splits)


def test_what_a_share_lists_is_its_own_and_what_that_leads_to_is_not() -> None:
    """A target that other processes may be led to as well has one connection from each, and rests."""
    with site() as target:
        target.endpoints = {f"/{i}": Endpoint(late(page(), 0.1), SUCCESS) for i in range(4)}
        answers = {f"/{i}": Endpoint(to(target.url(f"/{i}")), SUCCESS) for i in range(4)}
        with site() as web:
            web.endpoints = answers
            source = PagesSource(urls=tuple(web.url(path) for path in answers))
            where = there(web, target, robots=False, opt_outs=())
            alone = replace(where, client=partial(Client, processes=6))
            assert records_of(source, "", alone) == records_of(source, "", where)
        rests = sorted(target.log.rests[:3])
    assert rests[0] >= 0.2


def late(answer: Answer, seconds: float) -> Answer:
    def pausing(visit: Visit) -> Iterable[bytes]:
        visit.pause(seconds)
        return answer(visit)

    return pausing


def test_there_are_not_too_many_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SPLIT_PAGES", 1)
    monkeypatch.setattr(pages, "MOST_SPLITS", 3)
    content = "\n".join(f"http://h{i}.test/" for i in range(10)).encode()
    assert pages.splits(PagesSource(path=("l",)), "l", world({"l": content})) == [(0, 3), (1, 3), (2, 3)]


# --- the rest --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "needs path, urls or sitemaps"),
        ({"urls": ("a.test",)}, "'a.test' cannot be asked: no scheme"),
        ({"sitemaps": ("file:///etc",)}, "'file:///etc' cannot be asked: scheme file"),
        ({"path": ("l",), "depth": -1}, "depth must be 0 or more, found -1"),
        ({"path": ("l",), "max_pages": 0}, "max_pages must be at least 1, found 0"),
    ],
)
def test_wrong_keys(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PagesSource(**keys)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.test", True),
        ("http://a.test/x.html", True),
        ("http://a.test/x.php?y=z.jpg", True),
        ("http://a.test/v1.0/", True),
        ("http://a.test/.jpg", True),
        ("http://a.test/x.JPEG", False),
        ("http://a.test/x.tar.gz?y", False),
    ],
)
def test_what_may_be_a_page(url: str, expected: bool) -> None:
    assert may_be_page(url) == expected


def test_a_real_site(real_data: Path) -> None:
    folder = real_data / "site_gutenberg_html"
    files = {f"/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.*")}
    with site() as web:
        web.endpoints |= {
            path: Endpoint(whole(body, "Content-Type: text/html" if path.endswith("htm") else ""), SUCCESS)
            for path, body in files.items()
        }
        found = read(web, "/14838-h/14838-h.htm", depth=1)
        assert len({item.url for item in found if isinstance(item, Raw)}) == 28
        assert all(web.url("/14838-h/images/peter") in item.url for item in found)
        assert asked(web) == ["/14838-h/14838-h.htm"]
