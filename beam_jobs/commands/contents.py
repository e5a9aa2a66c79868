"""What the files of a root hold: size, sum and rows of each, read here or by an engine.

Reading is all that takes long in `wit verify`: 16 TB of 400 million pairs are a day of one process. So it is
Work, whose units are some files each; what was found is looked up afterwards, stage by stage.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from beam_jobs.engine import build
from beam_jobs.engine.engine import Engine
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Folders, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.errors import WitError
from wit_pipeline.vocabulary.manifest import Counts, File, describe
from wit_pipeline.vocabulary.store import remove_folder, sizes_below

NAME = "verify"  # of its folder beside those of stages under way
BYTES, FILES = 1 << 30, 1000  # of a unit at most, but for a file that is larger
TABLE = ".parquet"
UNREADABLE = -1  # the rows of what should be a table

Read = Callable[[Path], File]  # what lies at a path, now or when all was read; an OSError where nothing does


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What a file held when it was read."""

    path: str  # below the root
    rows: int
    bytes: int
    sha256: str

    @property
    def file(self) -> File:
        return File(name=Path(self.path).name, rows=self.rows, bytes=self.bytes, sha256=self.sha256)


def read(path: Path) -> File:
    """What lies at `path`: its bytes are read, and of a table how many rows it says it has."""
    found = manifest.reread(path)
    if path.suffix != TABLE:
        return found
    try:
        with rows.opened(path) as table:
            return replace(found, rows=table.metadata.num_rows)
    except WitError:
        return replace(found, rows=UNREADABLE)


@contextmanager
def all_read(root: Path, engine: Engine) -> Iterator[Read]:
    """What every file of a root holds, each read now by the engine; a file that came since is read here.

    One that was cut short goes on where it stopped, unless a file has come, gone or changed its size since.
    """
    folders = Folders(root=root, stage=NAME)
    tops = sorted(path.name for path in root.iterdir() if path.name != ".work" and path.is_dir())
    units = {top: dealt(top, sizes_below(root / top)) for top in tops}
    every = [unit for top in tops for unit in units[top]]
    task = Task(folders=folders, recipe=Recipe(), plan=digest([NAME, [unit.covers for unit in every]]))
    list(build.do_units(WORK, task, engine, every))

    @lru_cache(1)  # files are asked for folder by folder
    def of_top(top: str) -> dict[str, File]:
        found = (held for unit in units[top] for held in rows.read(table_of(folders, unit), Held))
        return {held.path: held.file for held in found}

    def look(path: Path) -> File:
        below = path.relative_to(root)
        found = of_top(below.parts[0]).get(str(below)) if below.parts[0] in units else None
        return found if found is not None else read(path)

    try:
        yield look
    finally:
        remove_folder(folders.work)


def dealt(top: str, files: Mapping[str, int]) -> list[Unit]:
    """The files below one folder of a root, and their bytes, in units."""
    units: list[Unit] = []
    some: list[tuple[str, int]] = []
    size = 0
    for name, length in sorted(files.items()):
        if some and (len(some) == FILES or size + length > BYTES):
            units.append(Unit(name=f"{top}-{len(units):06d}", covers=tuple(some)))
            some, size = [], 0
        some.append((f"{top}/{name}", length))
        size += length
    return [*units, Unit(name=f"{top}-{len(units):06d}", covers=tuple(some))] if some else units


def table_of(folders: Folders, unit: Unit) -> Path:
    """Where it is written down what a unit's files held."""
    return folders.scratch / f"{unit.name}.parquet"


def read_unit(task: Task, unit: Unit) -> Done:
    """Read some files, and write down what they hold; one that has gone meanwhile is left out."""
    path = table_of(task.folders, unit)
    made = write_whole(path, Held, held_by(task.folders.root, [name for name, _ in unit.covers]))
    return Counts(), (describe(path, made),)


def held_by(root: Path, names: Sequence[str]) -> Iterator[Held]:
    """What some files below a root hold."""
    for name in names:
        try:
            found = read(root / name)
        except FileNotFoundError:
            continue
        yield Held(path=name, rows=found.rows, bytes=found.bytes, sha256=found.sha256)


def none_of_its_own(task: Task) -> Sequence[Unit]:
    """The units are those of a listing, which is made once."""
    return ()


WORK = Work(name="Read", units=none_of_its_own, do=read_unit, scratch=True)
