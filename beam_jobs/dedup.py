"""dedup: one image per picture, and the copies of evaluation images flagged or dropped."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs import sets
from beam_jobs.stage import Done, Shuffle, Stage, Task, Unit, Work, each_part
from beam_jobs.tables import ReadParts, WriteTable, write_whole
from wit_pipeline import evaluation, rows, thresholds
from wit_pipeline.dedup import (
    Code,
    DedupConfig,
    Thin,
    Verdict,
    band_keys,
    codes_of,
    crowd_keys,
    equal_bytes,
    equal_codes,
    is_coded,
    judge,
    near_duplicates,
    near_pairs,
    settle,
    thin,
)
from wit_pipeline.evaluation import EvaluationImage
from wit_pipeline.manifest import Counts, File, describe, write_json
from wit_pipeline.records import Pair
from wit_pipeline.shard import read_unless_erased
from wit_pipeline.sift import write_sifted
from wit_pipeline.sightings import Reached, Sighting
from wit_pipeline.texts import by_image
from wit_pipeline.thresholds import Limits

CROWD = 65_536  # codes in one band with one value: more are divided, as they are compared pair by pair
SET_IMAGES = 2000  # evaluation images of one unit of work
NAMED = 10  # copies that a training image names, the nearest


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRow:
    """A Verdict, as the table between the two steps holds it."""

    key: str
    reason: str
    kept: str
    distance: int


def set_units(task: Task) -> Sequence[Unit]:
    """The evaluation sets, some thousand images at a time."""
    chunks = []
    for name in task.recipe.audit.named_sets():
        found = task.recipe.audit.pictures(name)
        chunks += [(name, found[i : i + SET_IMAGES]) for i in range(0, len(found), SET_IMAGES)]
    return [Unit(name=f"evaluation-{number:05d}", covers=chunk) for number, chunk in enumerate(chunks)]


def encode_set(task: Task, unit: Unit) -> Done:
    """Write the codes of some images of a set."""
    name, found = unit.covers
    path = task.folders.out / f"{unit.name}.parquet"
    known = evaluation.read(name, found, task.recipe.crawl, sets.detector_of(task))
    return Counts(), (describe(path, write_whole(path, EvaluationImage, known)),)


def parts(task: Task) -> list[Path]:
    """The pairs that filter signed."""
    return task.folders.files("filter", "part-")


def codes(path: Path) -> Iterator[Code]:
    """The thin records of a part's images."""
    return codes_of(rows.read(path, Pair))


def split(grouped: tuple[Code, list[Verdict]]) -> Iterator[Any]:
    """The copy that stays goes on; the verdicts on the others are an output of their own."""
    first, verdicts = grouped
    yield first
    for verdict in verdicts:
        yield beam.pvalue.TaggedOutput("verdicts", verdict)


Fields = tuple[str, bytes, bytes, int, int]  # of a Thin: a plain tuple takes no name of a type along


def by_band(code: Code) -> Iterator[tuple[int, Fields]]:
    """(key, code) for each band of a code."""
    compared = thin(code)
    fields = (compared.key, compared.phash, compared.phash16, compared.pixels, compared.queries)
    for key in band_keys(compared):
        yield key, fields


def apart(keyed: tuple[int, Fields], crowded: Iterable[int]) -> Iterator[tuple[int, Fields]]:
    """(key, code) as they are, or once for each part of a band that is crowded."""
    key, fields = keyed
    if key not in crowded:
        yield keyed
        return
    for finer in crowd_keys(Thin(*fields), key):
        yield finer, fields


def pairs_at(keyed: tuple[int, Iterable[Fields]], config: DedupConfig) -> Iterator[tuple[Thin, Thin]]:
    """The near pairs of the codes that meet at a key."""
    key, group = keyed
    return near_pairs(key, (Thin(*fields) for fields in group), config)


