"""The whole extract job through Beam: candidates a second of CPU, and how much of it is ours.

    python -m benchmarks.extract_job [--rows 300000] [--rounds 3] [--languages en,de,fr,zh,ja]

A Parquet list of the sample data's captions, each under an address of its own, against 500,000 queries (the
stand-in list of `benchmarks.matching`), by `wit extract` with one worker in this process. "Rules" is the CPU
time within the units of work: reading, cleaning, judging, matching, writing. The rest is Beam's graph, the
receipts and the manifest. With `--languages` it is run in turn with one list and with as many that each have
all of the queries, so that the language of every caption is asked for; the ratio is of CPU a record.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.engine import build
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Task, Unit, Work
from beam_jobs.stages import extract
from benchmarks.clock import cpu, say
from benchmarks.matching import captions, stand_in
from queries import store
from wit_pipeline.extract import ExtractConfig
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.manifest import Counts, Manifest
from wit_pipeline.vocabulary.records import Kind, Query


def sign_queries(root: Path, texts: list[str], languages: Sequence[str] = ("en",)) -> None:
    """A signed list of queries in each language."""
    folder = root / "queries"
    folder.mkdir(parents=True)
    store.write(
        folder / "queries.parquet",
        [
            Query(query_id=i, query=text, kind=Kind.WORD, language=language)
            for i, (language, text) in enumerate(product(languages, texts))
        ],
    )
    made = Manifest(
        stage="queries",
        plan="",
        inputs={},
        recipe={},
        counts=Counts(read=1, kept=1),
        files=(),
        started="",
        finished="",
    )
    manifest.sign(folder, made)


def write_list(path: Path, rows: int) -> None:
    """Captions in turn, each with an address."""
    texts = captions()
    urls = [f"https://host{i % 5000}.example.org/images/{i:08d}.jpg" for i in range(rows)]
    table = pa.table({"URL": urls, "TEXT": [texts[i % len(texts)] for i in range(rows)]})
    pq.write_table(table, path, row_group_size=25_000)


def watched(note: Path) -> build.Stage:
    """The stage, whose units note their CPU time in a file: Beam copies functions, and with them any list."""
    (step,) = extract.STAGE.steps
    assert isinstance(step, Work)

    def do(task: Task, unit: Unit) -> Done:
        start = cpu()
        done = extract.do(task, unit)
        with note.open("a") as file:
            file.write(f"{cpu() - start}\n")
        return done

    return replace(extract.STAGE, steps=(replace(step, do=do),))


def run(
    recipe: Recipe, queries: list[str], languages: Sequence[str] = ("en",)
) -> tuple[float, float, Manifest]:
    """CPU seconds of the whole job and of its units, and what it signed."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sign_queries(root, queries, languages)
        note = root / "seconds.txt"
        stage = watched(note)
        start = cpu()
        made = build.run_stage(stage, recipe, root, Engine(workers=Workers(1, ())))
        return cpu() - start, sum(map(float, note.read_text().split())), made


def compare(recipe: Recipe, queries: list[str], languages: Sequence[str], rounds: int) -> None:
    """CPU of several lists as a multiple of that of one, in turn."""
    ratios, shares = [], []
    for _ in range(rounds):
        (one, own, _), (several, of_them, _) = run(recipe, queries), run(recipe, queries, languages)
        ratios.append(several / one)
        shares.append(of_them / own)
    for name, figures in (("whole job", ratios), ("our rules", shares)):
        say(
            f"{len(languages)} lists, CPU of one, {name}: {statistics.median(figures):.2f} "
            f"({min(figures):.2f} to {max(figures):.2f})"
        )


def main(argv: list[str] | None = None) -> int:
    """Run the measurement; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--languages", default="", help="of as many lists, with commas between")
    parser.add_argument("--profile", action="store_true", help="one more round, and where its time went")
    arguments = parser.parse_args(argv)
    queries = stand_in()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.parquet"
        write_list(path, arguments.rows)
        source = ListSource(path=(str(path),), url="URL", text="TEXT")
        recipe = Recipe(extract=ExtractConfig(sources=(source,)))
        run(recipe, queries)  # compile
        rounds = [run(recipe, queries) for _ in range(arguments.rounds)]
        say(f"{rounds[0][2].counts}")
        for name, figures in (
            ("records/s of CPU", [arguments.rows / whole for whole, _, _ in rounds]),
            ("share of the CPU time in our rules, %", [100 * own / whole for whole, own, _ in rounds]),
        ):
            say(f"{name}: {statistics.median(figures):,.1f} ({min(figures):,.1f} to {max(figures):,.1f})")
        if arguments.languages:
            compare(recipe, queries, arguments.languages.split(","), arguments.rounds)
        if arguments.profile:
            profile = cProfile.Profile()
            profile.runcall(run, recipe, queries)
            pstats.Stats(profile, stream=sys.stdout).sort_stats("tottime").print_stats(35)
    return 0


if __name__ == "__main__":
    sys.exit(main())
