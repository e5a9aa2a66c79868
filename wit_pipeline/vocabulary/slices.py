"""Rows of one file by group: written in runs, each sorted by group, and read back a group at a time.

A file is a sequence of runs. A run holds some thousand rows as one Arrow record batch for each group that has
any, and the file ends with a table of where each group of each run begins: finding a group's rows in a run
takes one read of 16 bytes, and reading them takes one more, however many groups there are.
"""

from collections.abc import Iterable, Iterator
from math import isqrt
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wit_pipeline.vocabulary.store import open_ranged

RUN = 1 << 16  # rows that are held to be sorted: about 40 MB of captions and URLs
WORD = 8  # bytes of a number in the table


def span(groups: int) -> int:
    """The groups of a bucket: about as many as there are buckets, so that neither are too many."""
    return isqrt(max(groups - 1, 0)) + 1


class Writer:
    """Writes rows with their groups, 0 to `groups` - 1; holds one run."""

    def __init__(self, path: Path, groups: int, schema: pa.Schema, run: int = RUN) -> None:
        self._file = path.open("wb")
        self._groups = groups
        self._schema = schema
        self._run = run
        self._held: list[tuple[pa.RecordBatch, NDArray[np.int64]]] = []
        self._count = 0
        self._starts: list[NDArray[np.int64]] = []  # by run: where each group begins, and the end

    def write(self, batch: pa.RecordBatch, groups: NDArray[np.int64]) -> None:
        """Append rows and the group of each."""
        self._held.append((batch, groups))
        self._count += batch.num_rows
        if self._count >= self._run:
            self._flush()

    def _flush(self) -> None:
        if not self._count:
            return
        table = pa.Table.from_batches([batch for batch, _ in self._held], schema=self._schema)
        groups = np.concatenate([groups for _, groups in self._held])
        order = np.argsort(groups, kind="stable")
        (ordered,) = table.take(order).combine_chunks().to_batches()
        bounds = np.searchsorted(groups[order], np.arange(self._groups + 1))
        starts = np.empty(self._groups + 1, dtype="<i8")
        for group in range(self._groups):
            starts[group] = self._file.tell()
            first, last = int(bounds[group]), int(bounds[group + 1])
            if last > first:
                self._file.write(_packed(ordered.slice(first, last - first)))
        starts[self._groups] = self._file.tell()
        self._starts.append(starts)
        self._held, self._count = [], 0

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
            for starts in self._starts:
                self._file.write(starts.tobytes())
            self._file.write(np.array([len(self._starts), self._groups], dtype="<i8").tobytes())
        self._file.close()


def _packed(batch: pa.RecordBatch) -> memoryview:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as stream:
        stream.write_batch(batch)
    return memoryview(sink.getvalue())


def read(path: Path, group: int) -> Iterator[pa.Table]:
    """The rows of a group, a table for each run that has any, in the order in which they were written."""
    with open_ranged(path) as file:
        file.seek(-2 * WORD, 2)
        end = file.tell()
        runs, groups = _numbers(file, 2)
        for run in range(runs):
            file.seek(end - (runs - run) * (groups + 1) * WORD + group * WORD)
            first, last = _numbers(file, 2)
            if last > first:
                file.seek(first)
                yield pa.ipc.open_stream(file.read(last - first)).read_all()


def _numbers(file: BinaryIO, count: int) -> list[int]:
    found: list[int] = np.frombuffer(file.read(count * WORD), dtype="<i8").tolist()
    return found


def gather(paths: Iterable[Path], group: int) -> Iterator[pa.Table]:
    """The rows of a group in several files, one file open at a time."""
    for path in paths:
        yield from read(path, group)
