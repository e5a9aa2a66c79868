"""One unit of crawling: fetch, decode once, store the bytes, write down what happened to every URL."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from wit_pipeline import rows, structure, tar
from wit_pipeline.chance import draw
from wit_pipeline.fetch.client import Client, FetchError, Response
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.image import Decoded, ImageError, decode
from wit_pipeline.manifest import Counts, File, aside, describe
from wit_pipeline.records import SUCCESS, Candidate, Image, Pair, Reason

AHEAD = 16  # URLs in flight per thread: a slow one then holds up none of the others
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """What happened to one URL; the facts of the image are zeros where there is none."""

    url: str
    status: str  # "success", or the Reason
    error_message: str
    attempts: int
    http_status: int  # 0: no answer came
    headers: Headers
    fetched_at: str  # UTC; this and `seconds` are why a crawl's table is not the same twice
    seconds: float
    image: Image


def order(urls: Iterable[str], seed: int) -> list[str]:
    """The URLs of a unit in the order in which they are fetched and stored: a hash, so hosts interleave."""
    return sorted(set(urls), key=lambda url: (draw(url, seed=seed, purpose="crawl:order"), url))


@dataclass(frozen=True, kw_only=True, slots=True)
class Supply:
    """Where the bytes of URLs come from: servers, or the place where somebody holds them already."""

    client: Client
    open: Callable[[str], BinaryIO]  # a file's bytes, seekable
    held: Mapping[str, str]  # "path#offset+length" by URL

    def fetch(self, url: str) -> Response:
        """The body at `url`. Raises `FetchError` where there is none."""
        place = self.held.get(url)
        return self.client.fetch(url) if place is None else self._read(url, place)

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


def _open_local(path: str) -> BinaryIO:
    return Path(path).open("rb")


def crawl(
    candidates: Sequence[Candidate],
    client: Client,
    config: CrawlConfig,
    *,
    folder: Path,
    unit: int,
    seed: int,
    open: Callable[[str], BinaryIO] = _open_local,
    tick: Callable[[int], None] = lambda count: None,
) -> tuple[Counts, tuple[File, ...]]:
    """Fetch a unit's URLs into `folder`/unit-NNNNNN.tar and .parquet; `tick` hears of every URL done.

    The counts are of candidates: several may share a URL, which is fetched once.
    """
    weight = Counter(candidate.url for candidate in candidates)
    held = {candidate.url: candidate.held for candidate in candidates if candidate.held}
    supply = Supply(client=client, open=open, held=held)
    statuses: Counter[str] = Counter()
    tar_path, table_path = folder / f"unit-{unit:06d}.tar", folder / f"unit-{unit:06d}.parquet"
    with (
        aside(tar_path) as tar_aside,
        aside(table_path) as table_aside,
        tar.Writer(tar_aside) as images,
        rows.Writer(table_aside, Fetched) as table,
    ):
        for number, (fetched, content) in enumerate(_fetch_all(order(weight, seed), supply, config)):
            if content:
                offset = images.add(f"{number:06d}.{structure.extension(content)}", content)
                stored = replace(fetched.image, unit=unit, offset=offset, length=len(content))
                fetched = replace(fetched, image=stored)
            table.write(fetched)
            statuses[fetched.status] += weight[fetched.url]
            tick(1)
    kept = statuses.pop(SUCCESS, 0)
    counts = Counts(read=len(candidates), kept=kept, rejected=dict(sorted(statuses.items())))
    return counts, (describe(tar_path), describe(table_path, table.count))


def _fetch_all(urls: Sequence[str], supply: Supply, config: CrawlConfig) -> Iterator[tuple[Fetched, bytes]]:
    """Results in the order of `urls`, with a bounded number of them in memory."""
    flying: deque[Future[tuple[Fetched, bytes]]] = deque()
    with ThreadPoolExecutor(config.threads, thread_name_prefix="fetch") as pool:
        for url in urls:
            flying.append(pool.submit(fetch, url, supply, config))
            if len(flying) >= AHEAD * config.threads:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()


def fetch(url: str, supply: Supply, config: CrawlConfig) -> tuple[Fetched, bytes]:
    """What happened to one URL, and the image to store: b"" where there is none."""
    began, started = time.monotonic(), datetime.now(UTC)
    status, message, content, image = SUCCESS, "", b"", NO_IMAGE
    attempts, http_status, headers = 0, 0, Headers()
    try:
        response = supply.fetch(url)
        attempts, http_status = response.attempts, response.status
        headers = Headers(**{field.name: getattr(response, field.name) for field in fields(Headers)})
        decoded = decode(response.body, config)
        content, image = decoded.stored, image_of(response, decoded)
    except FetchError as error:
        status, message = error.reason, error.detail
        attempts, http_status = error.attempts, error.http_status
    except ImageError as error:
        status, message = error.reason, error.detail
    fetched = Fetched(
        url=url,
        status=status,
        error_message=message,
        attempts=attempts,
        http_status=http_status,
        headers=headers,
        fetched_at=started.isoformat(timespec="milliseconds"),
        seconds=round(time.monotonic() - began, 3),
        image=image,
    )
    return fetched, content


def image_of(response: Response, decoded: Decoded) -> Image:
    """The facts of an image; where its bytes lie is known when they are stored."""
    return replace(
        NO_IMAGE,
        final_url=response.final_url,
        bytes_fetched=len(response.body),
        **{field.name: getattr(decoded, field.name) for field in fields(decoded) if field.name != "stored"},
    )


def pairs(candidates: Iterable[Candidate], fetched: Iterable[Fetched]) -> Iterator[Pair]:
    """The candidates of a unit whose URL gave an image, each with that image, in the candidates' order."""
    images = {item.url: item.image for item in fetched if item.status == SUCCESS}
    for candidate in candidates:
        if candidate.url in images:
            yield Pair(candidate=candidate, image=images[candidate.url])
