"""Keys of several lists in one table."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from queries.tagged import key, of_language, parted, tagged, untagged

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
CODES = st.sampled_from(["", "d", "de", "den", "zh", "\u00e9"])


@given(TEXTS, CODES)
def test_a_key_has_its_text_and_its_language(texts: list[str], code: str) -> None:
    keys = tagged(pa.array(texts, pa.string()), code)
    assert keys.to_pylist() == [key(code, text) for text in texts]
    assert untagged(keys).to_pylist() == texts
    assert [parted(one) for one in keys.to_pylist()] == [(code, text) for text in texts]


def test_the_keys_of_a_language_are_found(tmp_path: Path) -> None:
    codes, texts = ("", "d", "de", "den", "zh"), ("", " ", "a", "\u00e9t\u00e9", "\U0001f600", "~")
    keys = sorted(key(code, text) for code in codes for text in texts)
    pq.write_table(pa.table({"text": keys}), tmp_path / "a.parquet", row_group_size=4)
    for code in codes:
        found = pq.read_table(tmp_path / "a.parquet", filters=of_language("text", code)).column("text")
        assert sorted(untagged(found).to_pylist()) == sorted(texts)
