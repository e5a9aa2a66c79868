"""The rows of a table whose fields may be quoted, and hold line ends: CSV by RFC 4180, or with tabs."""

import csv
from collections.abc import Iterator

from wit_pipeline.sources.lines import TOO_LONG, text

FIELD_LIMIT = 1 << 20  # characters in a field; a longer one is a quotation mark that nobody closed
ROW_LIMIT = 1 << 22  # characters in a row

csv.field_size_limit(FIELD_LIMIT)

Fields = list[str] | csv.Error  # of a row; an error in place of one that cannot be read


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


def quoted_rows(lines: Iterator[bytes | None], delimiter: str = ",") -> Iterator[Fields]:
    """Each row's fields, none for a blank line."""
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.taken = 0
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield error
