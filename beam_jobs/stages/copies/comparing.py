"""Verdicts on every copy, from thin rows: equal bytes, then equal codes, then near codes.

    Bytes      the parts' rows, dealt by their bytes     -> one of each, and verdicts on the others
    Codes      what stays, dealt by both codes           -> one of each, and verdicts
    Near       what stays, dealt by each band of a code  -> pairs that are near
    Verdicts   their components                          -> verdicts on all images, in tables by part

Rows meet in buckets, a bucket is a file, and each graph reads the files of the one before it. A pass of the
first three is of some buckets: which, says a bucket's number alone, so nothing depends on how many passes
there are. What meets in `Verdicts` are the copies alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow.compute as pc

from beam_jobs.engine.failure import remembered
from beam_jobs.engine.stage import ONLY, Needs, Parts, Shuffle, Task, Turn, Unit
from beam_jobs.engine.tables import SHARES, ByTable, Shares, tables, write_whole
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
    faces,
    followed,
    links,
    near,
    runs,
    with_roots,
)
from wit_pipeline.dedup import Verdict, read_codes, verdicts_of
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.store import array

BUCKET = 1 << 18  # images of which a worker holds the thin rows at a time
LINKS = 1 << 20  # that are held until they are made fewer
FIRST, SECOND, THIRD = "bytes", "codes", "near"  # kinds of files: rows that are left, or pairs
SAME, ALIKE = "same", "alike"  # and verdicts


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictRow:
    """A Verdict, as the tables between two steps hold it."""

    part: int
    key: str
    reason: str
    kept: str
    distance: int


def parts(task: Task) -> Parts:
    """The pairs that filter signed."""
    return Parts(folders=task.folders, stage="filter")


def images(task: Task) -> int:
    """The images that may meet: no more than pairs."""
    return task.folders.signed("filter").counts.kept


def in_bands(task: Task) -> int:
    """As many keys as the images weigh that are in each band, in arrays: 59 bytes a face, of 1.25."""
    return task.recipe.dedup.bands * images(task) // 3


def buckets(task: Task) -> int:
    """How many buckets rows are dealt to."""
    return images(task) // BUCKET + 1


# --- rows that meet -------------------------------------------------------------------------------

Side = tuple[Any, np.dtype[Any], Values]  # arrays, and what they hold


def meeting(name: str, count: int, *sides: Side, turn: Turn = ONLY) -> Any:
    """(bucket, an array of each side) of the rows that must meet, which is where values are equal.

    What crosses the shuffle is the bytes of some rows at a time, not a row. Where a None is among the arrays
    of a side, every bucket of the turn is there, those too that have no rows.
    """
    keyed = {
        number: arrays | f"{name}{number}" >> beam.FlatMap(partial(dealt, values=of, count=count, turn=turn))
        for number, (arrays, _, of) in enumerate(sides)
    }
    gather = partial(gathered, [dtype for _, dtype, _ in sides])
    return (
        keyed
        | f"{name}Meet" >> beam.CoGroupByKey()
        | f"{name}Gather" >> beam.MapTuple(lambda bucket, blobs: (bucket, gather(bucket, blobs)))
    )


def dealt(found: Rows | None, values: Values, count: int, turn: Turn) -> Iterator[tuple[int, bytes]]:
    """(bucket, bytes) of those rows whose turn it is; for None, no rows for every bucket."""
    each = ((bucket, b"") for bucket in range(count)) if found is None else deal(found, values, count)
    return (item for item in each if turn.has(item[0]))


def at(scratch: Path, kind: str, bucket: int) -> Path:
    """Where the rows of one kind are that a bucket has left."""
    return scratch / f"{kind}-{bucket:05d}.npy"


def load(share: int, scratch: Path, kind: str, count: int) -> Iterator[Rows]:
    """The arrays of some of the buckets."""
    for bucket in range(share, count, SHARES):
        path = at(scratch, kind, bucket)
        with remembered(str(path)):
            yield array(path)


def with_every(share: int, read: Callable[[int], Iterator[Rows]]) -> Iterator[Rows | None]:
    """What is read of a share, and of one of them a None: see `meeting`."""
    if share == 0:
        yield None
    yield from read(share)


def read(share: int, found: Sequence[Path], task: Task) -> Iterator[Rows]:
    """The thin rows of some parts."""
    for path in found[share::SHARES]:
        with remembered(str(path)):
            yield read_codes(path, int(path.stem.removeprefix("part-")), task.recipe.dedup)


def save(path: Path, found: Rows) -> None:
    """Write rows, in an order that means nothing."""
    with remembered(str(path)), aside(path) as temporary, temporary.open("wb") as file:
        np.save(file, found, allow_pickle=False)


# --- the graphs -----------------------------------------------------------------------------------


def same(pipeline: beam.Pipeline, task: Task) -> None:
    """Of images of equal bytes one goes on."""
    found, scratch = parts(task), task.folders.scratch
    rows_of = partial(read, found=found, task=task)
    read_ = pipeline | Shares(len(found)) | "Read" >> beam.FlatMap(partial(with_every, read=rows_of))

    def settle(bucket: int, arrays: tuple[Rows, ...]) -> None:
        left, gone = equal_bytes(*arrays)
        save(at(scratch, SAME, bucket), gone)
        save(at(scratch, FIRST, bucket), coded_of(left))

    met = meeting("Bytes", buckets(task), (read_, CODE, of_bytes), turn=task.turn)
    met | "Same" >> beam.MapTuple(settle)


def alike(pipeline: beam.Pipeline, task: Task) -> None:
    """Of images of equal codes one goes on."""
    scratch = task.folders.scratch

    def settle(bucket: int, arrays: tuple[Rows, ...]) -> None:
        left, gone = equal_codes(*arrays)
        save(at(scratch, ALIKE, bucket), gone)
        save(at(scratch, SECOND, bucket), faces(left))

    coded = pipeline | "First" >> Left(task, FIRST, every=True)
    met = meeting("Codes", buckets(task), (coded, CODE, of_codes), turn=task.turn)
    met | "Alike" >> beam.MapTuple(settle)


def near_pairs(pipeline: beam.Pipeline, task: Task) -> None:
    """Which are near, of those that share a band."""
    scratch, config = task.folders.scratch, task.recipe.dedup
    compared = pipeline | "Second" >> Left(task, SECOND, every=True)

    def settle(bucket: int, arrays: tuple[Rows, ...], band: int) -> None:
        (some,) = arrays
        save(at(scratch, f"{THIRD}{band}", bucket), near(some, band, mirrored=config.mirrored))

    for band in range(config.bands):
        side: Side = (compared, THIN, partial(band_values, band=band))
        met = meeting(f"Band{band}", buckets(task), side, turn=task.turn)
        met | f"Near{band}" >> beam.MapTuple(partial(settle, band=band))


def verdicts(pipeline: beam.Pipeline, task: Task) -> None:
    """What becomes of every copy: a table for some parts."""
    config, count, scratch = task.recipe.dedup, buckets(task), task.folders.scratch
    edges = [
        pipeline | f"Near{band}" >> Left(task, f"{THIRD}{band}") for band in range(config.bands)
    ] | "Edges" >> beam.Flatten()
    linked = edges | "Links" >> beam.Map(links) | "Rooted" >> beam.CombineGlobally(Rooted())  # type: ignore[no-untyped-call]
    met = meeting(
        "Member",
        count,
        (edges | "Ends" >> beam.Map(ends), THIN, of_image),
        (linked, LINK, of_node),
    )
    rooted_ = met | "WithRoots" >> beam.MapTuple(lambda _, arrays: with_roots(*arrays))
    last = meeting("Component", count, (rooted_, MEMBER, of_root)) | (
        "Choose" >> beam.MapTuple(lambda _, arrays: chosen(arrays[0], mirrored=config.mirrored))
    )
    by_codes = pipeline | "Alike" >> Left(task, ALIKE)
    more = [follow("Alike", count, by_codes, last), last] | "More" >> beam.Flatten()
    by_bytes = pipeline | "Same" >> Left(task, SAME)
    found = [follow("Same", count, by_bytes, more), more] | "Verdicts" >> beam.Flatten()
    held = tables(len(parts(task)))
    (
        found
        | "OfTable" >> beam.FlatMap(by_table, held)
        | "ByPart" >> ByTable(range(held), b"")
        | "Write" >> beam.MapTuple(partial(write_verdicts, scratch=scratch))
    )


class Left(beam.PTransform[Any, Any]):
    """The rows of one kind that the buckets of an earlier graph have left."""

    def __init__(self, task: Task, kind: str, *, every: bool = False) -> None:
        super().__init__()
        self.count = buckets(task)
        rows_of = partial(load, scratch=task.folders.scratch, kind=kind, count=self.count)
        self.load = partial(with_every, read=rows_of) if every else rows_of

    def expand(self, root: Any) -> Any:
        return root | Shares(self.count) | beam.FlatMap(self.load)


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


def follow(name: str, count: int, found: Any, others: Any) -> Any:
    """Verdicts that name what stays, where `others` drop the image that they name."""
    named: Side = (found, VERDICT, of_kept)
    met = meeting(name, count, named, (others, VERDICT, of_image))
    return met | f"{name}Follow" >> beam.MapTuple(lambda _, arrays: followed(*arrays))


# --- verdicts by part -----------------------------------------------------------------------------


def by_table(found: Rows, count: int) -> Iterator[tuple[int, bytes]]:
    """(table, bytes) of the verdicts on each part's images."""
    return ((part % count, some) for part, some in by_part(found))


