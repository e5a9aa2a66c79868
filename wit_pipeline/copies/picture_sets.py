"""Evaluation sets as people have them: folders of images, and tar (WebDataset), zip or Parquet of them.

An image's name is its path below the folder; in an archive that is itself the set, the member's name; in an
archive that is one of several, the archive's name and the member's.
"""

import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.found import each_once, meant
from wit_pipeline.vocabulary.paths import no_uri
from wit_pipeline.vocabulary.store import files_below, source
from wit_pipeline.vocabulary.store import place as place_of

IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
ARCHIVES = (*TARS, ".zip", ".parquet")
COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes")  # where a Parquet's images may stand
BROKEN = (OSError, tarfile.TarError, zipfile.BadZipFile, pa.ArrowException, EOFError, ValueError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Where an image of a set lies."""

    name: str  # within the set, "/" between folders; the set's other images have other names
    path: Path  # the image, or the archive that holds it
    member: str = ""  # its name in a tar or zip; its row in a Parquet; "" of a file


def pictures(what: str, place: Path) -> list[Picture]:
    """All images of a set, a file's or an archive's after another's, sorted; a `UserError` where none is.

    `what` names the set in messages.
    """
    found = []
    for path, below in _files(what, place):
        if _is(path, ARCHIVES):
            found += _members(what, path, "" if path == place else below)
        else:
            found.append(Picture(name=below, path=path))
    if not found:
        raise UserError(f"{what}: no image lies in {place} ({', '.join((*IMAGES, *ARCHIVES))})")
    return found


def files_of(what: str, place: Path) -> list[Path]:
    """The files that hold a set: what tells one version of it from another."""
    return [path for path, _ in _files(what, place)]


def _files(what: str, place: Path) -> list[tuple[Path, str]]:
    """The same, each with its name below the set's folder, or below what is no pattern."""
    if place.is_dir():
        paths = [path for path in files_below(place) if _is(path, IMAGES + ARCHIVES)]
        return [(path, path.relative_to(place).as_posix()) for path in paths]
    if place.is_file():
        if not _is(place, ARCHIVES):
            raise UserError(f"{what}: {place} is no folder and no archive ({', '.join(ARCHIVES)})")
        return [(place, place.name)]
    found = each_once(meant(str(place), what))
    if not found:
        raise UserError(f"{what}: {place} is not there; wants a folder, an archive or a pattern of archives")
    named = ((place_of(item.path), item.name) for item in found)
    return [(path, name) for path, name in named if _is(path, IMAGES + ARCHIVES)]


def _is(path: Path, endings: tuple[str, ...]) -> bool:
    return path.name.lower().endswith(endings) and not path.name.startswith("._")  # macOS's shadow of a file


def _members(what: str, path: Path, below: str) -> list[Picture]:
    try:
        if _is(path, (".parquet",)):
            names = _parquet_names(path)
            if names is None and not below:
                wanted = ", ".join(COLUMNS)
                raise UserError(f"{what}: {path} has no column of images; wants bytes in one of {wanted}")
        elif _is(path, (".zip",)):
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                names = [(item, item) for item in archive.namelist() if _is(Path(item), IMAGES)]
        else:
            with path.open("rb") as file, tarfile.open(fileobj=file) as tar:
                names = [
                    (item.name, item.name) for item in tar if item.isfile() and _is(Path(item.name), IMAGES)
                ]
    except BROKEN as error:
        raise UserError(f"{what}: {path} cannot be read: {error}") from None
    prefix = f"{below}/" if below else ""
    unique = dict(names or ())  # of a name that is there twice the last one counts, as in unpacking
    return [
        Picture(name=f"{prefix}{_clean(name)}", path=path, member=member) for name, member in unique.items()
    ]


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
        else:
            given = [None] * file.metadata.num_rows
    named = len({item for item in given if item}) == len(given)  # else rows are what tells them apart
    return [(item if named else f"{row:09d}", str(row)) for row, item in enumerate(given)]


def _image_column(schema: pa.Schema) -> pa.Field | None:
    for name in COLUMNS:
        if name in schema.names:
            field = schema.field(name)
            kind = field.type.field("bytes").type if pa.types.is_struct(field.type) else field.type
            if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
                return field
    return None


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
