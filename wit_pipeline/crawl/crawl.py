"""One unit of crawling: fetch, decode once, store the bytes, write down what happened to every URL.

Fetches end in any order. Stored bytes wait until all is known, and go to the unit's tar in the order of the
unit, which is a hash: so the tar and the table are the same for the same answers.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from wit_pipeline.crawl.accounts import DECODER, counted
from wit_pipeline.crawl.bounds import Bounds
from wit_pipeline.crawl.journal import UNNAMED, Found, Journal, Made, Place, journals
from wit_pipeline.crawl.stated import mismatch, stated_of
from wit_pipeline.fetch.client import NOWHERE, Client, FetchError, Origin, Response
from wit_pipeline.fetch.licences import may_be_rsl
from wit_pipeline.fetch.sites import COMMON_CRAWL
from wit_pipeline.listed import marks
from wit_pipeline.listed.entries import Entry
from wit_pipeline.listed.lists import BlockList, Match, sums_of_marks
from wit_pipeline.listed.marks import NO_MARKS, Marks
from wit_pipeline.listed.matches import NOWHERE as NO_REPORT
from wit_pipeline.listed.matches import Matches
from wit_pipeline.pictures import structure
from wit_pipeline.pictures.image import Decoded, ImageError
from wit_pipeline.pictures.version import decoder
from wit_pipeline.vocabulary import rows, tar
from wit_pipeline.vocabulary.asked import Asking, attempt
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.manifest import Counts, File, aside, describe
from wit_pipeline.vocabulary.records import SUCCESS, Candidate, Image, Pair, Reason

AT_ONCE = 2048  # URLs that are waited for at once: the hosts among them take turns

ARCHIVES = ("warc", "wat")  # kinds of sources
IN_COMMON_CRAWL = re.compile(r"\bCC-(?:MAIN|NEWS)-")  # in the names of its files

NOTHING = BlockList()

Decode = Callable[[bytes], Awaitable[Decoded]]  # raises ImageError
NO_IMAGE = Image(
    final_url="",
    sha256="",
    stored_sha256="",
    bytes_fetched=0,
    format="",
    original_width=0,
    original_height=0,
    width=0,
    height=0,
    phash="",
    phash16="",
    weak=0.0,
    trim_phash="",
    trim_phash16="",
    entropy=0.0,
    exif="",
    signals="",
    unit=0,
    offset=0,
    length=0,
)


HELD = Response(  # of bytes that no server was asked for
    final_url="",
    status=0,
    body=b"",
    content_type="",
    etag="",
    last_modified="",
    x_robots_tag="",
    tdm_reservation="",
    tdm_policy="",
    content_usage="",
    content_signal="",
    redirects=0,
    attempts=0,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Headers:
    """What a server said of its answer, as sent, for whoever asks later; "" where it said nothing."""

    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    x_robots_tag: str = ""
    tdm_reservation: str = ""
    tdm_policy: str = ""
    content_usage: str = ""
    content_signal: str = ""


MARKS = rows.schema_of(Marks).names  # columns of a unit's table where a list asks for them
FACTS = [fact.name for fact in fields(Decoded) if fact.name not in ("stored", "signals", *MARKS)]
ON_REUSE = ("x_robots_tag", "tdm_reservation", "tdm_policy", "content_usage", "content_signal")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What happened to one URL; the facts of the image are zeros where there is none."""

    url: str
    status: str  # "success", or the Reason
    error_message: str
    attempts: int
    http_status: int  # 0: no answer came
    headers: Headers
    image: Image
    page_urls: tuple[str, ...] = ()  # pages on which it was found: who takes them down means it
    marks: Marks = NO_MARKS  # what lists may know it by


@dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """When a URL was fetched: in a table of its own, which alone is not the same twice."""

    url: str
    fetched_at: str  # UTC
    seconds: float  # until its status was known, polite waiting included
    not_before: str = ""  # UTC, ISO: its host asked not to be asked again until then; "" where it did not


def order(urls: Iterable[str], seed: int) -> list[str]:
    """The URLs of a unit in the order in which they are fetched and stored: a hash, so hosts interleave."""
    return sorted(set(urls), key=lambda url: (draw(url, seed=seed, purpose="crawl:order"), url))