def verdicts_at(scratch: Path, table: int) -> Path:
    """Where the verdicts on the images of some parts are."""
    return scratch / f"verdicts-{table:03d}.parquet"


def write_verdicts(table: int, blobs: Iterable[bytes], scratch: Path) -> int:
    """Write the verdicts on the images of some parts, by part."""
    found = np.frombuffer(b"".join(blobs), VERDICT)
    made = (
        VerdictRow(part=int(found["part"][some[0]]), **item._asdict())
        for some in runs(found["part"])
        for item in verdicts_of(found[some])
    )
    return write_whole(verdicts_at(scratch, table), VerdictRow, made)


def verdicts_on(task: Task, unit: Unit) -> dict[str, Verdict]:
    """The verdicts on a part's images, by key."""
    part = int(unit.name)
    path = verdicts_at(task.folders.scratch, part % tables(len(parts(task))))
    found = rows.table(path, ["key", "reason", "kept", "distance"], where=pc.field("part") == part)
    return {row["key"]: Verdict(**row) for row in found.to_pylist()}


STEPS = (
    Shuffle(name="Bytes", build=same, keys=images),
    Shuffle(name="Codes", build=alike, keys=images),
    Shuffle(name="Near", build=near_pairs, keys=in_bands),
    Shuffle(name="Verdicts", build=verdicts, needs=Needs(ram_gb=8)),  # one process has the links of all
)
