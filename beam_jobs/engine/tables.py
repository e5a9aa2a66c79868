"""Thin tables in and out of a graph: Parquet rows read by part, a small result gathered into one file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.engine.failure import remembered
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.store import place

SHARES = 1024  # that files are dealt to: what an engine may read at once
TABLES = 256  # that rows about the files are dealt to


class Shares(beam.PTransform[Any, Any]):
    """The numbers below `SHARES`, or fewer of fewer `things`; whoever has one takes `things[number::SHARES]`.

    So a graph is of one size, however many files it reads, and they are read side by side all the same.
    """

    def __init__(self, things: int) -> None:
        super().__init__()
        self.shares = min(max(things, 1), SHARES)

    def expand(self, root: Any) -> Any:
        return root | beam.Create(range(self.shares))


class ReadParts(beam.PTransform[Any, Any]):
    """The records of Parquet files, each as `thin` makes it: only what the shuffle needs leaves the read.

    `paths` are looked up anew where they are read: what crosses the graph is a number of theirs.
    """

    def __init__(self, paths: Sequence[Path], thin: Callable[[Path], Iterator[Any]]) -> None:
        super().__init__()
        self.paths = paths
        self.thin = thin

    def expand(self, root: Any) -> Any:
        paths, thin = self.paths, self.thin

        def read(share: int) -> Iterator[Any]:
            for path in paths[share::SHARES]:
                with remembered(str(path)):
                    yield from thin(path)

        return root | Shares(len(paths)) | beam.FlatMap(read)


def tables(things: int) -> int:
    """How many tables rows about so many things are dealt to, by `number % tables`."""
    return min(max(things, 1), TABLES)


class ByTable(beam.PTransform[Any, Any]):
    """What is keyed by the number of a table, by table; one that nothing is in has a group, of `empty`."""

    def __init__(self, numbers: Iterable[int], empty: Any) -> None:
        super().__init__()
        self.every = [(number, empty) for number in numbers]

    def expand(self, keyed: Any) -> Any:
        every = keyed.pipeline | f"{self.label}Every" >> beam.Create(self.every)
        return (keyed, every) | beam.Flatten() | beam.GroupByKey()


class WriteTable(beam.PTransform[Any, Any]):
    """All elements, sorted, in one Parquet file. For results that fit in memory: counts, verdicts."""

    def __init__(self, path: Path, record: Any, to_record: Callable[[Any], Any] = lambda item: item) -> None:
        super().__init__()
        self.path = str(path)
        self.record = record
        self.to_record = to_record

    def expand(self, elements: Any) -> Any:
        path, record, to_record = self.path, self.record, self.to_record

        def write(_: None, items: list[Any]) -> int:
            return write_whole(place(path), record, [to_record(item) for item in sorted(items)])

        once = elements.pipeline | f"Once {place(path).name}" >> beam.Create([None])
        return once | beam.Map(write, beam.pvalue.AsList(elements))


def write_whole(path: Path, record: Any, records: Iterable[Any]) -> int:
    """Write records to a file, whole or absent; returns how many."""
    with remembered(str(path)), aside(path) as temporary:
        return rows.write(temporary, record, records)