def open_local(path: str) -> BinaryIO:
    """A file of this machine."""
    return Path(path).open("rb")


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """Where the bytes of URLs come from: servers, or the place where somebody holds them already."""

    client: Client
    decode: Decode
    blocked: BlockList = NOTHING  # is neither asked for nor stored
    open: Callable[[str], BinaryIO] = open_local  # a file's bytes, seekable
    held: Mapping[str, str] = field(default_factory=dict)  # "path#offset+length" by URL
    stated: Mapping[str, Collection[str]] = field(default_factory=dict)  # sums of bytes by URL
    keep_others: bool = False  # bytes that have not the sum which is stated are flagged, not dropped
    bounds: Bounds | None = None  # of what each host may take
    origins: Mapping[str, Origin] = field(default_factory=dict)  # by URL, of those whose origin has wishes
    found: Found = field(default_factory=Found)  # by attempts that were cut short
    is_passing: Callable[[Fetched], bool] = lambda fetched: False  # what another attempt asks for again
    matches: Matches = NO_REPORT  # where it is told what lists have found
    pages: Mapping[str, Collection[str]] = field(default_factory=dict)  # on which each URL was found

    def again(self, url: str) -> tuple[Fetched, Timed, bytes] | None:
        """What an earlier attempt found; None where nothing, or not all that lists of today ask for.

        Raises `FetchError` of what is blocked now.
        """
        self._refuse(self.blocked.found_url(url), url)
        known = self.found.get(url)
        if known is None:
            return None
        row, stored = known
        fetched = rows.from_row(Fetched, row)
        image, marked = fetched.image, fetched.marks
        if fetched.status == SUCCESS:
            found = self.blocked.found_url(image.final_url) or self.blocked.found_image(image, marked)
            self._refuse(found, url, **told_of(fetched))
            if marked.lacks(self.blocked.asks):
                return None
        return fetched, rows.from_row(Timed, row), stored

    @asynccontextmanager
    async def answer(self, url: str) -> AsyncIterator[Response]:
        """The answer at `url`, in memory until the block ends. Raises `FetchError` where there is none."""
        place = self.held.get(url)
        if place is not None:
            yield await asyncio.to_thread(self._read, url, place)
        else:
            await self._refuse_slow(url)
            async with self.client.ask(url, found=self.origins.get(url, NOWHERE)) as response:
                self._refuse(self.blocked.found_url(response.final_url), url, final_url=response.final_url)
                yield response

    async def picture(self, url: str, response: Response) -> tuple[Decoded, Marks]:
        """What the one decode of an answer tells, and what lists may know it by.

        Raises `ImageError`, or `FetchError` of what a list names: known bytes are not decoded.
        """
        body, asks = response.body, self.blocked.asks
        marked = marks.of_fetched(body, asks)
        if self.blocked.kinds:
            sums = {"sha256": sha256(body).hexdigest(), "md5": marked.md5, "sha1": marked.sha1}
            told = _told(response, sums)
            found = self.blocked.found_sums((Entry("sha256", sums["sha256"]), *sums_of_marks(marked)))
            self._refuse(found, url, **told)
        other = mismatch(body, self.stated.get(url, ()))
        if other and not self.keep_others:
            raise ImageError(Reason.HASH_MISMATCH, other)
        decoded = await self.decode(body)
        if self.blocked.kinds:
            marked = marks.of_stored(marked, decoded.stored, asks, decoded.pdq, decoded.pdq_quality)
            self._refuse(self.blocked.found_image(decoded, marked), url, **told)
        if other:
            decoded = replace(decoded, signals=_said(decoded.signals, {"hash-mismatch": other}))
        return decoded, marked

    def _refuse(self, match: Match | None, url: str, **known: Any) -> None:
        """Raise of what a list names; what is known of it is told where it was asked for, and only there."""
        if match is not None:
            self.matches.write(match, {"url": url, "page_urls": sorted(self.pages.get(url, ())), **known})
            raise FetchError(Reason.BLOCK_LISTED, "")

    async def _refuse_slow(self, url: str) -> None:
        if self.bounds is not None and self.bounds.any:  # else nothing is worth knowing of its pace
            said = self.bounds.refusal(url, await self.client.interval(url))
            if said:
                raise FetchError(Reason.HOST_TOO_SLOW, said)

    def _read(self, url: str, place: str) -> Response:
        path, _, span = place.rpartition("#")
        offset, length = map(int, span.split("+"))
        try:
            with self.open(path) as file:
                file.seek(offset)
                body = file.read(length)
        except OSError as error:
            raise FetchError(Reason.SOURCE_UNREADABLE, f"{path}: {error}") from None
        if len(body) != length:
            raise FetchError(Reason.SOURCE_UNREADABLE, f"{path}: ends before byte {offset + length}")
        return replace(HELD, final_url=url, body=body)


