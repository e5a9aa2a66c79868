from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.factories import records_of, world
from tests.interfaces import Results, as_json, asked, commons, file, in_turn, interface
from tests.web import Answer, Web
from wit_pipeline.sources.web import commons as module
from wit_pipeline.sources.web.commons import CommonsSource
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

pytestmark = pytest.mark.usefixtures("quick")

LANGUAGES = {"_type": "lang", "en": "A <b>dog</b>", "de": "Ein Hund", "PT-br": "Um c&atilde;o"}
GPL = {"value": "GPL"}


def search(web: Web, queries: Sequence[str] = ("dog",), **keys: Any) -> list[Raw | Reject]:
    config = CrawlConfig(allow_hosts=(web.authority,), timeout=3.0, backoff=0.001)
    source = CommonsSource(api=web.url("/api"), interval=0.0, **keys)
    return records_of(source, "", world({}, queries=lambda: queries, crawl=config))


def found(answer: Answer, **keys: Any) -> list[Raw | Reject]:
    with interface(answer) as web:
        return search(web, **keys)


def dogs(*pages: Any) -> Answer:
    return commons({'"dog"': pages})


def one(page: object, **keys: Any) -> Raw | Reject:
    (item,) = found(dogs(page), **keys)
    return item


def texts(items: Sequence[Raw | Reject]) -> list[tuple[str, str, str]]:
    return [(item.text_kind, item.language, item.text) for item in items if isinstance(item, Raw)]


def test_a_file_with_all_that_is_known_of_it() -> None:
    page = file(
        7,
        ImageDescription="A red dog",
        LicenseUrl="https://creativecommons.org/licenses/by-sa/4.0",
        LicenseShortName="CC BY-SA 4.0",
        Artist='<a href="//commons.test/wiki/User:Ada">Ada</a>',
        Credit='<span class="int-own-work" lang="en">Own work</span>',
    )
    raw = Raw(
        url="https://thumb.test/7/960px-Dog_7.jpg",
        text="A red dog",
        where="commons:dog#0",
        page_url="https://commons.test/wiki/File:Dog_7.jpg",
        license="https://creativecommons.org/licenses/by-sa/4.0",
        attribution="Ada, Own work",
        text_kind="description",
    )
    assert found(dogs(page))[0] == raw
    assert texts(found(dogs(page)))[1:] == [("title", "", "Dog 7")]


def test_what_is_asked() -> None:
    with interface(dogs(file(0))) as web:
        search(web, ["dog", 'a "b" -c'], width=500, per_query=20)
        first, second = asked(web)
    assert first == {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "maxlag": "5",
        "generator": "search",
        "gsrnamespace": "6",
        "gsrsearch": 'filetype:bitmap "dog"',
        "gsrlimit": "20",
        "prop": "imageinfo",
        "iiprop": "url|mime|extmetadata",
        "iiurlwidth": "500",
        "iiextmetadatamultilang": "1",
        "iiextmetadatafilter": (
            "ImageDescription|ObjectName|LicenseUrl|LicenseShortName|Attribution|Artist|Credit"
        ),
    }
    assert second["gsrsearch"] == 'filetype:bitmap "a b -c"'


@pytest.mark.parametrize(
    ("count", "per_query", "most", "expected", "requests"),
    [
        (0, 50, 50, 0, 1),
        (7, 50, 50, 7, 1),
        (7, 7, 3, 7, 3),
        (7, 6, 3, 6, 2),
        (7, 5, 3, 5, 2),
        (7, 1, 50, 1, 1),
        (120, 120, 50, 120, 3),
        (120, 100, 50, 100, 2),
        (120, 101, 50, 101, 3),
    ],
)
def test_results_come_in_pages_and_end_where_they_must(
    count: int, per_query: int, most: int, expected: int, requests: int
) -> None:
    results: Results = {'"dog"': [file(number) for number in range(count)]}
    with interface(commons(results, most)) as web:
        items = search(web, per_query=per_query)
        assert [item.where for item in items] == [f"commons:dog#{i}" for i in range(expected)]
        assert [text for _, _, text in texts(items)] == [f"Dog {i}" for i in range(expected)]
        assert len(web.log.paths) == requests


