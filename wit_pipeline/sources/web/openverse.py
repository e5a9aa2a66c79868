"""Openverse by its API: openly licensed images of many collections, with licence and attribution.

The parameters and the fields of a result are those that api.openverse.org documents. Without a token it
gives 20 results a page, 20 pages a minute and 200 a day; its terms want no bulk copies made.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, Literal
from urllib.parse import urlsplit

from wit_pipeline.fetch.client import FetchError
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.sources.web import api
from wit_pipeline.sources.web.api import Interface, phrase, string
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped, unreadable

LICENSE_TYPES = ("commercial", "modification", "all", "all-cc")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenverseSource:
    """`kind = "openverse"`: what Openverse finds for the queries."""

    kind: Literal["openverse"] = "openverse"
    api: str = "https://api.openverse.org/v1/images/"
    per_query: int = 20  # results, at most
    most_queries: int = 1000  # the first of the query list; 0 is all
    license_type: tuple[str, ...] = ()  # what the licence must allow: commercial, modification
    page_size: int = how(20)  # results of a request; more only with a token
    interval: float = how(3.0)  # seconds between two requests of this machine
    token_env: str = how("OPENVERSE_TOKEN")  # the environment variable that holds a token, if there is one

    def __post_init__(self) -> None:
        api.check_keys(self.api, self.per_query, self.most_queries, self.interval)
        if self.page_size < 1:
            raise ValueError(f"page_size must be at least 1, found {self.page_size}")
        unknown = set(self.license_type) - set(LICENSE_TYPES)
        if unknown:
            raise ValueError(
                f"license_type is among {', '.join(LICENSE_TYPES)}, found {', '.join(sorted(unknown))}"
            )


def splits(config: OpenverseSource, path: str, world: World) -> list[Range]:
    """Ranges of query ids. A `UserError` where a token must not or cannot be sent."""
    _authorization(config, world)
    return api.query_splits(config.most_queries, ceil(config.per_query / config.page_size), world)


def read(config: OpenverseSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The titles of the images found for the queries of a split; a query that fails is a Reject."""
    headers = _authorization(config, world)
    interface = api.open_interface(config.kind, config.api, config.interval, world, headers)
    yield from api.search(
        config.kind,
        world.queries()[split.first : split.last],
        partial(_results, config, interface),
        _read_result,
        config.per_query,
    )


def _authorization(config: OpenverseSource, world: World) -> Mapping[str, str]:
    """The header that carries the token, if there is one; only its variable's name is ever written down."""
    token = os.environ.get(config.token_env, "").strip() if config.token_env else ""
    if not token:
        return {}
    if not re.fullmatch(r"[!-~]+", token):
        raise UserError(f"{config.token_env}: holds what is no token: a blank, or what is no ASCII")
    parts = urlsplit(config.api)
    if parts.scheme != "https" and parts.netloc not in world.crawl.allow_hosts:
        raise UserError(f"{config.token_env}: is not sent to {config.api}: only https keeps a token secret")
    return {"Authorization": f"Bearer {token}"}


def _results(config: OpenverseSource, interface: Interface, query: str) -> Iterator[Any]:
    """The images found for a query, best first."""
    asked = {"q": phrase(query), "page_size": str(config.page_size), "mature": "false"}
    if config.license_type:
        asked["license_type"] = ",".join(config.license_type)
    for page in range(1, ceil(config.per_query / config.page_size) + 1):
        answer = interface.ask({**asked, "page": str(page)})
        results, pages = answer.get("results"), answer.get("page_count")
        if not isinstance(results, list):
            raise FetchError(Reason.SOURCE_UNREADABLE, "the answer holds no results")
        yield from results
        if not results or not isinstance(pages, int) or page >= pages:  # a page beyond is an error
            return


def _read_result(result: object, where: str) -> Iterator[Raw | Reject]:
    if not isinstance(result, dict):
        yield unreadable(where, "the result is no JSON object")
        return
    facts = {name: string(value) for name, value in result.items()}
    url, page_url = facts.get("url", ""), facts.get("foreign_landing_url", "")
    if not url:
        yield dropped(Reason.NO_URL, where, facts.get("id", ""), page_url)
        return
    yield Raw(
        url=url,
        text=facts.get("title", ""),
        where=where,
        page_url=page_url,
        license=_license(facts),
        attribution=facts.get("attribution") or facts.get("creator", ""),
        text_kind="title",
    )


def _license(facts: Mapping[str, str]) -> str:
    name = f"{facts.get('license', '')} {facts.get('license_version', '')}".strip()
    return facts.get("license_url") or name
