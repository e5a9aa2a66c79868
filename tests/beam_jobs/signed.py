"""A stage's folder as if it had been built."""

from collections.abc import Sequence
from pathlib import Path

from wit_pipeline import manifest, rows
from wit_pipeline.manifest import Counts, Manifest, describe
from wit_pipeline.records import Pair


def sign_pairs(root: Path, stage: str, pairs: Sequence[Pair], parts: int) -> None:
    """Sign `pairs` as the output of a stage, dealt out to some parts, all of a URL to one."""
    places = {url: place for place, url in enumerate(dict.fromkeys(pair.candidate.url for pair in pairs))}
    dealt = [[pair for pair in pairs if places[pair.candidate.url] % parts == i] for i in range(parts)]
    folder = root / stage
    folder.mkdir(parents=True)
    paths = [folder / f"part-{number:05d}.parquet" for number in range(parts)]
    files = [describe(path, rows.write(path, Pair, dealt[i])) for i, path in enumerate(paths)]
    made = Manifest(
        stage=stage,
        plan="",
        inputs={},
        recipe={},
        counts=Counts(read=len(pairs), kept=len(pairs)),
        files=tuple(files),
        started="",
        finished="",
    )
    manifest.sign(folder, made)