def test_the_parts_of_a_batch_are_put_together() -> None:
    whole = [{**file(number), "index": 2 - number} for number in range(2)]
    bare = [{key: page[key] for key in ("pageid", "title", "index")} for page in whole]
    half = {"continue": {"iistart": 5, "continue": "||"}, "query": {"pages": [whole[0], bare[1]]}}
    rest = {
        "batchcomplete": True,
        "continue": {"gsroffset": 2, "continue": "gsroffset||"},
        "query": {"pages": [bare[0], whole[1]]},
    }
    last = {"batchcomplete": True, "query": {"pages": [{**file(5), "index": 3}]}}
    with interface(in_turn(as_json(half), as_json(rest), as_json(last))) as web:
        assert [text for _, _, text in texts(search(web))] == ["Dog 1", "Dog 0", "Dog 5"]
        assert [(query.get("iistart"), query.get("gsroffset")) for query in asked(web)] == [
            (None, None),
            ("5", None),
            (None, "2"),
        ]


def test_answers_that_never_end() -> None:
    forever = as_json({"continue": {"gsroffset": 1, "continue": "x"}, "batchcomplete": True})
    with interface(forever) as web:
        (item,) = search(web)
        assert isinstance(item, Reject)
        assert (item.reason, item.detail) == (Reason.SOURCE_UNREADABLE, "the answers to one query never end")
        assert len(web.log.paths) == module.CONTINUED


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (("en",), [("en", "A dog")]),
        (("de", "en"), [("de", "Ein Hund"), ("en", "A dog")]),
        (("PT-br",), [("pt-br", "Um cão")]),
        (("fr",), []),
        ((), [("en", "A dog"), ("de", "Ein Hund"), ("pt-br", "Um cão")]),
    ],
)
def test_descriptions_in_the_languages_wanted(
    languages: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    items = texts(found(dogs(file(0, ImageDescription=LANGUAGES)), languages=languages))
    assert items[:-1] == [("description", *item) for item in expected]
    assert items[-1] == ("title", "", "Dog 0")


@pytest.mark.parametrize(
    ("facts", "attribution"),
    [
        ({"Attribution": "by <i>Ada</i>", "Artist": "Bob"}, "by Ada"),
        ({"Artist": "Bob", "Credit": "Bob"}, "Bob"),
        ({"Artist": 'Unknown<span style="display: none;">Unknown</span>', "Credit": ""}, "Unknown"),
        ({"Artist": {"_type": "lang", "fr": "inconnu"}}, "inconnu"),
        ({"Artist": {"_type": "lang", "fr": "inconnu", "en": "unknown"}}, "unknown"),
        ({"Credit": "<ul><li>a</li><li>b</li></ul>"}, "a b"),
        ({}, ""),
    ],
)
def test_attribution(facts: dict[str, object], attribution: str) -> None:
    item = one(file(0, **facts))
    assert isinstance(item, Raw)
    assert item.attribution == attribution


def test_a_licence_without_an_address_has_its_name() -> None:
    item = one(file(0, LicenseShortName="Public domain"))
    assert isinstance(item, Raw)
    assert item.license == "Public domain"


@pytest.mark.parametrize(
    ("title", "name", "text"),
    [
        ("File:A red_dog.tar.jpg", None, "A red dog.tar"),
        ("File:A dog: a portrait.jpg", "", "A dog: a portrait"),
        ("File:x.jpg", "<b>Dog</b>", "Dog"),
        ("", None, ""),
        (None, 5, "5"),
        ("nonsense", [], ""),
    ],
)
def test_a_title(title: object, name: object, text: str) -> None:
    item = one({**file(0, ObjectName=name), "title": title})
    assert isinstance(item, Raw)
    assert (item.text_kind, item.text) == ("title", text)


def info(**changed: object) -> dict[str, Any]:
    """A page whose image information has some entries changed, and those of value None taken out."""
    page = file(0)
    entry = page["imageinfo"][0] | changed
    return {**page, "imageinfo": [{key: value for key, value in entry.items() if value is not None}]}


def test_without_a_thumbnail_the_original_is_fetched() -> None:
    item = one(info(thumburl=None))
    assert item.url == "https://upload.test/Dog_0.jpg"


@pytest.mark.parametrize("facts", [[], {}, None, "x", {"ObjectName": "x", "Artist": [], "LicenseUrl": GPL}])
def test_odd_metadata(facts: object) -> None:
    item = one(info(extmetadata=facts))
    assert isinstance(item, Raw)
    assert item.text == "Dog 0"


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (info(mime="image/svg+xml"), Reason.UNSUPPORTED_FORMAT),
        (info(mime="video/webm"), Reason.UNSUPPORTED_FORMAT),
        (info(mime=None), Reason.UNSUPPORTED_FORMAT),
        (info(url=None, thumburl=None), Reason.NO_URL),
        ({"title": "File:Gone.jpg", "missing": True}, Reason.NO_URL),
        ({**file(0), "imageinfo": []}, Reason.NO_URL),
        ({**file(0), "imageinfo": [None]}, Reason.NO_URL),
        ("a page", Reason.SOURCE_UNREADABLE),
        (None, Reason.SOURCE_UNREADABLE),
    ],
)
def test_a_result_that_is_no_picture_is_counted(page: object, reason: Reason) -> None:
    item = one(page)
    assert isinstance(item, Reject)
    assert (item.reason, item.where, item.key) == (reason, "commons:dog#0", "")


