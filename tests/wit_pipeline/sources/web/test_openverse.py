from collections.abc import Sequence
from typing import Any

import pytest

from tests.factories import records_of, world
from tests.interfaces import as_json, asked, interface, openverse, work
from tests.web import Web, to
from wit_pipeline.sources.web.openverse import OpenverseSource
from wit_pipeline.vocabulary.config import as_table
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENVERSE_TOKEN", raising=False)


def search(
    web: Web, queries: Sequence[str] = ("dog",), allowed: tuple[str, ...] = (), **keys: Any
) -> list[Raw | Reject]:
    config = CrawlConfig(allow_hosts=(web.authority, *allowed), timeout=3.0, backoff=0.001)
    source = OpenverseSource(**{"api": web.url("/api"), "interval": 0.0, **keys})
    return records_of(source, "", world({}, queries=lambda: queries, crawl=config))


def one(result: object) -> Raw | Reject:
    with interface(openverse({'"dog"': [result]})) as web:
        (item,) = search(web)
    return item


def test_a_result_with_all_that_is_known_of_it() -> None:
    assert one(work(7)) == Raw(
        url="https://photos.test/7.jpg",
        text="Dog 7",
        where="openverse:dog#0",
        page_url="https://photos.test/7",
        license="https://creativecommons.org/licenses/by/2.0/",
        attribution='"Dog 7" by Ada is licensed under CC BY 2.0.',
        text_kind="title",
    )


def test_what_is_asked() -> None:
    with interface(openverse({})) as web:
        search(web, ['new "york" -x'], license_type=("commercial", "modification"))
        search(web)
        assert asked(web) == [
            {
                "q": '"new york -x"',
                "page_size": "20",
                "page": "1",
                "mature": "false",
                "license_type": "commercial,modification",
            },
            {"q": '"dog"', "page_size": "20", "page": "1", "mature": "false"},
        ]


@pytest.mark.parametrize(
    ("count", "per_query", "size", "expected", "requests"),
    [
        (0, 20, 20, 0, 1),
        (20, 20, 20, 20, 1),
        (21, 20, 20, 20, 1),
        (21, 21, 20, 21, 2),
        (7, 100, 3, 7, 3),
        (6, 100, 3, 6, 2),  # the page beyond is not asked for
        (7, 5, 3, 5, 2),
        (7, 1, 3, 1, 1),
    ],
)
def test_results_come_in_pages_and_end_where_they_must(
    count: int, per_query: int, size: int, expected: int, requests: int
) -> None:
    with interface(openverse({'"dog"': [work(number) for number in range(count)]})) as web:
        items = search(web, per_query=per_query, page_size=size)
        assert [item.where for item in items] == [f"openverse:dog#{i}" for i in range(expected)]
        assert [query["page"] for query in asked(web)] == [str(i + 1) for i in range(requests)]


@pytest.mark.parametrize("pages", [None, "2", {}, 0])
def test_an_answer_that_does_not_say_how_many_pages_there_are_is_the_last(pages: object) -> None:
    with interface(as_json({"results": [work(0)], "page_count": pages})) as web:
        assert len(search(web, per_query=100)) == 1
        assert len(web.log.paths) == 1


CC_BY = "https://creativecommons.org/licenses/by/2.0/"
CREDIT = '"Dog 0" by Ada is licensed under CC BY 2.0.'


@pytest.mark.parametrize(
    ("changed", "text", "terms", "attribution"),
    [
        ({"title": None}, "", CC_BY, CREDIT),
        ({"license_url": None}, "Dog 0", "by 2.0", CREDIT),
        ({"license_url": "", "license": "cc0", "license_version": ""}, "Dog 0", "cc0", CREDIT),
        ({"attribution": None}, "Dog 0", CC_BY, "Ada"),
        ({"attribution": [], "creator": 5}, "Dog 0", CC_BY, "5"),
        ({"title": "Dog \ud800 犬"}, "Dog ? 犬", CC_BY, CREDIT),
    ],
)
def test_odd_fields(changed: dict[str, object], text: str, terms: str, attribution: str) -> None:
    item = one(work(0, **changed))
    assert isinstance(item, Raw)
    assert (item.text, item.license, item.attribution) == (text, terms, attribution)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (work(0, url=None), Reason.NO_URL),
        ({}, Reason.NO_URL),
        ({"url": ["x"]}, Reason.NO_URL),
        (None, Reason.SOURCE_UNREADABLE),
        ("x", Reason.SOURCE_UNREADABLE),
    ],
)
def test_a_result_that_is_no_picture_is_counted(result: object, reason: Reason) -> None:
    item = one(result)
    assert isinstance(item, Reject)
    assert (item.reason, item.where) == (reason, "openverse:dog#0")


def test_every_result_is_accounted_for() -> None:
    results = [work(0), None, work(0), {}, *map(work, range(4, 30))]
    with interface(openverse({'"dog"': results, '"cat"': results[:3]})) as web:
        items = search(web, ["dog", "cat"], per_query=100)
    assert len(items) == len(results) + 3
    assert sum(isinstance(item, Reject) for item in items) == 3


def test_a_token_goes_with_every_request_and_into_no_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", " s3cret\n")
    with interface(openverse({'"dog"': [work(0)]})) as web:
        search(web, token_env="MY_TOKEN")
        search(web)
        assert [headers.get("Authorization") for headers in web.log.headers] == ["Bearer s3cret", None]
    assert "TOKEN" not in str(as_table(OpenverseSource(token_env="MY_TOKEN")))


def test_a_token_is_never_taken_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVERSE_TOKEN", "s3cret")
    with interface(openverse({})) as other, interface(to(other.url("/api"))) as web:
        with pytest.raises(RunError, match="has moved") as caught:
            search(web, allowed=(other.authority,))
        assert web.log.headers[0]["Authorization"] == "Bearer s3cret"
        assert other.log.paths == []
    assert "s3cret" not in str(caught.value)


def test_a_token_is_sent_over_https_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVERSE_TOKEN", "s3cret")
    with Web({}) as web, pytest.raises(UserError, match="only https keeps a token secret") as caught:
        search(web, api="http://api.test/v1/images/")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("token", ["two words", "a\nX: b", "tökén"])
def test_a_token_that_is_none(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENVERSE_TOKEN", token)
    with Web({}) as web, pytest.raises(UserError, match="OPENVERSE_TOKEN: holds what is no token") as caught:
        search(web)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"page_size": 0}, "page_size must be at least 1, found 0"),
        ({"license_type": ("commercial", "free")}, "license_type is among commercial, .*, found free"),
    ],
)
def test_wrong_keys(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OpenverseSource(**keys)
