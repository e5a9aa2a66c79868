"""Where a pair must be, so that of a stage's many files a few are looked into first.

The frontier says which units a host's URLs went to; what it dropped stands beside the part of the extract
that it read; and the shards of a round are in the order of a hash of their keys. None of this is relied on:
where less is found than there must be, all files are looked into.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

import pyarrow.compute as pc

from wit_pipeline.frontier import SHARES, Share, host_id, unit_of
from wit_pipeline.shard import ROUNDS, position, tables_of
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.manifest import Manifest

BESIDE = 2  # shards on either side of the one that a draw points to: counts differ from what is expected


def units_and_rejects(
    signed: Manifest, folder: Path, urls: Iterable[str], extracted: Iterable[Path]
) -> set[str]:
    """The frontier's files that have some URLs, which stood in these parts of the extract."""
    hosts = {host_id(url): url for url in urls}
    seed = int(signed.recipe.get("seed", 0))
    names = {path.name.replace("part-", "rejects-", 1) for path in extracted}
    if signed.named(SHARES):
        found = rows.table(folder / SHARES, where=pc.field("host").isin(sorted(hosts)))
        shares = [rows.from_row(Share, row) for row in found.to_pylist()]
        units = {unit_of(hosts[share.host], share, seed) for share in shares}
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