def crawl(
    candidates: Sequence[Candidate],
    supply: Supply,
    *,
    folder: Path,
    which: Asking,
    seed: int,
    made: Made = UNNAMED,
    tick: Callable[[Fetched], None] = lambda fetched: None,
) -> tuple[Counts, tuple[File, ...]]:
    """Fetch a unit's URLs into `folder`/unit-NNNNNN.tar, unit-NNNNNN.parquet, times-NNNNNN.parquet.

    The candidates say what is held. `tick` hears of every URL done. The counts are of candidates: several
    may share a URL, which is fetched once. What earlier attempts found, that were `made` alike, is not asked
    for again: their journals lie in the folder, and ours is left there.
    """
    weight, pages = Counter(candidate.url for candidate in candidates), pages_of(candidates)
    held = {candidate.url: candidate.held for candidate in candidates if candidate.held}
    supply = replace(supply, held=held, stated=stated_of(candidates), pages=pages)
    supply = replace(supply, origins=origins(candidates))
    folder.mkdir(parents=True, exist_ok=True)
    supply.client.owns(weight)
    supply = replace(supply, found=Found(journals(folder), which, made, weight))
    with Journal(folder, which, made) as journal:
        results = supply.client.run(_fetch_all(order(weight, seed), supply, journal, tick))
        files = _write(results, pages, journal, folder, which, () if supply.blocked.asks else MARKS)
    return counted(((fetched.url, fetched.status) for fetched, _, _ in results), weight), files


def origins(candidates: Iterable[Candidate]) -> dict[str, Origin]:
    """What binds a URL because of where it was found: Common Crawl, and licences by RSL of pages."""
    found: dict[str, Origin] = {}
    for item in candidates:
        agents = (COMMON_CRAWL,) if item.source in ARCHIVES and IN_COMMON_CRAWL.search(item.where) else ()
        named = item.license.startswith(("http://", "https://")) and may_be_rsl(item.license)
        terms = ((item.page_url or item.url, item.license),) if named else ()
        if agents or terms:
            before = found.get(item.url, NOWHERE)
            found[item.url] = Origin(
                as_agents=agents or before.as_agents,
                licences=tuple(dict.fromkeys((*before.licences, *terms))),
            )
    return found


def pages_of(candidates: Iterable[Candidate]) -> dict[str, set[str]]:
    """The pages on which each URL was found."""
    found: dict[str, set[str]] = {}
    for item in candidates:
        found.setdefault(item.url, set()).update([item.page_url] if item.page_url else ())
    return found


Results = list[tuple[Fetched, Timed, Place]]


async def _fetch_all(
    urls: Sequence[str], supply: Supply, journal: Journal, tick: Callable[[Fetched], None]
) -> Results:
    """What happened to each URL, in the order of `urls`, and where its stored bytes are."""
    found: dict[str, tuple[Fetched, Timed, Place]] = {}
    left = iter(urls)

    async def walk() -> None:
        for url in left:
            fetched, timed, stored = await fetch(url, supply)
            found[url] = fetched, timed, stored
            if not supply.is_passing(fetched):
                row = {**rows.to_row(timed), **rows.to_row(fetched)}
                found[url] = fetched, timed, journal.put(row, stored)
            tick(fetched)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(urls))):
                group.create_task(walk())
    except BaseExceptionGroup as failed:  # one mistake ends all of them
        raise failed.exceptions[0] from None
    return [found[url] for url in urls]


def _write(
    results: Results,
    pages: Mapping[str, Collection[str]],
    journal: Journal,
    folder: Path,
    which: Asking,
    without: Sequence[str],
) -> tuple[File, ...]:
    """Write a unit's files; its table is `without` the columns that no list asks for."""
    end = attempt(folder)
    names = (f"unit-{which}{end}.tar", f"unit-{which}{end}.parquet", f"times-{which}{end}.parquet")
    tar_path, table_path, times_path = (folder / name for name in names)
    with (
        aside(tar_path) as tar_aside,
        aside(table_path) as table_aside,
        aside(times_path) as times_aside,
        tar.Writer(tar_aside) as images,
        rows.Writer(table_aside, Fetched, {DECODER: decoder()}, without) as table,
        rows.Writer(times_aside, Timed) as times,
    ):
        for number, (fetched, timed, place) in enumerate(results):
            image = fetched.image
            if fetched.status == SUCCESS:
                stored = journal.take(place)
                offset = images.add(f"{number:06d}.{structure.extension(stored)}", stored)
                unit, chance = which.unit, which.chance
                image = replace(image, unit=unit, chance=chance, offset=offset, length=len(stored))
            table.write(replace(fetched, image=image, page_urls=tuple(sorted(pages[fetched.url]))))
            times.write(timed)
    count = len(results)
    return describe(tar_path), describe(table_path, count), describe(times_path, count)


