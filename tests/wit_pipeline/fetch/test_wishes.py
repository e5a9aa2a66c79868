"""Every way to wish, through the client as it is, and each of them switched off."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web import JPEG, RESET, Endpoint, Web, at_visit, raw, whole
from tests.web.wishes import (
    CONSENTS,
    LINK,
    LONG,
    PLACE,
    READ_ANYWAY,
    REFUSALS,
    ROBOTS,
    RSL,
    UNREADABLE,
    Wish,
    asked,
    licence,
    permits,
    prohibits,
    site,
)
from wit_pipeline.fetch import sites
from wit_pipeline.fetch.client import NOWHERE, Client, FetchError, Origin
from wit_pipeline.fetch.guard import parse
from wit_pipeline.fetch.sites import COMMON_CRAWL, HOUR
from wit_pipeline.vocabulary.crawl_config import SIGNALS, CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason


def outcome(web: Web, found: Origin = NOWHERE, folder: Path | None = None, **knobs: Any) -> str:
    """What asking for the picture comes to."""
    config = CrawlConfig(allow_hosts=(web.authority,), backoff=0.01, **knobs)
    with Client(config, folder=folder) as client:
        return asked_for(client, web, found)


def asked_for(client: Client, web: Web, found: Origin = NOWHERE) -> str:
    async def ask() -> bytes:
        async with client.ask(web.url(PLACE), found=found) as response:
            return response.body

    try:
        assert client.run(ask()) == JPEG
    except FetchError as error:
        return error.reason
    return SUCCESS


def without(signal: str) -> dict[str, Any]:
    """The knobs that switch one signal off."""
    if signal == "as_agents":
        return {"as_agents": ()}
    assert signal in SIGNALS
    return {"opt_outs": tuple(name for name in SIGNALS if name != signal)}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_wish_is_heard(name: str) -> None:
    wish = REFUSALS[name]
    with site(wish) as web:
        said = Reason.AGENTS_DISALLOWED if wish.signal == "as_agents" else Reason.OPTED_OUT
        assert outcome(web) == said
        assert web.hits(PLACE) == (1 if wish.headers else 0)  # decided before it is asked for
        assert outcome(web, **without(wish.signal)) == SUCCESS


@pytest.mark.parametrize("name", CONSENTS)
def test_what_is_no_wish_refuses_nothing(name: str) -> None:
    with site(CONSENTS[name]) as web:
        assert outcome(web) == SUCCESS


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_no_consent(name: str) -> None:
    path, answer = UNREADABLE[name]
    with site(Wish(signal=""), **{path: answer}) as web:
        assert outcome(web, timeout=1.0 if name.startswith("silent") else 20.0) == Reason.WISHES_UNREADABLE
        assert web.hits(PLACE) == 0
        assert outcome(web, robots=False, opt_outs=()) == SUCCESS


@pytest.mark.parametrize("name", READ_ANYWAY)
def test_a_file_is_read_however_it_is_sent(name: str) -> None:
    path, answer, reason = READ_ANYWAY[name]
    with site(Wish(signal=""), **{path: answer}) as web:
        assert outcome(web) == reason


WORDS = (
    "User-agent:", "*", "wit", "Disallow:", "Content-Usage:", "/a", "train-ai=n", "[", "{", "}", "]", "<rsl>",
    '"location":', '"tdm-reservation":', "1", ",", "<content url='/'>", "</rsl>", "<license>", "\n", " ",
    "\0", "é", "#",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS)).map(lambda words: "".join(words).encode())


@given(TEXTS | st.binary())
def test_no_file_breaks_what_reads_it(body: bytes) -> None:
    target = parse("http://a.test/a")
    for kind in (*sites.FILES.values(), sites.LICENCE):
        kind.appears(body)
        with suppress(FetchError):
            found = kind.read(body, CrawlConfig())
            for ask in ("allows", "reserves", "forbid"):
                if hasattr(found, ask):
                    assert getattr(found, ask)(target) in (True, False)


def test_a_long_robots_txt_loses_nobody() -> None:
    """What follows half a mebibyte is not read, and the rest of it counts."""
    body = b"User-agent: *\nDisallow: /b\n" + LONG + b"User-agent: *\nDisallow: /\n"
    with site(Wish(signal=""), **{ROBOTS: whole(body)}) as web:
        assert outcome(web) == SUCCESS


def test_what_cannot_be_read_is_asked_for_again_in_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answer = UNREADABLE["tdmrep_cut"]
    with site(Wish(signal=""), **{path: answer}) as web:
        config = CrawlConfig(allow_hosts=(web.authority,))
        with Client(config, folder=tmp_path) as client:
            for _ in range(2):
                assert asked_for(client, web) == Reason.WISHES_UNREADABLE
        assert outcome(web, folder=tmp_path) == Reason.WISHES_UNREADABLE  # told by the folder
        assert web.hits(path) == 1
        web.endpoints[path] = Endpoint(whole(b"[]"), SUCCESS)
        clock = time.time
        monkeypatch.setattr(time, "time", lambda: clock() + HOUR)
        assert outcome(web, folder=tmp_path) == SUCCESS
        assert web.hits(path) == 2


def test_named_agents_only_refuse() -> None:
    both = b"User-agent: *\nDisallow: /\n\nUser-agent: GPTBot\nAllow: /\n"
    with site(Wish(signal="", files={ROBOTS: both})) as web:
        assert outcome(web) == Reason.ROBOTS_DISALLOWED
    with site(asked("Disallow: /", "", "Other")) as web:
        assert outcome(web, as_agents=("other",)) == Reason.AGENTS_DISALLOWED
        assert outcome(web, as_agents=("other",), robots=False) == SUCCESS


def test_common_crawl_s_agent_counts_for_what_common_crawl_found() -> None:
    found = Origin(as_agents=(COMMON_CRAWL,))
    with site(asked("Disallow: /", "", "CCBot")) as web:
        assert outcome(web) == SUCCESS
        assert outcome(web, found) == Reason.AGENTS_DISALLOWED
        assert outcome(web, found, as_agents=()) == SUCCESS
        assert outcome(web, as_agents=("CCBot",)) == Reason.AGENTS_DISALLOWED


def test_the_licence_of_a_page_holds_for_its_pictures() -> None:
    with site(Wish(signal="", files={RSL: licence(prohibits("ai-train"), url="/blog/")})) as web:
        blog = Origin(licences=((web.url("/blog/1"), web.url(RSL)),))
        shop = Origin(licences=((web.url("/shop/1"), web.url(RSL)),))
        assert outcome(web, blog) == Reason.OPTED_OUT
        assert web.hits(PLACE) == 0
        assert outcome(web, blog, **without("rsl")) == SUCCESS
        assert outcome(web, shop) == SUCCESS
        assert outcome(web, Origin(licences=(("no page", web.url(RSL)),))) == SUCCESS


def test_a_licence_is_asked_for_once() -> None:
    wish = Wish(signal="", headers=(f"Link: {LINK}",), files={RSL: licence(permits("all"))})
    with site(wish) as web, Client(CrawlConfig(allow_hosts=(web.authority,))) as client:
        for _ in range(3):
            assert asked_for(client, web) == SUCCESS
        assert web.hits(RSL) == 1
        assert web.hits(PLACE) == 4  # the first time up to its head, which names the licence


@pytest.mark.parametrize(
    "named", ["http://10.0.0.1/license.xml", "ftp://a.test/license.xml", "http://a.test:25/rsl"]
)
def test_a_licence_where_nobody_may_go_is_no_consent(named: str) -> None:
    with site(Wish(signal="", files={ROBOTS: f"License: {named}".encode()})) as web:
        assert outcome(web) == Reason.WISHES_UNREADABLE


@pytest.mark.parametrize(
    "body",
    [
        licence(permits("all"))[:-9],
        b'<!DOCTYPE rsl [<!ENTITY a "b">]>' + licence(permits("all")),
        b"<rsl><content url=\xe2\x80\x9d/\xe2\x80\x9d></content></rsl>",
    ],
)
def test_a_broken_licence_is_no_consent(body: bytes) -> None:
    with site(Wish(signal="", files={ROBOTS: b"License: /license.xml", RSL: body})) as web:
        assert outcome(web) == Reason.WISHES_UNREADABLE
        assert outcome(web, **without("rsl")) == SUCCESS


@pytest.mark.parametrize("status", ["500 Oops", "429 Slow down"])
def test_a_licence_that_cannot_be_had_is_no_consent(status: str) -> None:
    named = Wish(signal="", files={ROBOTS: b"License: /license.xml"})
    with site(named, **{RSL: whole(b"", status=status)}) as web:
        assert outcome(web) == Reason.WISHES_UNREADABLE
        assert outcome(web, **without("rsl")) == SUCCESS


def test_another_licence_with_every_answer_is_no_consent() -> None:
    def picture(visit: object) -> list[bytes]:
        number = web.hits(PLACE)
        return list(whole(JPEG, f"Link: </{number}.xml>; rel=license")(visit))  # type: ignore[arg-type]

    with site(Wish(signal=""), **{PLACE: picture}) as web:
        assert outcome(web) == Reason.WISHES_UNREADABLE


@pytest.mark.parametrize(
    "status", [408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529, 530, 598, 599]
)
def test_as_many_retries_as_the_recipe_says(status: int) -> None:
    with site(Wish(signal=""), **{PLACE: whole(b"", status=f"{status} No")}) as web:
        for retries in (2, 0):
            before = web.hits(PLACE)
            assert outcome(web, retries=retries) == Reason.HTTP_ERROR
            assert web.hits(PLACE) == before + 1 + retries


def test_a_lost_connection_does_not_hide_what_a_server_says() -> None:
    busy = whole(b"", status="500 No")
    with site(Wish(signal=""), **{PLACE: at_visit(3, at_visit(2, busy, raw(RESET)), busy)}) as web:
        assert outcome(web, retries=1) == Reason.HTTP_ERROR
        assert web.hits(PLACE) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 501, 505])
def test_what_does_not_pass_is_asked_once(status: int) -> None:
    with site(Wish(signal=""), **{PLACE: whole(b"", status=f"{status} No")}) as web:
        outcome(web)
        assert web.hits(PLACE) == 1


def test_payment_required() -> None:
    with site(Wish(signal=""), **{PLACE: whole(JPEG, status="402 Payment Required")}) as web:
        assert outcome(web) == Reason.PAYMENT_REQUIRED
