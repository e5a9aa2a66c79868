"""Whether the counts of a signed stage are those of its tables, and follow from the stage before."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.stages.stages import STAGES
from wit_pipeline.crawl.accounts import Class, totals
from wit_pipeline.shard import CHANGED, REMOVED, ROUNDS, tables_of
from wit_pipeline.takedown.takedown import Removed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import MANIFEST, Counts, File, Manifest, read_json
from wit_pipeline.vocabulary.records import Reason

NEEDED = {  # files without which a stage is none
    "queries": {"queries.parquet", "dropped.parquet", "problems.parquet", "results.json"},
    "extract": {"results.json"},
    "frontier": {"units.parquet", "counts.parquet"},
    "crawl": {"hosts.parquet", "classes.parquet"},
    "balance": {"counts.parquet"},
    "shard": {"shards.json", "croissant.json", "README.md"},
    "audit": {"overlap.parquet", "results.json", "report.html"},
}


def rows_of(path: Path, file: File) -> Iterator[str]:
    """Whether a table has as many rows as was signed."""
    with rows.opened(path) as table:
        found = table.metadata.num_rows
    if found != file.rows:
        yield f"{path}: has {found:,} rows, where {MANIFEST} says {file.rows:,}"


def counted(signed: Manifest, folder: Path, before: Mapping[str, Manifest]) -> Iterator[str]:
    """What does not follow, of a stage whose files are as they were signed."""
    counts, path = signed.counts, folder / MANIFEST
    for name in sorted(NEEDED.get(signed.stage, set()) - {file.name for file in signed.files}):
        yield f"{path}: names no {name}, which every {signed.stage} has"
    if min([counts.read, counts.kept, *counts.rejected.values()]) < 0 or not counts.adds_up():
        yield f"{path}: the counts do not add up"
    accounts = STAGES[signed.stage].accounts
    if accounts in before and counts.read != before[accounts].counts.kept:
        kept = before[accounts].counts.kept
        yield f"{path}: read {counts.read:,} records, where {accounts} kept {kept:,}"
    if signed.named("part-") or signed.stage in SIFTED:
        held = sum(file.rows for file in signed.named("part-"))
        if held != counts.kept:
            yield f"{path}: kept {counts.kept:,} records, but its parts hold {held:,}"
    yield from OF_STAGE.get(signed.stage, _nothing)(signed, folder)


def _nothing(signed: Manifest, folder: Path) -> Iterator[str]:
    return iter(())


def _differ(path: Path, signed: Counts, found: Counts, by: str) -> Iterator[str]:
    if _told(signed) != _told(found):
        yield f"{path}: its counts are not those of {by} ({_told(signed)}, not {_told(found)})"


def _told(counts: Counts) -> str:
    rejected = "".join(f", {count} {reason}" for reason, count in sorted(counts.rejected.items()) if count)
    return f"{counts.read} read, {counts.kept} kept{rejected}"


def _rejects(signed: Manifest, folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for file in signed.named("rejects-"):
        found.update(rows.column(folder / file.name, "reason"))
    return found


def _sifted(signed: Manifest, folder: Path) -> Iterator[str]:
    """Of a stage that writes down all that it drops."""
    found = Counts(read=signed.counts.read, kept=signed.counts.kept, rejected=_rejects(signed, folder))
    yield from _differ(folder / MANIFEST, signed.counts, found, "its rejects")


def _extract(signed: Manifest, folder: Path) -> Iterator[str]:
    """Of what extract drops it writes down a sample; its sources' counts are in results.json."""
    sources = read_json(folder / "results.json")["sources"]
    found = sum((_counts(source) for source in sources), Counts())
    yield from _differ(folder / MANIFEST, signed.counts, found, "results.json")
    drawn = _rejects(signed, folder)
    if any(count > found.rejected.get(reason, 0) for reason, count in drawn.items()):
        yield f"{folder / MANIFEST}: its rejects are more than it dropped"


def _counts(value: Mapping[str, Any]) -> Counts:
    return Counts(read=value["read"], kept=value["kept"], rejected=value["rejected"])


def _queries(signed: Manifest, folder: Path) -> Iterator[str]:
    results = read_json(folder / "results.json")
    held = {file.name: file.rows for file in signed.files}["queries.parquet"]
    if results["queries"] != held:
        yield f"{folder / 'results.json'}: tells of {results['queries']:,} queries, the list has {held:,}"
    if "counts" in results:  # earlier releases did not say them there
        yield from _differ(folder / MANIFEST, signed.counts, _counts(results["counts"]), "results.json")


