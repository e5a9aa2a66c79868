"""The rows of a table whose fields may be quoted, and hold line ends: CSV by RFC 4180, or with tabs.

In a quoted field a quotation mark is doubled, or ends it. Some programs (Spark, MySQL) put a backslash before
it instead: `is_escaped` tells by some rows. What is neither costs the row, as nobody knows what it says.
"""

import csv
from collections.abc import Iterator, Sequence

from wit_pipeline.sources.lines import TOO_LONG, text

FIELD_LIMIT = 1 << 20  # characters in a field; a longer one is a quotation mark that nobody closed
ROW_LIMIT = 1 << 22  # characters in a row

csv.field_size_limit(FIELD_LIMIT)

Fields = list[str] | csv.Error  # of a row; an error in place of one that cannot be read


def is_escaped(lines: Sequence[bytes], delimiter: str = ",") -> bool:
    """Whether quotation marks in quoted fields have a backslash: more rows can be read so than otherwise."""
    if not any(b'\\"' in line for line in lines):
        return False
    wrong = [
        sum(isinstance(row, csv.Error) for row in quoted_rows(iter(lines), delimiter, escaped=escaped))
        for escaped in (False, True)
    ]
    return wrong[1] < wrong[0]


class _Feed:
    """Lines as csv.reader takes them. An error that it raises costs a row: the reader goes on at the next."""

    def __init__(self, lines: Iterator[bytes | None]) -> None:
        self._lines = lines
        self.taken = 0  # characters of the present row

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if line is None:
            raise csv.Error(TOO_LONG)
        self.taken += len(line)
        if self.taken > ROW_LIMIT:
            raise csv.Error(f"a row longer than {ROW_LIMIT} characters")
        return text(line).replace("\r", " ") + "\n"  # a lone CR is none of the ends that csv.reader takes


def quoted_rows(
    lines: Iterator[bytes | None], delimiter: str = ",", *, escaped: bool = False
) -> Iterator[Fields]:
    """Each row's fields, none for a blank line; `escaped`: what a backslash stands before is itself."""
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, escapechar="\\" if escaped else None, strict=True)
    while True:
        feed.taken = 0
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
