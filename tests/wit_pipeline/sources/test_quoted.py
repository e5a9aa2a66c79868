import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.sources import quoted
from wit_pipeline.sources.lines import lines_of
from wit_pipeline.sources.quoted import quoted_rows

CELL = st.text(st.sampled_from('ab ",\t\né'), max_size=6)


def rows(content: str, delimiter: str = ",") -> list[list[str] | str]:
    found = quoted_rows(lines_of([content.encode()]), delimiter)
    return [row if isinstance(row, list) else f"{row}" for row in found]


@given(table=st.lists(st.lists(CELL, min_size=2, max_size=3), max_size=5), delimiter=st.sampled_from(",\t"))
def test_what_csv_writes_is_read(table: list[list[str]], delimiter: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows(table)
    assert rows(buffer.getvalue(), delimiter) == table


def test_a_blank_line_is_an_empty_row() -> None:
    assert rows("a,b\n\nc,d\n") == [["a", "b"], [], ["c", "d"]]


def test_a_row_that_never_ends_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted, "ROW_LIMIT", 30)
    found = rows("u,t\n" + '"\n",' * 20 + "\nv,s\n")
    assert found[0] == ["u", "t"]
    assert "a row longer than 30 characters" in found
    assert max(len("".join(row)) for row in found) <= 40


def test_the_limit_is_a_row_s_not_a_file_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quoted, "ROW_LIMIT", 30)
    assert rows("u,t\n" * 20) == [["u", "t"]] * 20