def _crawl(signed: Manifest, folder: Path) -> Iterator[str]:
    found = totals(rows.read(folder / "classes.parquet", Class))
    yield from _differ(folder / MANIFEST, signed.counts, found, "classes.parquet")


def _shard(signed: Manifest, folder: Path) -> Iterator[str]:
    """Each shard's tar, table and statistics; the indexes; what left them; the rounds."""
    path, files = folder / MANIFEST, {file.name: file for file in signed.files}
    names = [file.name.removesuffix(".parquet") for file in tables_of(signed.files)]
    wanted = {f"{name}{end}" for name in names for end in (".tar", ".parquet", "_stats.json")}
    if odd := sorted(wanted ^ {name for name in files if name[0].isdigit()}):
        yield f"{path}: {odd[0]} is not one of three files of a shard"
        return
    for name in names:
        stats, samples = read_json(folder / f"{name}_stats.json"), files[f"{name}.tar"].rows
        if not stats["count"] == samples == files[f"{name}.parquet"].rows:
            yield f"{folder / name}.tar: tar, table and statistics say different numbers of samples"
    index = [
        {
            "url": f"{name}.tar",
            "nsamples": files[f"{name}.tar"].rows,
            "filesize": files[f"{name}.tar"].bytes,
            "md5sum": read_json(folder / f"{name}_stats.json")["md5"],
        }
        for name in names
    ]
    if read_json(folder / "shards.json")["shardlist"] != index:
        yield f"{folder / 'shards.json'}: is of other shards"
    removed = list(rows.read(folder / REMOVED, Removed)) if REMOVED in files else []
    down = _taken_down(removed, signed, folder)
    kept = sum(entry["nsamples"] for entry in index)
    found = Counts(read=signed.counts.read, kept=kept, rejected={Reason.TAKEN_DOWN: down})
    yield from _differ(path, signed.counts, found, f"the shards and {REMOVED}")
    if ROUNDS in files:
        rounds = read_json(folder / ROUNDS)["rounds"]
        following = 0
        for one in rounds:
            following = one["first"] + one["shards"] if one["first"] == following else -1
        if following != len(names):
            yield f"{folder / ROUNDS}: does not tell of all shards"
    elif CHANGED in files:
        yield f"{path}: names {CHANGED}, but no {ROUNDS}"


def _taken_down(removed: Sequence[Removed], signed: Manifest, folder: Path) -> int:
    """The pairs of the balance that were taken down from their shards, and are in none by now.

    What was taken down and is no longer in the balance was not read. Of a balance that was made anew since,
    which is said elsewhere, that is not known.
    """
    keys = {item.pair_key for item in removed if item.reason is Reason.TAKEN_DOWN}
    balance = folder.parent / "balance"
    made = manifest.load(balance) if keys else None
    if made is None or made.digest != signed.inputs.get("balance"):
        return min(len(keys), signed.counts.rejected.get(Reason.TAKEN_DOWN, 0))
    read = _among(keys, (balance / file.name for file in made.named("part-")), "key")
    return len(read - _among(read, (folder / file.name for file in tables_of(signed.files)), "pair_key"))


def _among(keys: Collection[str], paths: Iterable[Path], column: str) -> set[str]:
    """Those of some keys that a column of any table has."""
    wanted = pa.array(sorted(keys), pa.string())
    tables = (rows.table(path, [column])[column] for path in paths)
    return {key for found in tables for key in found.filter(pc.is_in(found, value_set=wanted)).to_pylist()}


def _audit(signed: Manifest, folder: Path) -> Iterator[str]:
    samples = read_json(folder / "results.json")["samples"]
    yield from _differ(folder / MANIFEST, signed.counts, Counts(read=samples, kept=samples), "results.json")


SIFTED = ("extract", "frontier", "filter", "dedup", "balance")  # stages whose parts hold what they kept
OF_STAGE: Mapping[str, Callable[[Manifest, Path], Iterator[str]]] = {
    "queries": _queries,
    "extract": _extract,
    "frontier": _sifted,
    "crawl": _crawl,
    "filter": _sifted,
    "dedup": _sifted,
    "balance": _sifted,
    "shard": _shard,
    "audit": _audit,
}
