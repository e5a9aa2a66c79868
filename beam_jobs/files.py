"""Outside files through Beam's file systems: local, gs:// with the gcp extra, s3:// with aws."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from apache_beam.io import filesystems
from apache_beam.io.filesystem import BeamIOError, CompressionTypes, MatchResult
from apache_beam.options.pipeline_options import PipelineOptions

from wit_pipeline.chance import digest
from wit_pipeline.errors import UserError
from wit_pipeline.extras import needs_store


class FileSystems(filesystems.FileSystems):
    """Beam's, which die of a store whose client is not installed, or say to install what is not ours."""

    @staticmethod
    def match(patterns: list[str], limits: list[int] | None = None) -> list[MatchResult]:
        for pattern in patterns:
            needs_store(pattern)
        return filesystems.FileSystems.match(patterns, limits)


filesystems.FileSystems.set_options(PipelineOptions([]))  # without any, Beam can name no s3:// file


def use(options: PipelineOptions) -> None:
    """Open files as Beam's flags say from now on, such as --s3_endpoint_url."""
    filesystems.FileSystems.set_options(options)


def match(patterns: Iterable[str], where: str) -> dict[str, str]:
    """The files that globs match, each with what tells one version of it from another, sorted by path.

    A `UserError` says which pattern of the recipe's `where` matches nothing.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        try:
            matched = FileSystems.match([pattern])[0].metadata_list
        except (BeamIOError, ValueError) as error:
            raise UserError(f"{where}: {pattern}: {_reason(error)}") from None
        files = [item for item in matched if not (item.path.endswith("/") or Path(item.path).is_dir())]
        if not files:
            raise UserError(f"{where}: no file matches {pattern!r}")
        for item in files:
            found[item.path] = f"{item.size_in_bytes} bytes, modified {item.last_updated_in_seconds:.3f}"
    return dict(sorted(found.items()))


def size_of(path: str) -> int:
    """The bytes of a file that `match` found."""
    return int(FileSystems.match([path])[0].metadata_list[0].size_in_bytes)


def _reason(error: Exception) -> str:
    causes = getattr(error, "exception_details", None) or {}
    return "; ".join(str(cause) for cause in cast(Mapping[str, object], causes).values()) or str(error)


def version(paths: Iterable[Path]) -> str:
    """What tells one state of some local files from another: how many, and a digest of sizes and times."""
    stats = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in paths]
    return f"{len(stats)} files, {digest(stats)}"


def open_input(path: str) -> BinaryIO:
    """A file's bytes as they are, seekable; the reader finds out about compression itself."""
    return FileSystems.open(path, "application/octet-stream", CompressionTypes.UNCOMPRESSED)
