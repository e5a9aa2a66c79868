"""dedup: one image per picture, and the copies of evaluation images flagged or dropped."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from beam_jobs.engine.failure import remembered
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Unit, Work, each_part
from beam_jobs.engine.tables import WriteTable, write_whole
from beam_jobs.stages import sets
from wit_pipeline.copies import evaluation, thresholds
from wit_pipeline.copies.buckets import (
    Values,
    by_part,
    deal,
    fewer,
    gathered,
    of_bytes,
    of_codes,
    of_image,
    of_kept,
    of_node,
    of_root,
    united,
)
from wit_pipeline.copies.evaluation import EvaluationImage
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.nearest import WORD_BANDS
from wit_pipeline.copies.self_join import (
    CODE,
    LINK,
    MEMBER,
    THIN,
    VERDICT,
    Rows,
    band_values,
    chosen,
    coded_of,
    ends,
    equal_bytes,
    equal_codes,
    followed,
    links,
    near,
    thin,
    with_roots,
)
from wit_pipeline.copies.sightings import Own, Reached, Sighting, Spread
from wit_pipeline.copies.thresholds import Limits
from wit_pipeline.dedup import DedupConfig, Verdict, judge, read_codes, verdicts_of
from wit_pipeline.shard import read_unless_erased
from wit_pipeline.text import repeated
from wit_pipeline.text.repeated import CAPTION, CaptionLimit, drawn, limits
from wit_pipeline.text.texts import by_image
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import Counts, File, describe, write_json
from wit_pipeline.vocabulary.records import Pair, Reject
from wit_pipeline.vocabulary.sift import write_sifted
from wit_pipeline.vocabulary.store import place

BUCKET = 1 << 18  # images of which a worker holds the thin rows at a time
LINKS = 1 << 20  # that are held until they are made fewer
CAPTIONS = "captions.parquet"
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


def buckets(task: Task) -> int:
    """How many buckets rows are dealt to."""
    return task.folders.signed("filter").counts.kept // BUCKET + 1


Side = tuple[Any, np.dtype[Any], Values]  # arrays, and what they hold


def meeting(name: str, count: int, *sides: Side) -> Any:
    """Tuples of arrays, one of each side: of the rows that must meet, which is where values are equal.

    What crosses the shuffle is the bytes of some rows at a time, not a row.
    """
    keyed = {
        number: arrays | f"{name}{number}" >> beam.FlatMap(partial(deal, values=values, count=count))
        for number, (arrays, _, values) in enumerate(sides)
    }
    gather = partial(gathered, [dtype for _, dtype, _ in sides])
    return keyed | f"{name}Meet" >> beam.CoGroupByKey() | f"{name}Gather" >> beam.MapTuple(gather)


def split(settled: tuple[Rows, Rows]) -> Iterator[Any]:
    """The copies that stay go on; the verdicts on the others are an output of their own."""
    left, verdicts = settled
    yield left
    yield beam.pvalue.TaggedOutput("verdicts", verdicts)


class Rooted(beam.CombineFn):
    """The links of a graph, ever again made fewer: what is held is at most one a node, and some more."""

    def create_accumulator(self) -> list[Rows]:
        return []

    def add_input(self, accumulator: list[Rows], element: Rows) -> list[Rows]:
        return fewer([*accumulator, element], LINKS)

    def merge_accumulators(self, accumulators: Iterable[list[Rows]]) -> list[Rows]:
        return fewer([some for accumulator in accumulators for some in accumulator], LINKS)

    def extract_output(self, accumulator: list[Rows]) -> Rows:
        return united(accumulator)


def compare(pipeline: beam.Pipeline, task: Task) -> None:
    """Verdicts on every copy, from thin rows: equal bytes, equal codes, near codes; a table for each part."""
    config, count = task.recipe.dedup, buckets(task)
    places = parts(task)
    rows_of = (
        pipeline
        | "Parts" >> beam.Create([(part, str(path)) for part, path in enumerate(places)])
        | "Read" >> beam.MapTuple(partial(read, config=config))
    )
    same = (
        meeting("Bytes", count, (rows_of, CODE, of_bytes))
        | "EqualBytes" >> beam.MapTuple(equal_bytes)
        | "Same" >> beam.FlatMap(split).with_outputs("verdicts", main="kept")
    )
    coded = same.kept | "Coded" >> beam.Map(coded_of)
    alike = (
        meeting("Codes", count, (coded, CODE, of_codes))
        | "EqualCodes" >> beam.MapTuple(equal_codes)
        | "Alike" >> beam.FlatMap(split).with_outputs("verdicts", main="kept")
    )
    compared = alike.kept | "Thin" >> beam.Map(thin)
    edges = [
        meeting(f"Band{band}", count, (compared, THIN, partial(band_values, band=band)))
        | f"Near{band}" >> beam.MapTuple(partial(near, band=band, distance=config.near_distance))
        for band in range(WORD_BANDS)
    ] | "Edges" >> beam.Flatten()
    linked = edges | "Links" >> beam.Map(links) | "Rooted" >> beam.CombineGlobally(Rooted())  # type: ignore[no-untyped-call]
    met = meeting(
        "Member",
        count,
        (edges | "Ends" >> beam.Map(ends), THIN, of_image),
        (linked, LINK, of_node),
    )
    rooted_ = met | "WithRoots" >> beam.MapTuple(with_roots)
    last = meeting("Component", count, (rooted_, MEMBER, of_root)) | (
        "Choose" >> beam.MapTuple(partial(chosen, distance=config.near_distance))
    )
    more = [follow("Alike", count, alike.verdicts, last), last] | "More" >> beam.Flatten()
    verdicts = [follow("Same", count, same.verdicts, more), more] | "Verdicts" >> beam.Flatten()
    tables = [str(verdicts_path(task, unit)) for unit in each_part("filter")(task)]
    every = pipeline | "Every" >> beam.Create([(part, b"") for part in range(len(tables))])
    (
        [every, verdicts | "OfPart" >> beam.FlatMap(by_part)]
        | "All" >> beam.Flatten()
        | "ByPart" >> beam.GroupByKey()
        | "Write" >> beam.MapTuple(lambda part, blobs: write_verdicts(tables[part], blobs))
    )


def read(part: int, path: str, config: DedupConfig) -> Rows:
    """The thin rows of a part."""
    with remembered(path):
        return read_codes(place(path), part, config)


def follow(name: str, count: int, verdicts: Any, others: Any) -> Any:
    """Verdicts that name what stays, where `others` drop the image that they name."""
    named: Side = (verdicts, VERDICT, of_kept)
    return meeting(name, count, named, (others, VERDICT, of_image)) | f"{name}Follow" >> beam.MapTuple(
        followed
    )


def write_verdicts(path: str, blobs: Iterable[bytes]) -> int:
    """Write the verdicts on a part's images."""
    rows_ = np.frombuffer(b"".join(blobs), VERDICT)
    return write_whole(place(path), VerdictRow, (VerdictRow(**item._asdict()) for item in verdicts_of(rows_)))


