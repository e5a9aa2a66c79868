"""What was planted against what the pipeline found: every kind of trouble, and nothing besides."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from beam_jobs.demo.posts import Post, fate
from beam_jobs.demo.troubles import FATES, FLAGGED, Trouble
from beam_jobs.demo.world import EVALUATION_SET, World
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Reason

SIFTING = ("extract", "frontier", "filter", "dedup", "balance")  # the stages that write rejects
FAIR = (Reason.OVER_SAMPLED, Reason.BALANCED_OUT)  # a sound pair may be one too many
ABOVE_CHANCE = 3  # times, at least, that zero-shot must beat a guess


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of the table."""

    what: str
    where: str  # who must notice, and what it must say
    wanted: str
    found: str
    good: bool


Seen = Counter[tuple[str, str, str]]  # (stage, what it said, URL)


def seen(root: Path) -> Seen:
    """What every stage said of every URL that it did not simply pass on."""
    found: Seen = Counter()
    for stage in SIFTING:
        for row in _rows(root / stage, "rejects-", ["url", "reason"]):
            found[stage, row["reason"], row["url"]] += 1
    for row in _rows(root / "crawl", "unit-", ["url", "status"]):
        found["crawl", row["status"], row["url"]] += 1
    for row in _rows(root / "audit", "overlap", ["url"]):
        found["audit", FLAGGED, row["url"]] += 1
    return found


def _rows(folder: Path, prefix: str, columns: list[str]) -> Iterator[Mapping[str, Any]]:
    signed = manifest.load(folder)
    if signed is None:
        raise RunError(f"{folder}: is not signed")
    for file in signed.named(prefix, ".parquet"):
        yield from pq.read_table(folder / file.name, columns=columns).to_pylist()


def compare(world: World, root: Path, asked: Mapping[str, int]) -> list[Line]:
    """The table: a line for each kind of trouble, then what must not have happened."""
    found = seen(root)
    return [*(trouble_line(kind, world, found) for kind in Trouble), *_harmless(world, found, root, asked)]


def trouble_line(kind: Trouble, world: World, found: Seen) -> Line:
    """How many posts with one kind of trouble met their fate."""
    posts = [post for post in world.planted if post.trouble is kind]
    met = sum(_met(post, found) for post in posts)
    where = f"{FATES[kind].stage}: {FATES[kind].says}"
    return _equal(kind, where, len(posts), met)


def _met(post: Post, found: Seen) -> bool:
    """Whether a post met its fate. Of a picture and its copy, either may be the one that stays."""
    return any((*fate(post), url) in found for url in (post.url, post.original))


def _equal(what: str, where: str, wanted: int, found: int) -> Line:
    return Line(what=what, where=where, wanted=f"{wanted:,}", found=f"{found:,}", good=wanted == found)


def _harmless(world: World, found: Seen, root: Path, asked: Mapping[str, int]) -> Iterator[Line]:
    """What must not have happened: to sound pairs, and to servers that said no."""
    troubled = {url for post in world.planted for url in (post.url, post.original)}
    harmed = [
        (stage, says, url)
        for stage, says, url in found
        if url not in troubled and says != FATES[Trouble.SLOW].says and says not in FAIR
    ]
    yield _equal("sound pairs dropped", "any stage", 0, len(harmed))
    closed = [post.path for post in world.planted if post.trouble in (Trouble.PAGE_OPT_OUT, Trouble.ROBOTS)]
    requests = sum(asked.get(f"/{path}", 0) for path in closed)
    yield _equal("requests to closed places", "the server's log", 0, requests)
    tried = sum(
        row["attempts"]
        for row in _rows(root / "crawl", "unit-", ["url", "attempts"])
        if row["url"].startswith("http://10.")
    )
    yield _equal("calls to private addresses", "crawl: attempts", 0, tried)
    dropped = sum(says in FAIR for _, says, _ in found)
    yield Line(
        what="surplus of common queries",
        where="frontier, balance",
        wanted="some",
        found=f"{dropped:,}",
        good=dropped > 0,
    )


def zero_shot(results: Path) -> Line:
    """Zero-shot accuracy on the evaluation set, as `wit-clip eval` wrote it, against a guess."""
    row = json.loads(results.read_text(encoding="utf-8"))["datasets"][EVALUATION_SET]
    return Line(
        what="zero-shot accuracy",
        where=f"wit-clip eval: {row['classes']} classes",
        wanted=f"> {ABOVE_CHANCE * row['chance']:.0%}",
        found=f"{row['top1']:.1%}",
        good=row["top1"] > ABOVE_CHANCE * row["chance"],
    )
