"""Wikimedia Commons by its MediaWiki action API: files whose pages hold a query, with licence and author.

The parameters are those of API:Search, API:Imageinfo and API:Continue at mediawiki.org; `maxlag` and serial
requests are what API:Etiquette asks for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, Literal

from wit_pipeline.fetch.client import FetchError
from wit_pipeline.html.plain import plain
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.sources.web import api
from wit_pipeline.sources.web.api import Interface, phrase, string
from wit_pipeline.text import languages
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped, unreadable

PAGE = 50  # results of a request: the most for whoever is no bot
BITMAPS = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/tiff")
BUSY = ("maxlag", "ratelimited", "readonly", "internal_api_error", "cirrussearch-too-busy")
LONGEST_LAG = 86_400  # seconds
CONTINUED = 20  # answers of one batch of results; more never come
FACTS = (
    "ImageDescription", "ObjectName", "LicenseUrl", "LicenseShortName", "Attribution", "Artist", "Credit",
)  # fmt: skip
FIXED = {
    "action": "query",
    "format": "json",
    "formatversion": "2",
    "maxlag": "5",  # seconds that the wiki's databases may lag behind for a program to be served
    "generator": "search",
    "gsrnamespace": "6",  # File:
    "prop": "imageinfo",
    "iiprop": "url|mime|extmetadata",
    "iiextmetadatamultilang": "1",
    "iiextmetadatafilter": "|".join(FACTS),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class CommonsSource:
    """`kind = "commons"`: what Wikimedia Commons finds for the queries."""

    kind: Literal["commons"] = "commons"
    api: str = "https://commons.wikimedia.org/w/api.php"  # any wiki with CommonsMetadata has one
    per_query: int = 50  # results, at most
    most_queries: int = 1000  # the first of the query list; 0 is all
    languages: tuple[str, ...] = ("en",)  # of descriptions that state theirs; () is all
    width: int = 960  # pixels of the image fetched: 250 330 500 960 1280 1920 3840 lie ready
    interval: float = how(1.0)  # seconds between two requests of this machine

    def __post_init__(self) -> None:
        api.check_keys(self.api, self.per_query, self.most_queries, self.interval)
        languages.check(self.languages)
        if self.width < 1:
            raise ValueError(f"width must be at least 1, found {self.width}")


def splits(config: CommonsSource, path: str, world: World) -> list[Range]:
    """Ranges of query ids."""
    return api.query_splits(config.most_queries, ceil(config.per_query / PAGE), world)


def read(config: CommonsSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The texts of the files found for the queries of a split, a Raw each; a query that fails is a Reject."""
    interface = api.open_interface(config.kind, config.api, config.interval, world)
    yield from api.search(
        config.kind,
        world.queries()[split.first : split.last],
        partial(_results, config, interface),
        partial(_read_result, config),
        config.per_query,
    )


def _results(config: CommonsSource, interface: Interface, query: str) -> Iterator[Any]:
    """The files found for a query, best first. A batch of them may come in several answers."""
    asked = {
        **FIXED,
        "gsrsearch": f"filetype:bitmap {phrase(query)}",
        "gsrlimit": str(min(config.per_query, PAGE)),
        "iiurlwidth": str(config.width),
    }
    batch: dict[str, Any] = {}
    more: dict[str, str] = {}
    for _ in range(CONTINUED * ceil(config.per_query / PAGE)):
        answer = interface.ask({**asked, **more}, _check)
        _add(batch, answer)
        more = {name: string(value) for name, value in _table(answer.get("continue")).items()}
        if not more or answer.get("batchcomplete"):
            yield from sorted(batch.values(), key=_rank)
            batch = {}
        if not more:
            return
    raise FetchError(Reason.SOURCE_UNREADABLE, "the answers to one query never end")


def _add(batch: dict[str, Any], answer: Mapping[str, Any]) -> None:
    """Adds an answer's pages to those of its batch: the parts of one page come one after the other."""
    pages = _table(answer.get("query")).get("pages", [])
    for page in pages if isinstance(pages, list) else [pages]:
        if isinstance(page, dict):
            batch.setdefault(string(page.get("pageid")) or string(page.get("title")), {}).update(page)
        else:
            batch[f"#{len(batch)}"] = page


