"""What the recipe says of a list."""

from dataclasses import dataclass
from typing import Literal

from wit_pipeline.sources.lists.names import FIELDS, recognise
from wit_pipeline.sources.source import needs_path
from wit_pipeline.vocabulary.config import how


@dataclass(frozen=True, kw_only=True, slots=True)
class ListSource:
    """`kind = "list"`: tables of URLs and captions."""

    kind: Literal["list"] = "list"
    path: tuple[str, ...] = (
        how()
    )  # globs of .parquet .csv .tsv .txt .jsonl .json, but for Parquet also .gz .bz2 .zst
    url: str = ""  # names of columns; "" takes the first of the known names that is there
    text: str = ""
    page_url: str = ""
    license: str = ""
    attribution: str = ""
    language: str = ""
    sha256: str = ""  # of the image's bytes, in hex: what is fetched is compared with it; see `crawl.hash`
    md5: str = ""  # where the first is not stated
    texts: tuple[str, ...] = ()  # further columns of texts: each gives a record of its own
    delimiter: str = ""  # csv, tsv, txt: one character; "" is a comma, or a tab
    columns: tuple[str, ...] = ()  # csv, tsv, txt: the columns' names where the file has no header

    def __post_init__(self) -> None:
        needs_path(self.path)
        if len(self.delimiter) > 1 or self.delimiter in ('"', "\n", "\r", "\\"):
            raise ValueError(f"delimiter is one character, found {self.delimiter!r}")
        found = recognise(self.columns, self.named())
        lacking = [field for field in ("url", "text") if found[field] not in self.columns]
        if self.columns and lacking:
            names = " or ".join(repr(found[field] or field) for field in lacking)
            raise ValueError(f"columns lack {names}: {', '.join(self.columns)}")

    def named(self) -> dict[str, str]:
        """The columns that the recipe names, by field."""
        return {field: getattr(self, field) for field in FIELDS}
