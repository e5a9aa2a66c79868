"""Thin tables in and out of a graph: Parquet rows read by part, a small result gathered into one file."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from beam_jobs.engine.failure import remembered
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.store import place


class ReadParts(beam.PTransform[Any, Any]):
    """The records of Parquet files, each as `thin` makes it: only what the shuffle needs leaves the read."""

    def __init__(self, paths: Iterable[Path], thin: Callable[[Path], Iterator[Any]]) -> None:
        super().__init__()
        self.paths = [str(path) for path in paths]
        self.thin = thin

    def expand(self, root: Any) -> Any:
        thin = self.thin

        def read(path: str) -> Iterator[Any]:
            with remembered(path):
                yield from thin(place(path))

        return root | beam.Create(self.paths) | beam.FlatMap(read)


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
