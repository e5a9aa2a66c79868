"""What a crawl knows of its URLs: from the tables of its units, and of the chances that they had later.

    unit-000012.parquet      unit 12: its URLs, each asked for once
    unit-000012.2.parquet    its second chance: some of those URLs, asked for again later
    unit-000012-1f3a9c07.tar the same unit on a store, under the name of the attempt that was whole

A URL's *standing* is what the latest chance that has it says; but a picture that is stored stands until it is
stored anew, or until whoever it is of says no. That it is gone from where it was says nothing about its use.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.records import SUCCESS, Reason
from wit_pipeline.vocabulary.store import in_store, sizes

NAME = re.compile(
    r"(?P<kind>[a-z]+)-(?P<unit>[0-9]{6,})(\.(?P<chance>[0-9]+))?(-[0-9a-f]{8})?(\.(?P<end>[a-z][a-z.]*))?"
)
RECEIPT = ".receipt.json"
UNIT = "unit"
TIMES = "times"  # kinds of tables

# What a site states of use. BLOCK_LISTED is none of it: it is our rule, and holds as long as its list does.
SAYS_NO = {Reason.ROBOTS_DISALLOWED, Reason.AGENTS_DISALLOWED, Reason.OPTED_OUT, Reason.PAYMENT_REQUIRED}
# Statuses that do: taken away for good, and by a legal demand (RFC 9110, 15.5.11; RFC 7725, 3).
TAKEN_AWAY = {410, 451}


class Asking(NamedTuple):
    """A unit of crawling, or a later chance of it."""

    unit: int
    chance: int = 0  # 0: the unit itself; 2, 3, …: its second chance, its third

    def __str__(self) -> str:
        return f"{self.unit:06d}.{self.chance}" if self.chance else f"{self.unit:06d}"

    @property
    def following(self) -> "Asking":
        """The chance after this one."""
        return Asking(self.unit, max(self.chance, 1) + 1)


def asking(name: str) -> Asking | None:
    """The unit and chance in the name of a crawl's file, or of its unit of work; None where there is none."""
    found = NAME.fullmatch(name)
    return Asking(int(found["unit"]), int(found["chance"] or 0)) if found else None


def attempt(folder: Path) -> str:
    """What the names end with of those files that one worker writes for a unit: nothing on this machine.

    In a store two workers may write one unit, as nothing ends a worker of another machine, and what they
    fetched differs. The receipt that stands names the files of one of them, and the others are deleted.
    """
    return "" if in_store(folder) is None else f"-{secrets.token_hex(4)}"


class _Answer(Protocol):
    @property
    def url(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def http_status(self) -> int: ...


U = TypeVar("U", bound=_Answer)


def is_no(status: str, http_status: int) -> bool:
    """Whether an answer says that a picture is not to be used, not only that it was not to be had.

    >>> is_no("http_not_found", 410), is_no("http_not_found", 404), is_no("http_error", 403)
    (True, False, False)
    """
    return status != SUCCESS and (status in SAYS_NO or http_status in TAKEN_AWAY)


def displaces(before: _Answer, later: _Answer) -> bool:
    """Whether what was heard later stands, and not what was heard before.

    A picture yields to another and to a no, a no to a picture and to another no, so that what stands says why
    there is no picture. Of other failures the last one counts.
    """
    if later.status == SUCCESS or is_no(later.status, later.http_status):
        return True
    return before.status != SUCCESS and not is_no(before.status, before.http_status)


class Placed(Protocol):
    """A picture, as much of any record as says in which tar it lies."""

    @property
    def unit(self) -> int: ...
    @property
    def chance(self) -> int: ...


class Asked:
    """The files of a crawl by unit and chance: of those names that a manifest, or receipts, have."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder = folder
        self._paths: dict[tuple[str, str], dict[Asking, Path]] = {}
        for name in names:
            found, which = NAME.fullmatch(name), asking(name)
            if found and which:
                self._paths.setdefault((found["kind"], found["end"]), {})[which] = folder / name
        self._tables = dict[int, list[Path]]()
        for which, path in sorted(self.tables.items()):
            self._tables.setdefault(which.unit, []).append(path)

    @property
    def tables(self) -> Mapping[Asking, Path]:
        """The tables of URLs."""
        return self._paths.get((UNIT, "parquet"), {})

    @property
    def units(self) -> Sequence[int]:
        """The numbers of the units, in order."""
        return list(self._tables)

    def of(self, unit: int) -> Sequence[Path]:
        """The tables of a unit, the earliest first; none of a unit that was not asked."""
        return self._tables.get(unit, ())

    def times(self, unit: int) -> Sequence[Path]:
        """The tables of when a unit's URLs were asked for, the earliest first."""
        found = self._paths.get((TIMES, "parquet"), {})
        return [path for which, path in sorted(found.items()) if which.unit == unit]

    def tar(self, image: Placed) -> Path:
        """Where an image's bytes are stored. Raises `RunError` where the crawl has no such file."""
        which = Asking(image.unit, image.chance)
        found = self._paths.get((UNIT, "tar"), {}).get(which)
        if found is None:
            raise RunError(f"{self.folder}: holds no tar of unit {which}, which pairs name; build again")
        return found

    def standing(self, unit: int, record: type[U]) -> list[U]:
        """What is known of each URL of a unit by now, in the unit's order."""
        return standing(self.of(unit), record)


def asked_of(crawl: Path) -> Asked:
    """The files of a crawl: those that its manifest names, or its receipts, or that lie there without any."""
    signed = manifest.load(crawl)
    if signed is None:
        receipts = manifest.read_receipts(
            [crawl / name for name in sorted(sizes(crawl)) if name.endswith(RECEIPT)]
        )
        named = [file.name for one in receipts if one is not None for file in one.files]
        return Asked(crawl, named or sizes(crawl))
    known = _asked.get(str(crawl))
    if known is None or known[0] is not signed:
        known = _asked[str(crawl)] = (signed, Asked(crawl, (file.name for file in signed.files)))
    return known[1]


_asked: dict[str, tuple[Manifest, Asked]] = {}  # by the crawl's path


def standing(tables: Iterable[Path], record: type[U]) -> list[U]:
    """How each URL of some tables, the earliest first, stands."""
    found: dict[str, U] = {}
    for path in tables:
        once = set[str]()
        for item in rows.read(path, record):
            if item.url in once:
                raise RunError(f"{path}: has {item.url} more than once; it was changed after it was written")
            once.add(item.url)
            before = found.get(item.url)
            if before is None or displaces(before, item):
                found[item.url] = item
    return list(found.values())


def everything(asked: Asked, record: type[U]) -> Iterator[tuple[int, U]]:
    """(unit, what is known of a URL) of all URLs of a crawl."""
    for unit in asked.units:
        for item in asked.standing(unit, record):
            yield unit, item
