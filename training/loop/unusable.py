"""RUN/unusable.tsv: which samples were left out of their batches, and why."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from training.data.batches import LeftOut
from training.data.shards import Samples

MOST = 10_000  # samples that are named; all are counted
LONGEST = 200  # characters of what a decoder said
HEAD = ("shard", "key", "reason", "said")
OBJECT = re.compile(r" ?<[^<>]*>")  # how Python shows what it read from: another address in each run


class Unusable:
    """The samples that a process has left out, each named once, in all parts of a run until now."""

    def __init__(self, out: Path, rank: int, samples: Samples, say: Callable[[str], None]) -> None:
        self.path = out / (f"unusable-{rank}.tsv" if rank else "unusable.tsv")
        self.samples = samples
        self.say = say
        self.failed = ""  # why it cannot be written
        self.named = {tuple(row[:2]) for row in read(self.path)}

    def add(self, left_out: Iterable[LeftOut]) -> None:
        """Name samples that are not named yet, until there are `MOST`."""
        rows = []
        for sample, reason, said in left_out:
            if len(self.named) >= MOST:
                break
            name = plain(str(self.samples.shard_of(sample))), plain(self.samples.key(sample))
            if name not in self.named:
                self.named.add(name)
                rows.append((*name, reason, plain(OBJECT.sub("", said))[:LONGEST]))
        if rows and not self.failed:
            try:
                append(self.path, rows)
            except OSError as error:
                self.failed = error.strerror or "cannot be written"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.failed:
            self.say(f"{self.path}: samples that could not be used are not all named: {self.failed}")
        elif self.named:
            most = f", the first {MOST:,}" if len(self.named) >= MOST else ""
            self.say(f"samples that could not be used are named in {self.path}{most}: {len(self.named):,}")


def append(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    """Write rows after those that are there, on lines of their own even where a kill cut the last one."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            begun = b"" if file.read(1) == b"\n" else b"\n"
        else:
            begun = "\t".join(HEAD).encode() + b"\n"
        file.write(begun + "".join("\t".join(row) + "\n" for row in rows).encode("utf-8", "replace"))


def read(path: Path) -> list[list[str]]:
    """The rows that are there, without the head; one that was cut short is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    rows = [line.split("\t") for line in lines[1:]]
    return [row for row in rows if len(row) == len(HEAD)]


def plain(text: str) -> str:
    """A text as a field of a table: what cannot be printed, and each tab, is written out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