async def fetch(url: str, supply: Supply) -> tuple[Fetched, Timed, bytes]:
    """What happened to one URL and when, and the bytes to store: b"" where there are none."""
    began, started = time.monotonic(), datetime.now(UTC)
    status, message, stored, image, not_before = SUCCESS, "", b"", NO_IMAGE, ""
    attempts, http_status, headers, marked = 0, 0, Headers(), NO_MARKS
    try:
        known = supply.again(url)
        if known is not None:
            return known
        async with supply.answer(url) as response:
            attempts, http_status = response.attempts, response.status
            headers = Headers(**{header.name: getattr(response, header.name) for header in fields(Headers)})
            decoded, marked = await supply.picture(url, response)
            stored, image = decoded.stored, image_of(response, decoded)
    except FetchError as error:
        if error.reason is Reason.BLOCK_LISTED:
            return *block_listed(url, started), b""
        status, message = error.reason, error.detail
        attempts, http_status = error.attempts, error.http_status
        if error.not_before:
            not_before = datetime.fromtimestamp(error.not_before, UTC).isoformat(timespec="milliseconds")
    except ImageError as error:
        status, message = error.reason, error.detail
    fetched = Fetched(
        url=url,
        status=status,
        error_message=message,
        attempts=attempts,
        http_status=http_status,
        headers=headers,
        image=image,
        marks=marked,
    )
    timed = Timed(
        url=url,
        fetched_at=started.isoformat(timespec="milliseconds"),
        seconds=round(time.monotonic() - began, 3),
        not_before=not_before,
    )
    return fetched, timed, stored


def block_listed(url: str, started: datetime) -> tuple[Fetched, Timed]:
    """All that is kept of what a list names: that one does. No size, sum, header or word tells by what."""
    fetched = Fetched(
        url=url,
        status=Reason.BLOCK_LISTED,
        error_message="",
        attempts=0,
        http_status=0,
        headers=Headers(),
        image=NO_IMAGE,
    )
    return fetched, Timed(url=url, fetched_at=started.isoformat(timespec="milliseconds"), seconds=0.0)


def told_of(fetched: Fetched) -> dict[str, Any]:
    """What of a stored picture a report tells."""
    image, marked = fetched.image, fetched.marks
    return {
        "final_url": image.final_url,
        "http_status": fetched.http_status,
        "content_type": fetched.headers.content_type,
        "last_modified": fetched.headers.last_modified,
        "bytes": image.bytes_fetched,
        "sha256": image.sha256,
        "md5": marked.md5,
        "sha1": marked.sha1,
        "stored_sha256": image.stored_sha256,
    }


def _told(response: Response, sums: Mapping[str, str]) -> dict[str, Any]:
    """What of an answer a report tells."""
    return {
        "final_url": response.final_url,
        "http_status": response.status,
        "content_type": response.content_type,
        "last_modified": response.last_modified,
        "bytes": len(response.body),
        **sums,
    }


def image_of(response: Response, decoded: Decoded) -> Image:
    """The facts of an image; where its bytes lie is known when they are stored."""
    return replace(
        NO_IMAGE,
        final_url=response.final_url,
        bytes_fetched=len(response.body),
        signals=_signals(response, decoded),
        **{name: getattr(decoded, name) for name in FACTS},
    )


def _signals(response: Response, decoded: Decoded) -> str:
    """What server and file say of reuse, and that a list states another sum, as one JSON object."""
    said = {name.replace("_", "-"): value for name in ON_REUSE if (value := getattr(response, name))}
    return _said(decoded.signals, said) if said else decoded.signals


def _said(signals: str, more: Mapping[str, str]) -> str:
    """`signals`, a JSON object, with more before what is there."""
    return json.dumps({**more, **json.loads(signals)}, ensure_ascii=False)


def pairs(candidates: Iterable[Candidate], fetched: Iterable[Fetched]) -> Iterator[Pair]:
    """The candidates of a unit whose URL gave an image, each with that image, in the candidates' order."""
    images = {item.url: item.image for item in fetched if item.status == SUCCESS}
    for candidate in candidates:
        if candidate.url in images:
            yield Pair(candidate=candidate, image=images[candidate.url])
