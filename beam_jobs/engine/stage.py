"""What a stage is: what it reads, and the steps that lead from there to a signed folder.

A step is one of two shapes, and that is all that Beam is asked for:

    Work      a fused map over units of work; each unit writes its own files and then its receipt.
              Nothing but the unit's name crosses the graph, and any number of processes may share it.
    Shuffle   a graph over thin keys that ends in tables, read by the steps after it. It names no file: it is
              of one size, however many files it reads, and whoever runs a piece of it looks them up.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, overload

import apache_beam as beam

from beam_jobs.engine.recipe import Recipe
from wit_pipeline.vocabulary import machine, manifest
from wit_pipeline.vocabulary.asked import RECEIPT, Asked, asked_of
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest, Receipt
from wit_pipeline.vocabulary.store import in_store, remove_folder

NOTE = "plan.json"  # in a stage's work folder: what it is under way to


@dataclass(frozen=True, kw_only=True, slots=True)
class Folders:
    """Where one stage of one build reads and writes."""

    root: Path
    stage: str
    in_place: bool = False

    @property
    def home(self) -> Path:
        """The stage's folder: whole, signed, or absent (`crawl` grows in place, unit by unit)."""
        return self.root / self.stage

    @property
    def work(self) -> Path:
        """What a kill leaves behind and a rerun goes on from."""
        return self.root / ".work" / self.stage

    @property
    def at_home(self) -> bool:
        """Whether it is written where it is read: the crawl, and all of a store, which renames nothing."""
        return self.in_place or in_store(self.root) is not None

    @property
    def out(self) -> Path:
        """The files of the stage to be; renamed to `home` when whole."""
        return self.home if self.at_home else self.work / "out"

    @property
    def receipts(self) -> Path:
        """Receipts of its units: beside the files, but in a store only those that outlive the plan."""
        return self.work / "receipts" if self.at_home and not self.in_place else self.out

    @property
    def own(self) -> Path:
        """What this machine alone needs while the stage is made: clocks and locks, which no store has."""
        return machine.of_root(self.root, self.stage)

    @property
    def before(self) -> Path:
        """Where the folder that another takes the place of waits; after a kill, maybe instead of `home`.

        In a store it has no more than the manifest: the files stay where they are.
        """
        return self.root / ".work" / f"{self.stage}.old"

    @property
    def scratch(self) -> Path:
        """Tables between two steps of the stage."""
        return self.work / "scratch"

    def reads(self, stage: str) -> Path:
        return self.root / stage

    def files(self, stage: str, prefix: str, suffix: str = "") -> list[Path]:
        """The files of one kind that an earlier stage signed: by its manifest, never by a glob."""
        return list(Parts(folders=self, stage=stage, prefix=prefix, suffix=suffix))

    def signed(self, stage: str) -> Manifest:
        """The manifest of an earlier stage."""
        found = manifest.load(self.reads(stage))
        if found is None:
            raise RunError(f"{self.reads(stage)}: is not signed; run `wit {stage}` first")
        return found

    def asked(self) -> Asked:
        """The files of the signed crawl, by unit and chance."""
        self.signed("crawl")
        return asked_of(self.reads("crawl"))

    def clear(self) -> None:
        """Drop all that an attempt left, units that are whole too."""
        remove_folder(self.work)
        remove_folder(self.own)
        if self.at_home:
            (self.home / manifest.MANIFEST).unlink(missing_ok=True)  # first: half a folder is not signed
        if self.in_place:  # others are swept when they are signed: steps may look at what was there
            remove_folder(self.home)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts(Sequence[Path]):
    """The files of one kind that an earlier stage signed, in order of name, however many there are.

    It is looked up in the manifest by whoever asks: what is sent to a worker is these few words.
    """

    folders: Folders
    stage: str
    prefix: str = "part-"
    suffix: str = ""
    at: Path | None = None  # another folder, with files of the same names

    def __len__(self) -> int:
        return len(self._files())

    @overload
    def __getitem__(self, place: int) -> Path: ...
    @overload
    def __getitem__(self, place: slice) -> list[Path]: ...
    def __getitem__(self, place: int | slice) -> Path | list[Path]:
        folder = self.at if self.at is not None else self.folders.reads(self.stage)
        if isinstance(place, int):
            return folder / self._files()[place].name
        return [folder / file.name for file in self._files()[place]]

    def __iter__(self) -> Iterator[Path]:
        return iter(self[:])

    def _files(self) -> Sequence[File]:
        signed = self.folders.signed(self.stage)
        return manifest.once(self.folders.reads(self.stage), signed, Manifest.named, self.prefix, self.suffix)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leave:
    """What a build may do beyond its recipe's word, as whoever called it said."""

    refetch: bool = False  # what was fetched may be asked for again, where pictures would be others
    again: bool = False  # what a signed crawl has no final answer for may be asked again
    reshard: bool = False  # shards of several rounds are to become those of one
    matches: str = ""  # the file of this machine that is told what block lists have found; "" for none


