"""Where a pair must be, so that of a stage's many files a few are looked into first.

The frontier says which units a host's URLs went to; what it dropped stands beside the part of the extract
that it read; and the shards of a round are in the order of a hash of their keys. None of this is relied on:
where less is found than there must be, all files are looked into.
"""

from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from wit_pipeline.frontier import HOSTS, Share, host_id, unit_of
from wit_pipeline.shard import ROUNDS, position, tables_of
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.manifest import Manifest

AT_ONCE, SOME = 32, 4096  # files that are looked into at once, and that are asked for in one go
BESIDE = 2  # shards on either side of the one that a draw points to: counts differ from what is expected


def rows_with(paths: list[Path], column: str, values: set[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The rows that have one of some values, each with its file; many files are looked into at once."""
    wanted = pc.field(column).isin(sorted(values))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="why") as pool:
        for some in (paths[first : first + SOME] for first in range(0, len(paths), SOME)):
            tables = pool.map(partial(rows.table, where=wanted), some)
            for path, table in zip(some, tables, strict=True):
                yield from ((path, row) for row in table.to_pylist())


def units_and_rejects(
    signed: Manifest, folder: Path, urls: Collection[str], extracted: Iterable[Path]
) -> set[str]:
    """The frontier's files that have some URLs, which stood in these parts of the extract."""
    seed = int(signed.recipe.get("seed", 0))
    names = {path.name.replace("part-", "rejects-", 1) for path in extracted}
    tables = [folder / file.name for file in signed.named(HOSTS)]
    by_host: dict[str, list[int]] = {}
    for _, row in rows_with(tables, "host", {host_id(url) for url in urls}):
        by_host.setdefault(row["host"], []).append(row["unit"])
    for url in urls:
        units = sorted(by_host.get(host_id(url), ()))
        if len(units) > 1 and units[-1] - units[0] == len(units) - 1:  # one host's alone, asked in one round
            units = [unit_of(url, Share(host="", first=units[0], units=len(units)), seed)]
        names |= {f"part-{unit:06d}.parquet" for unit in units}
    return names


def shards(signed: Manifest, folder: Path, keys: Collection[str]) -> set[str]:
    """The tables of the shards that some pairs must be in, by their draws, whichever round they came in."""
    places = [position(key, int(signed.recipe.get("seed", 0)))[0] for key in keys]
    rounds = [{"first": 0, "shards": len(tables_of(signed.files))}]
    if signed.named(ROUNDS):
        rounds = manifest.read_json(folder / ROUNDS)["rounds"]
    near: set[str] = set()
    for one in rounds:
        for place in places:
            guess = place * one["shards"] // SCALE
            beside = range(max(0, guess - BESIDE), min(one["shards"], guess + BESIDE + 1))
            near |= {f"{one['first'] + number:05d}.parquet" for number in beside}
    return near
