"""What sources that search an interface share: queries dealt out, requests paced, answers as JSON.

Interfaces are made for programs, so that robots.txt and opt-outs of their own answers do not bind us: those
of Wikimedia disallow the very path of the interface. What an answer leads to is fetched by `crawl`, which
minds both.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import urlencode, urlsplit

from wit_pipeline.fetch.client import NO_HEADERS, Client, FetchError
from wit_pipeline.fetch.pace import Pace
from wit_pipeline.sources.source import Range, Split, World
from wit_pipeline.text.text import valid
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.records import Raw, Reason, Reject, dropped, unreadable

SPLIT_REQUESTS = 100  # of a split: an interface that stops us for the day leaves whole splits behind
TRIES = 4  # of one request
PAUSE = 5.0  # seconds before the second try, as MediaWiki asks for at least; doubles with each
PATIENCE = 300.0  # seconds: whoever asks for a longer pause is asked again by the next run
FAILURES = 5  # queries in a row without an answer, then the run ends
REFUSALS = (401, 403)
PASSING = (Reason.TIMEOUT, Reason.CONNECT_ERROR, Reason.PROTOCOL_ERROR)  # may be over a little later
GZIP = {"Accept-Encoding": "gzip"}

Check = Callable[[Mapping[str, Any]], None]


def check_keys(api: str, per_query: int, most_queries: int, interval: float) -> None:
    """A `ValueError` for keys that no interface can be asked by."""
    if not re.fullmatch(r"https?://[^\s?#]+", api):
        raise ValueError(f"api wants an address without ? and #, found {api!r}")
    if per_query < 1:
        raise ValueError(f"per_query must be at least 1, found {per_query}")
    for name, value in (("most_queries", most_queries), ("interval", interval)):
        if value < 0:
            raise ValueError(f"{name} must be 0 or more, found {value}")


def query_splits(most_queries: int, requests: int, world: World) -> list[Range]:
    """Ranges of the query list, each of some `SPLIT_REQUESTS`, where a query takes so many `requests`."""
    count = len(world.queries())
    if not count:
        raise UserError("the query list is empty: there is nothing to search for")
    last = min(most_queries or count, count)
    step = max(SPLIT_REQUESTS // requests, 1)
    return [(first, min(first + step, last)) for first in range(0, last, step)]


def phrase(query: str) -> str:
    """`query` in quotation marks, so that no word or sign in it is an operator; "" if nothing is left of it.

    >>> [phrase('red OR -dog'), phrase('a "b" c\\\\'), phrase('"*"')]
    ['"red OR -dog"', '"a b c"', '']
    """
    words = " ".join(re.sub(r'["\\*?~\x00-\x1f]', " ", valid(query)).split())
    return f'"{words}"' if words else ""


@dataclass(slots=True)
class Interface:
    """An interface that is asked politely, and given up on where it keeps failing."""

    kind: str
    address: str
    client: Client
    pace: Pace
    headers: Mapping[str, str]
    failures: int = 0  # queries in a row

    def ask(self, parameters: Mapping[str, str], check: Check = lambda answer: None) -> dict[str, Any]:
        """The answer, a JSON object that passes `check`. A `FetchError` where this query has none.

        A `RunError` where no other query would have one either: a rerun goes on with the same split.
        """
        url = f"{self.address}?{urlencode(parameters)}"
        for attempt in range(TRIES):
            try:
                answer = self._once(url, check)
            except FetchError as error:
                failure = error
                self._end_if_closed(error)
                if not _passing(error):
                    break
                self.pace.close_for(max(error.retry_after, PAUSE * 2**attempt))
            else:
                self.failures = 0
                return answer
        self._count(failure)
        raise failure

    def _once(self, url: str, check: Check) -> dict[str, Any]:
        with self.pace.turn():
            body = self.client.fetch(url, accept="application/json", headers={**GZIP, **self.headers}).body
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _unreadable(f"the answer is no JSON: {error}") from None
        if not isinstance(answer, dict):
            raise _unreadable("the answer is no JSON object")
        check(answer)
        return answer

    def _end_if_closed(self, error: FetchError) -> None:
        if error.retry_after > PATIENCE:
            raise self._end(f"wants no request for {error.retry_after:.0f} s: its limit is reached")
        if error.http_status in REFUSALS:
            raise self._end(f"refuses us: {error.detail}")
        if error.reason is Reason.TOO_MANY_REDIRECTS:
            raise self._end("has moved: set `api` to where it is now")

    def _count(self, error: FetchError) -> None:
        self.failures += 1
        if self.failures >= FAILURES:
            raise self._end(f"answered none of {FAILURES} queries in a row, the last with {error}")

    def _end(self, what: str) -> RunError:
        return RunError(f"{self.kind}: {self.address} {what}; a later run goes on from here")


def host_of(address: str) -> str:
    """The host and port of an interface: what has a pace, and a lane."""
    return urlsplit(address).netloc.lower()


def lane(config: Any, split: Split, others: Sequence[Split]) -> str:
    """All that asks one interface: a file paces the processes of a machine, and nothing those of others."""
    return host_of(config.api)


def open_interface(
    kind: str, address: str, interval: float, world: World, headers: Mapping[str, str] = NO_HEADERS
) -> Interface:
    """The interface at an address, asked as `[crawl]` says, `interval` seconds apart on this machine."""
    config = replace(world.crawl, robots=False, opt_outs=(), retries=0, max_redirects=0)
    pace = Pace(host_of(address), interval)
    return Interface(kind, address, world.client(config), pace, headers)


def search(
    kind: str,
    queries: Iterable[str],
    results: Callable[[str], Iterator[Any]],
    read_result: Callable[[Any, str], Iterator[Raw | Reject]],
    per_query: int,
) -> Iterator[Raw | Reject]:
    """What `read_result` makes of the first results of each query; a query that fails is one Reject."""
    for query in queries:
        where, count = f"{kind}:{query}", 0
        if not phrase(query):
            yield unreadable(where, "the query holds nothing to search for")
            continue
        try:
            for result in islice(results(query), per_query):
                yield from read_result(result, f"{where}#{count}")
                count += 1
        except FetchError as error:
            yield dropped(error.reason, f"{where}#{count}", error.detail)


def string(value: object) -> str:
    """`value` if it is text that UTF-8 can hold, or a number as text; else ""."""
    if isinstance(value, str):
        return valid(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _passing(error: FetchError) -> bool:
    return error.transient or error.http_status >= 500 or error.reason in PASSING


def _unreadable(detail: str) -> FetchError:
    return FetchError(Reason.SOURCE_UNREADABLE, detail, retry_after=0.0)
