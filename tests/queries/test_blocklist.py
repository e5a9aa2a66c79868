"""A block list blocks what it says, word by word, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.blocklist import BlockList, load
from wit_pipeline.vocabulary.errors import UserError

RULES = """\
# Names of sites.
XXX

Nude *   # and what follows
O'Brien’s Well-Known
hot dog*
C#
"""


@pytest.fixture
def rules(tmp_path: Path) -> BlockList:
    (tmp_path / "block.txt").write_text(RULES, encoding="utf-8-sig")
    return load(tmp_path / "block.txt")


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("xxx", "XXX"),
        ("xxx film", ""),
        ("nude", "Nude *"),
        ("nude beach", "Nude *"),
        ("nudes", ""),
        ("the nude", ""),
        ("o'brien well known", "O'Brien’s Well-Known"),
        ("hot dog", "hot dog*"),
        ("hot dog stand", "hot dog*"),
        ("hot", ""),
        ("c", "C#"),
        ("names of sites", ""),
        ("", ""),
    ],
)
def test_a_query_is_blocked_by_itself_or_by_its_first_words(rules: BlockList, query: str, rule: str) -> None:
    assert rules.blocks(query) == rule


@given(st.text("ab ", max_size=8))
def test_an_empty_list_blocks_nothing(query: str) -> None:
    assert BlockList().blocks(query) == ""


def test_the_whole_query_comes_before_a_beginning(tmp_path: Path) -> None:
    (tmp_path / "block.txt").write_text("a b *\na *\na b\n")
    found = load(tmp_path / "block.txt")
    assert [found.blocks(query) for query in ("a b", "a b c", "a c")] == ["a b", "a *", "a *"]


@pytest.mark.parametrize("line", ["*", "!!!", "... *"])
def test_a_rule_without_a_word_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "block.txt").write_text(f"dog\n\n{line}\n")
    with pytest.raises(UserError, match=r"block\.txt, line 3: .* has no word left"):
        load(tmp_path / "block.txt")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"block list .*block\.txt: cannot be read"):
        load(tmp_path / "block.txt")
    (tmp_path / "block.txt").write_bytes(b"dog\ncat\n\xff\n")
    with pytest.raises(UserError, match=r"block\.txt, line 3: is not UTF-8"):
        load(tmp_path / "block.txt")