@pytest.mark.parametrize("mime", module.BITMAPS)
def test_bitmaps(mime: str) -> None:
    assert isinstance(one(info(mime=mime)), Raw)


def test_every_result_is_accounted_for() -> None:
    drawing = {**info(mime="image/svg+xml"), "pageid": 1}
    pages = [file(0), drawing, None, {"pageid": 3}, *map(file, range(4, 60)), file(0)]  # one comes twice
    items = found(dogs(*pages), per_query=100)
    assert [item.where for item in items] == [f"commons:dog#{i}" for i in range(len(pages))]
    assert Counter(type(item) for item in items) == {Raw: 58, Reject: 3}


ERROR = {"code": "maxlag", "info": "Waiting for db1: 0.01 seconds lagged", "host": "db1", "lag": 0.01}


@pytest.mark.parametrize("code", ["maxlag", "ratelimited", "readonly", "internal_api_error_DBQueryError"])
def test_a_busy_wiki_is_asked_again(code: str) -> None:
    with interface(in_turn(as_json({"error": {**ERROR, "code": code}}), dogs(file(0)))) as web:
        assert texts(search(web)) == [("title", "", "Dog 0")]
        assert len(web.log.paths) == 2


@pytest.mark.parametrize("lag", [-5, None, "x", True, float("nan")])
def test_an_odd_lag(lag: object) -> None:
    with interface(in_turn(as_json({"error": {**ERROR, "lag": lag}}), dogs(file(0)))) as web:
        assert search(web, ["dog", "dog"])[-1].where == "commons:dog#0"


@pytest.mark.parametrize("lag", [301, 10**400, float("inf")])
def test_a_lag_that_is_not_sat_out(lag: float) -> None:
    with interface(as_json({"error": {**ERROR, "lag": lag}})) as web:
        with pytest.raises(RunError, match="wants no request for"):
            search(web)
        assert len(web.log.paths) == 1


def test_another_error_is_a_reject_that_says_it() -> None:
    error = {"code": "search-error", "info": "An error has occurred while searching: \ud800" + "x" * 500}
    with interface(in_turn(as_json({"error": error}), dogs(file(0)))) as web:
        failed, raw = search(web, ["cat", "dog"])
        assert isinstance(failed, Reject)
        assert failed.detail.startswith("search-error: An error has occurred while searching: ?xx")
        assert (failed.where, failed.reason) == ("commons:cat#0", Reason.SOURCE_UNREADABLE)
        assert raw.where == "commons:dog#0"


def test_a_query_that_fails_on_its_second_page_keeps_the_first() -> None:
    answers = commons({'"dog"': [file(number) for number in range(5)]}, most=3)
    with interface(in_turn(answers, as_json({"error": {"code": "badoffset", "info": "no"}}))) as web:
        items = search(web)
    assert [item.where for item in items] == [f"commons:dog#{i}" for i in range(4)]
    assert [type(item) for item in items] == [Raw, Raw, Raw, Reject]


def test_a_width_of_nothing() -> None:
    with pytest.raises(ValueError, match="width must be at least 1, found 0"):
        CommonsSource(width=0)
