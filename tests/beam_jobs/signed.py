"""A stage's folder as if it had been built."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from wit_pipeline.frontier import QueryFetch
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest, describe
from wit_pipeline.vocabulary.records import Candidate, Pair, Reject


def sign_pairs(root: Path, stage: str, pairs: Sequence[Pair], parts: int) -> None:
    """Sign `pairs` as the output of a stage, dealt out to some parts, all of a URL to one."""
    places = {url: place for place, url in enumerate(dict.fromkeys(pair.candidate.url for pair in pairs))}
    dealt = [[pair for pair in pairs if places[pair.candidate.url] % parts == i] for i in range(parts)]
    folder = root / stage
    folder.mkdir(parents=True)
    paths = [folder / f"part-{number:05d}.parquet" for number in range(parts)]
    files = [describe(path, rows.write(path, Pair, dealt[i])) for i, path in enumerate(paths)]
    _sign(folder, stage, Counts(read=len(pairs), kept=len(pairs)), files)


def sign_candidates(root: Path, candidates: Sequence[Candidate], parts: int) -> None:
    """Sign `candidates` as the output of extract, dealt out to some parts in turn."""
    folder = root / "extract"
    folder.mkdir(parents=True)
    dealt = [candidates[i::parts] for i in range(parts)]
    paths = [folder / f"part-{number:05d}.parquet" for number in range(parts)]
    files = [describe(path, rows.write(path, Candidate, dealt[i])) for i, path in enumerate(paths)]
    _sign(folder, "extract", Counts(read=len(candidates), kept=len(candidates)), files)


def sign_fetches(root: Path, fetches: Sequence[QueryFetch]) -> None:
    """Sign a frontier that has nothing but its counts."""
    path = root / "frontier" / "counts.parquet"
    path.parent.mkdir(parents=True)
    file = describe(path, rows.write(path, QueryFetch, fetches))
    _sign(path.parent, "frontier", Counts(), [file])


def sign_files(root: Path, stage: str, records: int, recipe: Mapping[str, Any] | None = None) -> None:
    """Sign the files that lie in a stage's folder, with as many records as are said to be in its parts."""
    paths = sorted((root / stage).iterdir())
    counts = Counts(read=records, kept=records)
    _sign(root / stage, stage, counts, [describe(path, _rows_in(path)) for path in paths], recipe)


def _rows_in(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else 0


def sign_rejects(root: Path, stage: str, rejects: Sequence[Reject]) -> None:
    """Have a stage say of some records why it dropped them; its parts, where it has any, stay."""
    folder = root / stage
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rejects-00000.parquet"
    file = describe(path, rows.write(path, Reject, rejects))
    before = manifest.load(folder)
    _sign(folder, stage, before.counts if before else Counts(), [*(before.files if before else ()), file])


def sign_counts(root: Path, stage: str, counts: Counts) -> None:
    """Sign a stage that has nothing but counts."""
    (root / stage).mkdir(parents=True)
    _sign(root / stage, stage, counts, ())


def _sign(
    folder: Path,
    stage: str,
    counts: Counts,
    files: Sequence[File],
    recipe: Mapping[str, Any] | None = None,
) -> None:
    made = Manifest(
        stage=stage,
        plan="",
        inputs={},
        recipe=recipe or {},
        counts=counts,
        files=tuple(files),
        started="",
        finished="",
    )
    manifest.sign(folder, made)