def compare(pipeline: beam.Pipeline, task: Task) -> None:
    """Verdicts on every copy, from thin codes: equal bytes, equal codes, near codes."""
    config = task.recipe.dedup
    same = (
        pipeline
        | "Read" >> ReadParts(parts(task), codes)
        | "BySha256" >> beam.GroupBy(lambda code: code.sha256)
        | "EqualBytes"
        >> beam.FlatMap(lambda keyed: split(equal_bytes(keyed[1]))).with_outputs("verdicts", main="kept")
    )
    alike = (
        same.kept
        | "Coded" >> beam.Filter(is_coded, config)
        | "ByCode" >> beam.GroupBy(lambda code: code.phash + code.phash16)
        | "EqualCodes"
        >> beam.FlatMap(lambda keyed: split(equal_codes(keyed[1]))).with_outputs("verdicts", main="kept")
    )
    keyed = alike.kept | "ByBand" >> beam.FlatMap(by_band)
    crowded = (
        keyed
        | "Meeting" >> beam.combiners.Count.PerKey()
        | "Crowded" >> beam.Filter(lambda counted: counted[1] > CROWD)
        | "Where" >> beam.MapTuple(lambda key, _: (key, True))
    )
    near = (
        keyed
        | "Apart" >> beam.FlatMap(apart, beam.pvalue.AsDict(crowded))
        | "Meet" >> beam.GroupByKey()
        | "Near" >> beam.FlatMap(partial(pairs_at, config=config))
    )
    verdicts = (
        pipeline
        | "Once" >> beam.Create([None])
        | "Settle"
        >> beam.FlatMap(
            lambda _, one, other, edges: settle([*one, *other, *near_duplicates(sorted(edges), config)]),
            beam.pvalue.AsList(same.verdicts),
            beam.pvalue.AsList(alike.verdicts),
            beam.pvalue.AsList(near),
        )
    )
    verdicts | "Write" >> WriteTable(
        task.folders.scratch / "verdicts.parquet", VerdictRow, lambda verdict: VerdictRow(**verdict._asdict())
    )


@cache  # once a process
def verdicts_of(scratch: Path, plan: str) -> dict[str, Verdict]:
    """The verdicts by key."""
    found = rows.read(scratch / "verdicts.parquet", VerdictRow)
    return {row.key: Verdict(row.key, row.reason, row.kept, row.distance) for row in found}


def look_units(task: Task) -> Sequence[Unit]:
    """The parts of filter, where there are sets to look them up in."""
    return each_part("filter")(task) if task.recipe.audit.sets else ()


def look(task: Task, unit: Unit) -> Done:
    """Write which images of a part lie near which evaluation images, and how near each was reached."""
    known = sets.index_of(
        task, lambda: [task.folders.out / f"{unit.name}.parquet" for unit in set_units(task)]
    )
    captions = [first for first, *_ in by_image(rows.read(unit.covers, Pair)).values()]
    seen = sets.look(task, known, [pair.image for pair in captions], partial(stored, task, captions))
    named = seen.pairs[seen.pairs.nearest(seen.pairs.sample, NAMED)]
    keys = [pair.key for pair in captions]
    near, reached = (sets.table(task, kind, unit) for kind in ("near", "reached"))
    write_whole(near, Sighting, known.sightings(named, keys))
    write_whole(reached, Reached, known.reached(seen.reached))
    return Counts(), (describe(near), describe(reached))


def stored(task: Task, captions: Sequence[Pair], number: int) -> bytes:
    """The stored bytes of an image; none of one that was taken down."""
    return read_unless_erased(captions[number].image, task.folders.reads("crawl"))


_limits: dict[str, dict[str, Limits]] = {}  # by plan


def limits_of(task: Task) -> dict[str, Limits]:
    """How near is a copy of each set, from what all parts have shown; made once a process."""
    if task.plan not in _limits:
        reached = thresholds.merged([sets.table(task, "reached", unit) for unit in look_units(task)])
        trusted = sets.trusted(task, task.folders.signed("filter").counts.kept)
        _limits[task.plan] = thresholds.decide(reached, task.recipe.audit, trusted)
    return _limits[task.plan]


def copies_of(task: Task, unit: Unit) -> dict[str, list[Sighting]]:
    """The copies among a part's images, by the pair that is the caption; nearest first."""
    if not task.recipe.audit.sets:
        return {}
    seen = rows.read(sets.table(task, "near", unit), Sighting)
    found: dict[str, list[Sighting]] = {}
    for copy in sorted(thresholds.copies(seen, limits_of(task)), key=thresholds.rank):
        found.setdefault(copy.key, []).append(copy)
    return found


def do(task: Task, unit: Unit) -> Done:
    """Apply the verdicts to one part."""
    verdicts = verdicts_of(task.folders.scratch, task.plan)
    judged = judge(rows.read(unit.covers, Pair), verdicts, copies_of(task, unit), task.recipe.dedup)
    return write_sifted(task.folders.out, unit.name, Pair, judged)


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """limits.json: how near is a copy, of each set."""
    path = task.folders.out / sets.LIMITS
    write_json(path, thresholds.to_json(limits_of(task)))
    return (describe(path),)


STAGE = Stage(
    name="dedup",
    about="one image per picture; copies of evaluation images flagged or dropped",
    reads=("filter", "crawl"),
    accounts="filter",
    also=("audit", "crawl"),
    inputs=sets.inputs,
    steps=(
        Work(name="EncodeSets", units=set_units, do=encode_set),
        Shuffle(name="Compare", build=compare),
        Work(name="Look", units=look_units, do=look, scratch=True),
        Work(name="Apply", units=each_part("filter"), do=do),
    ),
    finish=finish,
)
