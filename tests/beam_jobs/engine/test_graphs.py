"""What is sent to an engine: of one size, however many files there are, and small enough for any of them."""

import tracemalloc
from pathlib import Path

import apache_beam as beam
import pytest

from beam_jobs.engine import graphs
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Folders, Shuffle, Task, Unit, Work
from beam_jobs.stages.stages import STAGES
from wit_pipeline.balance import BalanceConfig
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest

PAIRS = 400_000_000
MOST = 500_000  # bytes of a graph: Dataflow takes 10 MB
LAUNCHER = 30_000_000  # bytes that are held to make one: 21 MB of them are of dedup's twelve bands
GROWTH = 4_000_000  # of them more where there are many files
STEPS = [
    (stage, step, mode)
    for stage in STAGES.values()
    for step in stage.steps
    if isinstance(step, Shuffle)
    for mode in (("expected", "exact") if stage.name == "balance" else ("expected",))
]


def signed(root: Path, parts: int) -> Path:
    """A root of so many parts a stage, of which none is there."""
    files = tuple(
        File(name=f"part-{number:06d}.parquet", rows=PAIRS // parts, bytes=1, sha256="0" * 64)
        for number in range(parts)
    )
    for stage in ("extract", "filter", "dedup"):
        (root / stage).mkdir(parents=True)
        counts = Counts(read=PAIRS, kept=PAIRS)
        made = Manifest(
            stage=stage, plan="", inputs={}, recipe={}, counts=counts, files=files, started="", finished=""
        )
        manifest.sign(root / stage, made)
        assert manifest.load(root / stage) is not None  # from here on it is known
    return root


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed(tmp_path_factory.mktemp("many"), 100_000)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed(tmp_path_factory.mktemp("few_"), 2000)


@pytest.mark.parametrize(
    ("stage", "step", "mode"), STEPS, ids=[f"{stage.name}-{step.name}-{mode}" for stage, step, mode in STEPS]
)
def test_no_graph_grows_with_the_files_that_it_reads(
    stage: object, step: Shuffle, mode: str, many: Path, few: Path
) -> None:
    def graph(root: Path) -> tuple[int, int]:
        """Its size in bytes, and the most that was held to make it."""
        recipe = Recipe(balance=BalanceConfig(mode=mode))  # type: ignore[arg-type]
        task = Task(folders=STAGES[getattr(stage, "name", "")].folders(root), recipe=recipe)
        tracemalloc.start()
        try:
            pipeline = beam.Pipeline()
            step.build(pipeline, task)
            size = len(pipeline.to_runner_api().SerializeToString())
            return size, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    graph(few)  # what is imported at first use is no matter
    (size, held), (small, held_of_few) = graph(many), graph(few)
    assert size < MOST
    assert abs(size - small) < 1000
    assert held < LAUNCHER
    assert held - held_of_few < GROWTH


def test_no_graph_grows_with_its_units(tmp_path: Path) -> None:
    """Those that Work is shared out in are in a file, which whoever runs the graph reads."""
    step = Work(name="Step", units=lambda task: (), do=lambda task, unit: (Counts(), ()))

    def graph(count: int) -> tuple[int, int]:
        folders = Folders(root=tmp_path / str(count), stage="crawl", in_place=True)
        folders.work.mkdir(parents=True)
        task = Task(folders=folders, recipe=Recipe())
        home = folders.home
        units = [Unit(name=f"unit-{n:06d}", covers=home / f"{n}", lane=str(n % 100)) for n in range(count)]
        tracemalloc.start()
        try:
            pipeline = beam.Pipeline()
            graphs.work(pipeline, step, task, graphs.list_units(step, task, units))
            return len(pipeline.to_runner_api().SerializeToString()), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    graph(10)
    (many, held), (few, _) = graph(100_000), graph(100)
    assert many < MOST
    assert abs(many - few) < 1000
    assert held < LAUNCHER
