"""`make demo`: a small world, a dataset from its web, a CLIP trained on that, and truth against outcome."""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from beam_jobs.demo import truth
from beam_jobs.demo.server import Server
from beam_jobs.demo.truth import Line
from beam_jobs.demo.world import EVALUATION_SET, World, make_world
from wit_pipeline.vocabulary.errors import UserError, WitError

RECIPE = Path(__file__).parent.parent / "recipes" / "tiny.toml"
IMAGES = 3600  # sound pictures; a quarter as many troubled ones come on top
SMALLEST = 200  # sound pictures: in a smaller world no query has a surplus
A_QUERY = 90  # of so many pictures a query may contribute one, and then RARE more ...
RARE = 6  # ... so that the balance drops much, and nothing with a rare word
OURS = "world/truth.json"  # a folder that holds it was made here, and may be made anew

T = TypeVar("T")


class Failed(WitError):
    """A command ended with an error, and has said why."""

    def __init__(self, code: int) -> None:
        super().__init__("")
        self.exit_code = code


class Phases:
    """Runs one phase after another, and remembers how long each took."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    def run(self, name: str, work: Callable[[], T]) -> T:
        """The result of `work`, under a heading."""
        self.console.rule(f"[bold]{name}", align="left")
        began = time.monotonic()
        try:
            return work()
        finally:
            self.seconds[name] = time.monotonic() - began

    def command(self, name: str, *arguments: str | Path) -> None:
        """Run one of our commands, on this terminal; its error is the demo's."""
        line = [sys.executable, "-m", *map(str, arguments)]
        code = self.run(name, lambda: subprocess.run(line, check=False).returncode)
        if code:
            raise Failed(max(code, 1))  # below 0: a signal ended it


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 all as planted, 1 not so, 2 the input is wrong."""
    options = parser().parse_args(arguments)
    console = Console()
    try:
        lines = demo(options, Phases(console))
    except WitError as error:
        if str(error):
            sys.stderr.write(f"demo: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("demo: stopped\n")
        return 130
    return 0 if all(line.good for line in lines) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="make demo", description=__doc__)
    top.add_argument("--images", type=int, default=IMAGES, metavar="N", help=f"sound pictures ({IMAGES})")
    top.add_argument("--seed", type=int, default=0, metavar="S", help="of the world (0)")
    top.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where all goes (./demo)")
    top.add_argument("--no-train", action="store_true", help="stop at the dataset")
    return top


def demo(options: argparse.Namespace, phases: Phases) -> list[Line]:
    """Everything, in order; returns truth against outcome."""
    out: Path = options.out
    if options.images < SMALLEST:
        raise UserError(f"--images {options.images}: wants at least {SMALLEST}")
    clear(out)
    with Server() as server:
        world = phases.run("a small world", lambda: _world(options, server))
        recipe = write_recipe(world, out, server.authority, options.images)
        phases.command("wit build", "beam_jobs", "build", "--recipe", recipe, "--root", out)
        phases.command("wit report", "beam_jobs", "report", "--root", out)
        asked = dict(server.asked)
    lines = truth.compare(world, out, asked)
    if not options.no_train:
        shards, train = out / "shard" / "*.tar", out / "train"
        phases.command(
            "wit-clip train", "training", "train", "--recipe", recipe, "--shards", shards, "--out", train
        )
        dataset = f"{EVALUATION_SET}={world.evaluation}"
        phases.command(
            "wit-clip eval", "training", "eval", "--checkpoint", train, "--dataset", dataset, "--out", train
        )
        lines.append(truth.zero_shot(train / "results.json"))
    show(lines, phases, out)
    return lines


def clear(out: Path) -> None:
    """Remove what an earlier demo left; a `UserError` for a folder that is not a demo's."""
    if out.is_dir() and any(out.iterdir()) and not (out / OURS).exists():
        raise UserError(f"--out {out}: holds files that no demo made; give a new folder, or remove it")
    shutil.rmtree(out, ignore_errors=True)


def _world(options: argparse.Namespace, server: Server) -> World:
    world = make_world(
        options.out / "world", images=options.images, seed=options.seed, base_url=server.base_url
    )
    server.serve(world.site)
    return world


def write_recipe(world: World, out: Path, authority: str, images: int) -> Path:
    """Write recipe.toml: tiny.toml with the world's folder, the server's port, and a fitting balance."""
    text = RECIPE.read_text(encoding="utf-8")
    text = text.replace("demo/world", world.folder.as_posix()).replace("127.0.0.1:8000", authority)
    text = re.sub(r"(?m)^per_query = \d+", f"per_query = {RARE + images // A_QUERY}", text)
    path = out / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def show(lines: Sequence[Line], phases: Phases, out: Path) -> None:
    """Print truth against outcome, the time of each phase, and where things lie."""
    console = phases.console
    table = Table(title="Truth against outcome", title_justify="left")
    for heading in ("planted", "noticed by", "wanted", "found", ""):
        table.add_column(heading, justify="right" if heading in ("wanted", "found") else "left")
    for line in lines:
        verdict = "[green]ok" if line.good else "[bold red]off"
        table.add_row(line.what, line.where, line.wanted, line.found, verdict)
    console.print(table)
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in phases.seconds.items())
    console.print(f"{times}; {sum(phases.seconds.values()):.0f} s in all", highlight=False)
    for place in ("shard/00000.tar", "audit/report.html", "report/index.html", "train"):
        if (out / place).exists():
            console.print(f"  {out / place}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
