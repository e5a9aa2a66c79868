"""Queries that nobody shall ask, from a list kept by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wit_pipeline.text.text import normalise
from wit_pipeline.vocabulary.errors import UserError

ANY = "*"  # at the end of a line: also with further words behind


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockList:
    """What is blocked, by the normalised words; the values are the rules as written."""

    queries: Mapping[str, str] = field(default_factory=dict)
    beginnings: Mapping[str, str] = field(default_factory=dict)

    def blocks(self, query: str) -> str:
        """The rule that blocks a normalised query, or "": of the whole query before of its beginning."""
        if query in self.queries:
            return self.queries[query]
        words = query.split(" ") if self.beginnings else []
        heads = (" ".join(words[:count]) for count in range(1, len(words) + 1))
        return next((self.beginnings[head] for head in heads if head in self.beginnings), "")


def load(path: Path) -> BlockList:
    """The block list of a text file: UTF-8, a query a line; `#` and what follows it is a comment.

    "nude *" blocks "nude" and whatever begins with that word. Raises `UserError` where the file cannot be
    read, or a line has no word: it would block nothing, and whoever wrote it thinks that it does.
    """
    queries: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        rule = _rule(line)
        if not rule:
            continue
        query = normalise(rule)
        if not query:
            raise UserError(f"{path}, line {number}: {rule!r} has no word left once it is normalised")
        (beginnings if rule.endswith(ANY) else queries).setdefault(query, rule)
    return BlockList(queries=queries, beginnings=beginnings)


def _rule(line: str) -> str:
    """A line without its comment: from a `#` at its begin or behind a blank, so that "c#" stays whole."""
    words = line.split()
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return " ".join(words[:comment])


def _lines(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"block list {path}: cannot be read: {error}") from None
    try:
        return data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, line {line}: is not UTF-8: {error}") from None