NO_LEAVE = Leave()


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Which pass of a shuffle it is, and so which share of the keys is looked at."""

    number: int = 0
    of: int = 1

    def has(self, value: int) -> bool:
        """Whether a key is among them, by a number that depends on nothing but the key."""
        return value % self.of == self.number


ONLY = Turn()


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """All that a unit of work may see."""

    folders: Folders
    recipe: Recipe
    plan: str = ""  # digest of all that decides the stage's content
    leave: Leave = NO_LEAVE
    turn: Turn = ONLY  # of a shuffle
    processes: int = 1  # that may be asking servers at once and share no folder of a machine


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """A unit of work: its name, which is also in the names of its files, and what it covers."""

    name: str
    covers: Any = None
    lane: str = ""  # units of one lane run one after the other, never at once; "" is no lane
    records: int = 0  # that it is expected to go through, where that is known: what the display counts to


Done = tuple[Counts, tuple[File, ...]]


def is_finished(task: Task) -> bool:
    """There is no more to be done of a stage that is signed."""
    return False


def nothing_more(task: Task, unit: Unit) -> None:
    """Most units leave nothing behind."""


def plan_of_stage(task: Task, unit: Unit) -> str:
    """The plan of a unit that is made anew with its stage."""
    return task.plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a step asks of workers elsewhere beyond what any has; who cannot give it takes no notice."""

    ram_gb: int = 0  # of one process
    disk_gb: int = 0  # of one machine


NOTHING_MORE = Needs()


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A map over units. `do` writes the unit's files and returns what it counted and wrote."""

    name: str
    units: Callable[[Task], Sequence[Unit]]
    do: Callable[[Task, Unit], Done]
    scratch: bool = False  # the files are for the next step, not for the signed folder
    repeats: bool = False  # `units` is asked for more when those it gave are done, until it gives none
    # The digest of all that decides a unit's content: that of the stage, unless its units outlive it.
    plan: Callable[[Task, Unit], str] = plan_of_stage
    needs: Needs = NOTHING_MORE
    # What is left to do once a unit's receipt stands; a kill may come before it.
    after: Callable[[Task, Unit], None] = nothing_more

    def folder(self, folders: Folders) -> Path:
        """Where the units' files go."""
        return folders.scratch if self.scratch else folders.out

    def receipt(self, folders: Folders, unit: Unit) -> Path:
        """Where a unit's receipt goes."""
        return (folders.scratch if self.scratch else folders.receipts) / f"{unit.name}{RECEIPT}"


def few(task: Task) -> int:
    """A shuffle of no more keys than memory has room for, whatever the size of the data."""
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shuffle:
    """A graph over thin keys, run as one pipeline; what it writes goes to `folders.scratch`.

    With `keys` it is a pipeline for each share of them, where the engine holds them in memory (`passes`): the
    graph then looks at those of `task.turn` alone.
    """

    name: str
    build: Callable[[beam.Pipeline, Task], None]
    keys: Callable[[Task], int] = few  # that it moves, as far as manifests tell
    needs: Needs = NOTHING_MORE


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One word, one folder, one row of the STAGES table."""

    name: str
    about: str  # one line of help
    reads: tuple[str, ...] = ()  # earlier stages
    accounts: str = ""  # the one of them whose kept records this one reads, each exactly once
    steps: tuple[Work | Shuffle, ...]
    inputs: Callable[[Recipe], Mapping[str, str]] = lambda recipe: {}  # outside files -> what they are
    also: tuple[str, ...] = ()  # recipe sections of other stages that decide what this one writes
    # Indexes and reports over the whole folder, from the files that the units wrote; returns its own.
    finish: Callable[[Task, Sequence[File]], tuple[File, ...]] = lambda task, files: ()
    # What became of the records that the stage read, once `finish` is done: the sum over its units.
    counts: Callable[[Task, Sequence[Receipt]], Counts] = lambda task, receipts: summed(receipts)
    in_place: bool = False  # whole units stand in the folder before the stage is signed
    # Whether nothing is lost with the folder of a stage that keeps none of what it read.
    is_void: Callable[[Task], bool] = lambda task: True
    is_unfinished: Callable[[Task], bool] = is_finished  # whether there is work although it is signed
    # In words, what a stage that is to be made has and will ask for; None: what it read and kept so far.
    foretell: Callable[[Task], str] | None = None
    # What may refuse: before all stages, by the recipe alone; and before the stage's own work.
    check: Callable[[Task], None] = lambda task: None
    settle: Callable[[Task], None] = lambda task: None
    # What stands there and is gone on with, by its digest; "" where all is made from nothing.
    onto: Callable[[Task], str] = lambda task: ""

    def folders(self, root: Path) -> Folders:
        return Folders(root=root, stage=self.name, in_place=self.in_place)


def summed(receipts: Sequence[Receipt]) -> Counts:
    """The counts of some units together."""
    return sum((receipt.counts for receipt in receipts), Counts())


def each_part(stage: str) -> Callable[[Task], Sequence[Unit]]:
    """The units of a Work that goes through the parts of an earlier stage, one by one."""
    return partial(_each_part, stage)


def _each_part(stage: str, task: Task) -> Sequence[Unit]:
    return [unit_of(path) for path in Parts(folders=task.folders, stage=stage)]


def unit_of(part: Path) -> Unit:
    """The unit of work that goes through a part of an earlier stage."""
    return Unit(name=part.stem.removeprefix("part-"), covers=part)


def upstream(stage: Stage, root: Path) -> dict[str, Manifest]:
    """The manifests of the stages that this one reads; a `UserError` names one that is not signed."""
    found = {}
    for name in stage.reads:
        signed = manifest.load(root / name)
        if signed is None:
            raise UserError(
                f"{stage.name}: needs {name}, which is not signed in {root}; run `wit {name}` first"
            )
        found[name] = signed
    return found
