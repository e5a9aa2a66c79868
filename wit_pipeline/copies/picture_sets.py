"""Evaluation sets as people have them: folders of images, and tar (WebDataset), zip or Parquet of them.

Of every format that Pillow reads (`any_format`); what else lies there is counted, by how its name ends.
An image's name is its path below the folder; in an archive that is itself the set, the member's name; in an
archive that is one of several, the archive's name and the member's.
"""

import json
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wit_pipeline.copies import any_format
from wit_pipeline.vocabulary.command import no_uri
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.found import each_once, meant
from wit_pipeline.vocabulary.store import files_below, source
from wit_pipeline.vocabulary.store import place as place_of

TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
ARCHIVES = (*TARS, ".zip", ".parquet")
COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes")  # where a Parquet's images may stand
PRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")  # to know what is in them is to read all of it
ARCHIVED = "tar, zip or Parquet"
SHOWN = 5  # kinds of what is not read
BROKEN = (OSError, tarfile.TarError, zipfile.BadZipFile, pa.ArrowException, EOFError, ValueError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Where an image of a set lies."""

    name: str  # within the set, "/" between folders; the set's other images have other names
    path: Path  # the image, or the archive that holds it
    member: str = ""  # its name in a tar or zip; its row in a Parquet; "" of a file


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What of a set is read, by names alone, and what is not."""

    images: int
    others: Mapping[str, int]  # files and members that are no images, by how their names end
    unopened: int  # archives that are too dear to look into twice

    def told(self) -> str:
        """In words; "" where all of it is read."""
        count = f"{self.images:,} images" + (f" beside {self.unopened:,} archives" if self.unopened else "")
        most = sorted(self.others.items(), key=lambda item: (-item[1], item[0]))
        shown = [f"{number:,} {ending or 'without an ending'}" for ending, number in most[:SHOWN]]
        more = sum(number for _, number in most[SHOWN:])
        shown += [f"{more:,} others"] if more else []
        return f"{count}; not read: {', '.join(shown)}" if shown else ""


def survey(what: str, place: Path) -> Survey:
    """What of a set is read and what is not; a `UserError` where nothing is. `what` names it in messages."""
    others, images, unopened = Counter[str](), 0, 0
    for file in _holders(what, place, others):
        if _is(file.path, PRESSED):
            unopened += 1
        else:
            images += len(file.pictures(what, others))
    if not images and not unopened:
        raise _empty(what, place, others)
    return Survey(images=images, others=others, unopened=unopened)


def _empty(what: str, place: Path, others: Mapping[str, int]) -> UserError:
    told = Survey(images=0, others=others, unopened=0).told().partition("; ")[2] or "nothing else lies there"
    return UserError(f"{what}: no image lies in {place} that Pillow reads, alone or in {ARCHIVED}; {told}")


def pictures(what: str, place: Path) -> list[Picture]:
    """All images of a set, a file's or an archive's after another's, sorted; a `UserError` where none is.

    `what` names the set in messages.
    """
    others = Counter[str]()
    found = [item for file in _holders(what, place, others) for item in file.pictures(what, others)]
    if not found:
        raise _empty(what, place, others)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A file of a set: an image, or an archive of them."""

    path: Path
    below: str  # before the names of its members, or the image's own name; "" of an archive that is the set

    @property
    def is_archive(self) -> bool:
        return _is(self.path, ARCHIVES)

    def pictures(self, what: str, others: Counter[str] | None = None) -> list[Picture]:
        """The image, or the archive's; `others` gain what else is in it. A `UserError` if it is damaged."""
        if not self.is_archive:
            return [Picture(name=self.below, path=self.path)]
        return _members(what, self.path, self.below, Counter() if others is None else others)


def holders(what: str, place: Path) -> tuple[list[Holder], Survey]:
    """The files of a set, none of which is looked into, and what lies beside them.

    A `UserError` where there is none.
    """
    others = Counter[str]()
    found = _holders(what, place, others)
    if not found:
        raise _empty(what, place, others)
    archives = sum(item.is_archive for item in found)
    return found, Survey(images=len(found) - archives, others=others, unopened=archives)


def _holders(what: str, place: Path, others: Counter[str]) -> list[Holder]:
    return [
        Holder(path=path, below="" if path == place else below) for path, below in _files(what, place, others)
    ]


def files_of(what: str, place: Path) -> list[Path]:
    """The files that hold a set: what tells one version of it from another."""
    return [path for path, _ in _files(what, place, Counter())]


def _files(what: str, place: Path, others: Counter[str]) -> list[tuple[Path, str]]:
    """The same, each with its name below the folder, or what is no pattern; the rest is counted."""
    if place.is_dir():
        named = [(path, path.relative_to(place).as_posix()) for path in files_below(place)]
        return _read_of(named, others)
    if place.is_file():
        if not _is(place, ARCHIVES):
            raise UserError(f"{what}: {place} is no folder and no archive ({', '.join(ARCHIVES)})")
        return [(place, place.name)]
    found = each_once(meant(str(place), what))
    if not found:
        raise UserError(f"{what}: {place} is not there; wants a folder, an archive or a pattern of archives")
    return _read_of([(place_of(item.path), item.name) for item in found], others)


def _read_of(named: Iterable[tuple[Path, str]], others: Counter[str]) -> list[tuple[Path, str]]:
    """The images and archives among some files; `others` gain the rest."""
    kept = []
    for path, name in named:
        if _is_image(name) or _is(path, ARCHIVES):
            kept.append((path, name))
        else:
            _count(name, others)
    return kept


def _is(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings) and not path.name.startswith("._")  # macOS's shadow of a file


def _is_image(name: str) -> bool:
    plain = PurePosixPath(name)
    return plain.suffix.lower() in any_format.endings() and not plain.name.startswith("._")


def _count(name: str, others: Counter[str]) -> None:
    """Add what is not read to its kind, unless it is what systems leave in folders unseen."""
    plain = PurePosixPath(name)
    if not plain.name.startswith(".") and plain.name != "Thumbs.db":
        others[plain.suffix.lower()] += 1


def _images_of(names: Iterable[str], others: Counter[str]) -> list[tuple[str, str]]:
    """The members of an archive that are images, each with its name; `others` gain the rest."""
    kept = []
    for name in names:
        if _is_image(name):
            kept.append((name, name))
        else:
            _count(name, others)
    return kept


def _members(what: str, path: Path, below: str, others: Counter[str]) -> list[Picture]:
    try:
        if _is(path, (".parquet",)):
            names = _parquet_names(path)
            if names is None and not below:
                wanted = ", ".join(COLUMNS)
                raise UserError(f"{what}: {path} has no column of images; wants bytes in one of {wanted}")
            if names is None:
                _count(path.name, others)
        elif _is(path, (".zip",)):
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                names = _images_of((item for item in archive.namelist() if not item.endswith("/")), others)
        else:
            with path.open("rb") as file, tarfile.open(fileobj=file) as tar:
                names = _images_of((item.name for item in tar if item.isfile()), others)
                if not _is(path, PRESSED):  # which say themselves where they end
                    _check_end(tar)
    except BROKEN as error:
        raise UserError(f"{what}: {path} cannot be read: {error}") from None
    prefix = f"{below}/" if below else ""
    unique = dict(names or ())  # of a name that is there twice the last one counts, as in unpacking
    return [
        Picture(name=f"{prefix}{_clean(name)}", path=path, member=member) for name, member in unique.items()
    ]


def _check_end(tar: tarfile.TarFile) -> None:
    """A tar that ends within a header is damaged, though `tarfile` takes it for whole."""
    assert tar.fileobj is not None, "it is open"
    tar.fileobj.seek(tar.offset)
    if 0 < len(tar.fileobj.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("unexpected end of data")


def _clean(name: str) -> str:
    return str(PurePosixPath(name)).removeprefix("/")


def _parquet_names(path: Path) -> list[tuple[str, str]] | None:
    """(name, row) of each image of a table: Hugging Face's structs have paths, plain bytes have numbers.

    None where it has no images, as a table about the images beside it.
    """
    path = no_uri(path)
    with pq.ParquetFile(source(path)) as file:
        column = _image_column(file.schema_arrow)
        if column is None:
            return None
        if pa.types.is_struct(column.type) and "path" in {field.name for field in column.type}:
            given = (
                pq.read_table(source(path), columns=[f"{column.name}.path"]).flatten().column(0).to_pylist()
            )
        elif (path_column := column.name.removesuffix("bytes") + "path") in file.schema_arrow.names:
            given = file.read(columns=[path_column]).column(0).to_pylist()
        else:
            given = [None] * file.metadata.num_rows
    named = len({item for item in given if item}) == len(given)  # else rows are what tells them apart
    return [(item if named else f"{row:09d}", str(row)) for row, item in enumerate(given)]


def _image_column(schema: pa.Schema) -> pa.Field | None:
    """The column of images: by its name, or the first that Hugging Face's `datasets` calls Image."""
    named = [*COLUMNS, *(f"{name}.bytes" for name in COLUMNS), *_features(schema)]
    found = (schema.field(name) for name in named if name in schema.names)
    return next((field for field in found if _holds_bytes(field.type)), None)


def _features(schema: pa.Schema) -> list[str]:
    """The columns that a table's own metadata call images."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"].items()
        return [name for name, kind in features if kind.get("_type") == "Image"]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def read(found: Sequence[Picture]) -> Iterator[tuple[Picture, bytes]]:
    """Each image's bytes; an archive is opened once, its images come in its own order."""
    by_path: dict[Path, list[Picture]] = {}
    for item in found:
        by_path.setdefault(item.path, []).append(item)
    for path, items in by_path.items():
        wanted = {item.member: item for item in items}
        if "" in wanted:
            yield items[0], path.read_bytes()
        else:
            for member, content in _contents(path, wanted):
                yield wanted[member], content


def _contents(path: Path, wanted: Container[str]) -> Iterator[tuple[str, bytes]]:
    if _is(path, (".parquet",)):
        yield from _parquet_contents(path, wanted)
    elif _is(path, (".zip",)):
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            for name in dict.fromkeys(archive.namelist()):
                if name in wanted:
                    yield name, _unzipped(archive, name)
    else:
        with path.open("rb") as file, tarfile.open(fileobj=file) as tar:
            last = {item.name: item for item in tar if item.name in wanted}
            for name, item in last.items():
                content = tar.extractfile(item)
                assert content is not None, "only files are members"
                yield name, content.read()


def _unzipped(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's bytes; none, which is no image, where it is damaged or has a password."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
        return b""


def _parquet_contents(path: Path, wanted: Container[str]) -> Iterator[tuple[str, bytes]]:
    row = 0
    with pq.ParquetFile(source(no_uri(path))) as file:
        column = _image_column(file.schema_arrow)
        assert column is not None, "it was there when the rows were counted"
        for batch in file.iter_batches(batch_size=256, columns=[column.name]):
            for value in batch.column(0):
                if str(row) in wanted:
                    yield str(row), _bytes(value.as_py())
                row += 1


def _bytes(value: Any) -> bytes:
    content = value.get("bytes") if isinstance(value, dict) else value
    return content or b""
