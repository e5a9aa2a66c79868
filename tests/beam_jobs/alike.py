"""Whether two roots are one dataset."""

from pathlib import Path

from beam_jobs.stages.stages import STAGES
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.asked import asked_of


def bytes_of(crawl: Path) -> list[bytes]:
    """The tars and tables of a crawl, by unit."""
    asked = asked_of(crawl)
    paths = [*sorted(asked.tables.items()), *sorted(asked._paths["unit", "tar"].items())]
    return [path.read_bytes() for _, path in paths]


def same(root: Path, here: Path) -> None:
    """A root is what one of this machine is; of the crawl's tables that of times never is."""
    for stage in STAGES:
        found, wanted = manifest.load(root / stage), manifest.load(here / stage)
        assert found is not None, stage
        assert wanted is not None
        assert found.counts == wanted.counts
        if stage != "crawl":
            assert found.digest == wanted.digest, stage
        for file in found.files:
            assert manifest.reread(root / stage / file.name).sha256 == file.sha256
    assert bytes_of(root / "crawl") == bytes_of(here / "crawl")