def verdicts_path(task: Task, unit: Unit) -> Path:
    """Where the verdicts on the images of a part are."""
    return task.folders.scratch / f"verdicts-{unit.name}.parquet"


def verdicts_on(task: Task, unit: Unit) -> dict[str, Verdict]:
    """The verdicts on a part's images, by key."""
    found = rows.read(verdicts_path(task, unit), VerdictRow)
    return {row.key: Verdict(row.key, row.reason, row.kept, row.distance) for row in found}


def look_units(task: Task) -> Sequence[Unit]:
    """The parts of filter, where there are sets to look them up in."""
    return each_part("filter")(task) if task.recipe.audit.sets else ()


def look(task: Task, unit: Unit) -> Done:
    """Write which images of a part lie near which evaluation images, and how near each was reached."""
    known = evaluation_index(task)
    captions = [first for first, *_ in by_image(rows.read(unit.covers, Pair)).values()]
    seen = sets.look(task, known, [pair.image for pair in captions], partial(stored, task, captions))
    named = seen.pairs[seen.pairs.nearest(seen.pairs.sample, NAMED)]
    keys = [pair.key for pair in captions]
    near, reached, spread = (sets.table(task, kind, unit) for kind in ("near", *sets.SHOWN))
    write_whole(near, Sighting, known.sightings(named, keys))
    write_whole(reached, Reached, known.reached(seen.reached))
    write_whole(spread, Spread, known.spread(seen.spread))
    return Counts(), (describe(near), describe(reached), describe(spread))