def _rank(page: object) -> int:
    index = _table(page).get("index")
    return index if isinstance(index, int) else PAGE


def _check(answer: Mapping[str, Any]) -> None:
    """A `FetchError` where the answer says what went wrong; a passing one where waiting helps."""
    error = _table(answer.get("error"))
    if not error:
        return
    code, lag = string(error.get("code")), error.get("lag")
    wait = float(min(max(lag, 0), LONGEST_LAG)) if isinstance(lag, int | float) else 0.0
    detail = f"{code}: {string(error.get('info'))}"[:200]
    raise FetchError(Reason.SOURCE_UNREADABLE, detail, retry_after=wait if code.startswith(BUSY) else -1.0)


def _read_result(config: CommonsSource, page: object, where: str) -> Iterator[Raw | Reject]:
    infos = _table(page).get("imageinfo")
    info = _table(infos[0]) if isinstance(infos, list) and infos else {}
    mime = string(info.get("mime"))
    url = string(info.get("thumburl")) or string(info.get("url"))
    page_url = string(info.get("descriptionurl"))
    if not isinstance(page, dict):
        yield unreadable(where, "the result is no JSON object")
    elif not url:
        yield dropped(Reason.NO_URL, where, string(page.get("title")), page_url)
    elif mime not in BITMAPS:
        yield dropped(Reason.UNSUPPORTED_FORMAT, where, mime or "no MIME type", url)
    else:
        facts = _table(info.get("extmetadata"))
        terms, attribution = _license(facts), _attribution(facts, config)
        for kind, language, text in _texts(page, facts, config):
            yield Raw(
                url=url,
                text=text,
                where=where,
                page_url=page_url,
                license=terms,
                attribution=attribution,
                language=language,
                text_kind=kind,
            )


def _texts(
    page: Mapping[str, Any], facts: Mapping[str, Any], config: CommonsSource
) -> list[tuple[str, str, str]]:
    """Kind, language and text of all that a page says of its image; one without a text if it says nothing."""
    described = _in_languages(facts, "ImageDescription", config.languages)
    found = [("description", language, text) for language, text in described]
    title = next((text for _, text in _in_languages(facts, "ObjectName", config.languages)), "")
    found.append(("title", "", title or _name(page)))
    return [item for item in found if item[2]] or [("title", "", "")]


def _name(page: Mapping[str, Any]) -> str:
    """The file's name without namespace and suffix."""
    return string(page.get("title")).partition(":")[2].rpartition(".")[0].replace("_", " ")


def _license(facts: Mapping[str, Any]) -> str:
    return _any_language(facts, "LicenseUrl") or _any_language(facts, "LicenseShortName")


def _attribution(facts: Mapping[str, Any], config: CommonsSource) -> str:
    """The credit that the page asks for, or else the author and where the file came from."""
    asked, author, origin = (
        _any_language(facts, name, config.languages) for name in ("Attribution", "Artist", "Credit")
    )
    return asked or ", ".join(dict.fromkeys(filter(None, (author, origin))))


def _any_language(facts: Mapping[str, Any], name: str, wanted: tuple[str, ...] = ()) -> str:
    """One fact as plain text, in a language that is wanted if there is one."""
    found = [*_in_languages(facts, name, wanted), *_in_languages(facts, name, ())]
    return next((text for _, text in found if text), "")


def _in_languages(facts: Mapping[str, Any], name: str, wanted: tuple[str, ...]) -> list[tuple[str, str]]:
    """Language and plain text of one fact in the languages wanted, () being all; "" where none is stated."""
    value = _table(facts.get(name)).get("value")
    if not isinstance(value, dict):
        return [("", plain(string(value)))]
    stated = [language for language in value if not language.startswith("_")]  # _type says what it is
    meant = {one: languages.of_wiki(one) or one for one in stated}  # MediaWiki's codes are those of its wikis
    order = [one for code in wanted for one in stated if languages.is_one_of(meant[one], (code,))]
    chosen = list(dict.fromkeys(order)) if wanted else stated
    return [(meant[language].lower(), plain(string(value[language]))) for language in chosen]


def _table(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object: PHP makes an array of an empty one."""
    return value if isinstance(value, dict) else {}
