"""Segments: bounded pieces of a corpus, each with its words and their order, whole on disk."""

from collections import Counter
from pathlib import Path

import pytest

from queries import count
from queries.count import read_segment, segments, write_segment
from wit_pipeline.text.text import phrases, words

TEXTS = [f"Text {number}, the dog's {number % 7} tails – and {number % 3}." for number in range(50)]


@pytest.mark.parametrize(("most_words", "most_tokens"), [(1 << 20, 1 << 23), (10, 1 << 23), (1 << 20, 40)])
def test_however_texts_are_cut_the_counts_are_those_of_a_simple_count(
    monkeypatch: pytest.MonkeyPatch, most_words: int, most_tokens: int
) -> None:
    monkeypatch.setattr(count, "WORDS", most_words)
    monkeypatch.setattr(count, "TOKENS", most_tokens)
    monkeypatch.setattr(count, "BATCH", 100)
    found: Counter[str] = Counter()
    documents: Counter[str] = Counter()
    pieces = list(segments(TEXTS))
    for piece in pieces:
        columns = (piece.counts.column(name).to_pylist() for name in ("text", "count", "document_count"))
        for text, occurrences, containing in zip(*columns, strict=True):
            found[text] += occurrences
            documents[text] += containing
    assert found == Counter(word for text in TEXTS for word in words(text))
    assert documents == Counter(word for text in TEXTS for word in set(words(text)))
    assert (len(pieces) > 1) is (most_words == 10 or most_tokens == 40)


def test_a_segment_is_read_as_it_was_written(tmp_path: Path) -> None:
    (piece,) = segments(TEXTS)
    write_segment(tmp_path / "a.order", piece)
    spelled, sequence = read_segment(tmp_path / "a.order")
    names = ["", *spelled.to_pylist()]
    assert [names[number] for number in sequence.ids] == [
        word for text in TEXTS for part in phrases(text) for word in [*part, ""]
    ]
    assert len(sequence.ends) == len(TEXTS)
    assert sequence.ends[-1] == len(sequence.ids)


def test_no_texts_no_segments_and_a_text_without_words_is_a_document() -> None:
    assert list(segments([])) == []
    (piece,) = segments(["", "..."])
    assert (piece.counts.num_rows, piece.sequence.ends.tolist()) == (0, [0, 0])