def look_among(task: Task, unit: Unit) -> Done:
    """Write how near other pictures of its set are to each of some evaluation images."""
    known, path = evaluation_index(task), sets.table(task, "own", unit)
    first = SET_IMAGES * unit.covers
    write_whole(path, Own, known.own(first, first + SET_IMAGES))
    return Counts(), (describe(path),)


def own_units(task: Task) -> Sequence[Unit]:
    """The evaluation images that can be compared, some thousand at a time; the last units may have none."""
    return [Unit(name=unit.name, covers=number) for number, unit in enumerate(set_units(task))]


def evaluation_index(task: Task) -> Evaluation:
    """The index of all evaluation images; made once a process."""
    return sets.index_of(
        task, lambda: [task.folders.out / f"{unit.name}.parquet" for unit in set_units(task)]
    )


def stored(task: Task, captions: Sequence[Pair], number: int) -> bytes:
    """The stored bytes of an image; none of one that was taken down."""
    return read_unless_erased(captions[number].image, task.folders.reads("crawl"))


_limits: dict[str, dict[str, Limits]] = {}  # by plan


def limits_of(task: Task) -> dict[str, Limits]:
    """How near is a copy of each set, from what all parts have shown; made once a process."""
    if task.plan not in _limits:
        trusted = sets.trusted(task, task.folders.signed("filter").counts.kept)
        shown = sets.shown(task, look_units(task))
        own = thresholds.own_of([sets.table(task, "own", unit) for unit in own_units(task)])
        _limits[task.plan] = thresholds.decide(shown, own, task.recipe.audit, trusted)
    return _limits[task.plan]


def copies_of(task: Task, unit: Unit) -> dict[str, list[Sighting]]:
    """The copies among a part's images, by the pair that is the caption; nearest first."""
    if not task.recipe.audit.sets:
        return {}
    seen = rows.read(sets.table(task, "near", unit), Sighting)
    return thresholds.by_caption(thresholds.copies(seen, limits_of(task)))


def settled(task: Task, unit: Unit) -> Iterator[Pair | Reject]:
    """A part's pairs, those that are copies as Rejects."""
    judged = rows.read(unit.covers, Pair), verdicts_on(task, unit), copies_of(task, unit)
    return judge(*judged, task.recipe.dedup)


def count_captions(pipeline: beam.Pipeline, task: Task) -> None:
    """The captions that more images share than may."""
    most, seed, units = task.recipe.dedup.per_caption, task.recipe.seed, each_part("filter")(task)
    count = buckets(task)
    named = (
        pipeline
        | "Parts" >> beam.Create(units if most else [])
        | "Draw" >> beam.Map(lambda unit: drawn(settled(task, unit), seed))
    )
    (
        meeting("Caption", count, (named, CAPTION, lambda rows_: rows_["caption"]))
        | "Limit" >> beam.FlatMapTuple(lambda rows_: limits(rows_, most))
        | "Write" >> WriteTable(task.folders.scratch / CAPTIONS, CaptionLimit)
    )


@cache  # once a process
def captions_of(scratch: Path, plan: str) -> dict[int, CaptionLimit]:
    """The captions of too many images, by number."""
    return {item.caption: item for item in rows.read(scratch / CAPTIONS, CaptionLimit)}


def do(task: Task, unit: Unit) -> Done:
    """Apply the verdicts to one part, and the limits of captions to what stays."""
    known = captions_of(task.folders.scratch, task.plan)
    most, seed = task.recipe.dedup.per_caption, task.recipe.seed
    judged = repeated.judge(settled(task, unit), known, STAGE.name, most, seed)
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
        Work(name="Among", units=own_units, do=look_among, scratch=True),
        Work(name="Look", units=look_units, do=look, scratch=True),
        Shuffle(name="Captions", build=count_captions),
        Work(name="Apply", units=each_part("filter"), do=do),
    ),
    finish=finish,
)
