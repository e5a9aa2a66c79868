"""Texts to segments: counts of words, and the words as numbers, so that pairs need no second reading."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from wit_pipeline.text.segments import segmented
from wit_pipeline.text.tokens import Lexicon, Sequence, batches
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.store import open_native

# A segment ends at the first of these. It takes some 200 MB while it is made, and about 10 MB on disk.
WORDS = 1 << 19  # distinct words
TOKENS = 1 << 22
COUNTS = pa.schema([("text", pa.string()), ("count", pa.int64()), ("document_count", pa.int64())])
BATCH = 1 << 20  # characters encoded at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """Some documents' words: how often each occurs, and in what order they stand."""

    counts: pa.Table  # text, count, document_count; the word of id i at row i - 1
    sequence: Sequence


def segments(texts: Iterable[str]) -> Iterator[Segment]:
    """Texts, one a document, in segments of bounded size; a dictionary parts what their scripts do not."""
    lexicon, sequences, tokens = Lexicon(), [], 0
    for batch in batches(map(segmented, texts), BATCH):
        sequences.append(lexicon.encode(batch))
        tokens += len(sequences[-1].ids)
        if tokens >= TOKENS or lexicon.size >= WORDS:
            yield _segment(lexicon, sequences)
            lexicon, sequences, tokens = Lexicon(), [], 0
    if sequences:
        yield _segment(lexicon, sequences)


def _segment(lexicon: Lexicon, sequences: list[Sequence]) -> Segment:
    starts = np.cumsum([0, *(len(item.ids) for item in sequences[:-1])])
    ends = [item.ends + start for item, start in zip(sequences, starts, strict=True)]
    counts, documents = lexicon.counts()
    return Segment(
        counts=pa.table([lexicon.words(), pa.array(counts), pa.array(documents)], COUNTS),
        sequence=Sequence(ids=np.concatenate([item.ids for item in sequences]), ends=np.concatenate(ends)),
    )


def write_segment(path: Path, segment: Segment) -> None:
    """Write a segment's words and their order, whole or absent."""
    columns = {
        "words": segment.counts.column("text").combine_chunks(),
        "ids": pa.array(segment.sequence.ids, pa.uint32()),
        "ends": pa.array(segment.sequence.ends, pa.int64()),
    }
    batch = pa.record_batch({name: _as_one_row(column) for name, column in columns.items()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        aside(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, batch.schema, options=options) as writer,
    ):
        writer.write_batch(batch)


def read_segment(path: Path) -> tuple[pa.StringArray, Sequence]:
    """A segment's words, the one of id i at i - 1, and their order."""
    with open_native(path) as file:
        words, ids, ends = (column.values for column in pa.ipc.open_file(file).get_batch(0).columns)
    return words, Sequence(ids=ids.to_numpy(), ends=ends.to_numpy())


def _as_one_row(column: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column)
