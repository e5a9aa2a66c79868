"""The `wit` command."""

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs.commands import audit_shards, contents, drop, inspect, on_engine, remove, verify
from beam_jobs.engine import build, failure, progress, recipe
from beam_jobs.engine.engine import Engine
from beam_jobs.engine.job import STALL
from beam_jobs.engine.outlook import outlook
from beam_jobs.engine.runners import begun, checks, processes
from beam_jobs.engine.runners.flags import is_local
from beam_jobs.engine.stage import Leave, Stage
from beam_jobs.stages import audit, chances
from beam_jobs.stages.stages import STAGES, between
from wit_pipeline.listed import matches
from wit_pipeline.vocabulary import extras, store
from wit_pipeline.vocabulary.command import Parser, local
from wit_pipeline.vocabulary.errors import UserError, WitError
from wit_pipeline.vocabulary.store import anywhere


def parser() -> argparse.ArgumentParser:
    """All commands of `wit`."""
    top = Parser(prog="wit", description="From a Wikipedia dump and the open web to an audited CLIP dataset.")
    top.add_version()
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    whole = commands.add_parser("build", help="all stages in order, doing only what is missing")
    whole.add_argument("--from", dest="first", choices=STAGES, default=next(iter(STAGES)), metavar="STAGE")
    whole.add_argument("--to", dest="last", choices=STAGES, default=list(STAGES)[-1], metavar="STAGE")
    _add_run_options(whole, run_build)
    _add_reshard(whole)
    _add_matches(whole)
    for stage in STAGES.values():
        command = commands.add_parser(stage.name, help=stage.about, description=stage.about)
        command.set_defaults(first=stage.name, last=stage.name)
        _add_run_options(command, run_build, alone=stage.name == "audit")
        if stage.name == "queries":
            command.add_argument(
                "--diff",
                type=anywhere,
                metavar="OLD",
                help="then say what changed since OLD, a root or queries.parquet",
            )
        if stage.name == "crawl":
            command.add_argument(
                "--again",
                action="store_true",
                help="ask again for what had no final answer: a day later, three times at most",
            )
        if stage.name in ("crawl", "filter"):
            _add_matches(command)
        if stage.name == "audit":
            _add_evidence(command)
            _add_shards(command)
        if stage.name == "shard":
            _add_reshard(command)
    about = "write ROOT/report/index.html: the funnel and what lies where"
    report = commands.add_parser("report", help=about, description=about)
    report.add_argument("--root", type=anywhere, required=True, metavar="DIR")
    report.set_defaults(run=inspect.run_report)
    about = "whether all that was signed is there as it was, and nothing else"
    check = commands.add_parser("verify", help=about, description=about)
    check.add_argument("--root", type=anywhere, required=True, metavar="DIR")
    _add_engine_options(check, "processes of this machine that read (one, which writes nothing)")
    check.set_defaults(run=run_verify)
    why = commands.add_parser("why", help="the life of one pair, or why a query is in the list")
    why.add_argument("--root", type=anywhere, required=True, metavar="DIR")
    why.add_argument("what", metavar="KEY|URL|QUERY")
    why.set_defaults(run=inspect.run_why)
    take_down = commands.add_parser("remove", help="take what a list names out of a root, and keep it out")
    take_down.add_argument("--root", type=anywhere, required=True, metavar="DIR")
    take_down.add_argument(
        "--list", type=anywhere, required=True, metavar="FILE", help="a URL, a domain, a sum or a code a line"
    )
    _add_take_over(take_down)
    _add_matches(take_down)
    take_down.set_defaults(run=remove.run)
    delete = commands.add_parser("drop", help="delete a crawl that was moved aside by --refetch")
    delete.add_argument("--root", type=anywhere, required=True, metavar="DIR")
    delete.add_argument("name", metavar="crawl.DATE")
    _add_take_over(delete)
    delete.set_defaults(run=drop.run)
    plan = commands.add_parser("plan", help="check a recipe and say what each stage would read")
    plan.add_argument("--recipe", type=anywhere, required=True, metavar="R.toml")
    plan.add_argument("--root", type=anywhere, metavar="DIR", help="also what was fetched into it so far")
    plan.set_defaults(run=inspect.run_plan)
    engine = commands.add_parser(
        "check-engine",
        help="whether one of Beam's runners gives right answers: check-engine -- --runner=…",
        description="Ask a runner what is known, as a build does where its root has not seen that runner.",
    )
    engine.add_argument("--root", type=anywhere, metavar="DIR", help="where its workers can write")
    engine.epilog = "Flags after -- go to Beam, unread."
    engine.set_defaults(run=on_engine.run_check, workers=1, stall=STALL)
    return top


def _add_run_options(
    command: argparse.ArgumentParser, run: Callable[[argparse.Namespace], None], *, alone: bool = False
) -> None:
    """What every command that builds is given; what can do without a build may do without a root."""
    command.add_argument(
        "--recipe", type=anywhere, required=True, metavar="R.toml", help="what the dataset is"
    )
    command.add_argument("--root", type=anywhere, required=not alone, metavar="DIR", help="where it is built")
    _add_engine_options(command, "processes of this machine (all cores)")
    command.add_argument(
        "--cancel",
        action="store_true",
        help="end the jobs that an earlier launcher left under way for this root, and do nothing else",
    )
    command.add_argument(
        "--refetch", action="store_true", help="let what was fetched be asked again; it is kept as crawl.DATE"
    )
    _add_take_over(command)
    command.add_argument("--json", action="store_true", help="progress as one JSON object a line, on stdout")
    command.set_defaults(run=run)


def _add_engine_options(command: argparse.ArgumentParser, workers: str) -> None:
    command.add_argument("--workers", type=_count, metavar="N", help=workers)
    command.add_argument(
        "--stall",
        type=_minutes,
        default=STALL,
        metavar="MINUTES",
        help=f"on a runner: say so where no unit is done for so long ({STALL:.0f})",
    )
    command.epilog = "Flags after -- go to Beam, unread."


def _add_take_over(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--take-over",
        action="store_true",
        help="begin though a root of a store is held by another, who is dead; a local root frees itself",
    )


def _add_reshard(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--reshard", action="store_true", help="put the pairs of all rounds into new shards, in one order"
    )


def _add_matches(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--report-matches",
        type=local,
        metavar="FILE",
        help="write what lists find, and all that is known of it, to FILE, outside the root",
    )


def _add_evidence(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--predictions",
        type=_named_file,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FILE",
        help="a model's answers to a set, CSV, JSONL or Parquet: image, correct[, class]; kept in the root",
    )
    command.add_argument(
        "--reviewed", type=local, metavar="FILE", help="verdicts saved from report.html; kept in the root"
    )


def _add_shards(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--shards",
        metavar="PATTERN",
        help="instead of a root's: anybody's tars, zips or Parquet files, or a folder of pictures",
    )
    command.add_argument("--out", type=anywhere, metavar="DIR", help="where the audit of --shards goes")


def _named_file(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise argparse.ArgumentTypeError(f"wants NAME=FILE, found {text!r}")
    return name, local(path)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wants a whole number of at least 1, found {text!r}")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < float("inf"):
        raise argparse.ArgumentTypeError(f"wants minutes above 0, found {text!r}")
    return minutes


def run_build(arguments: argparse.Namespace) -> None:
    """Run stages, with progress on the terminal or as JSON lines."""
    if list(STAGES).index(arguments.first) > list(STAGES).index(arguments.last):
        raise UserError(f"--from {arguments.first} comes after --to {arguments.last}")
    if _of_shards(arguments):
        audit_shards.run(arguments)
        return
    old = getattr(arguments, "diff", None)
    if old is not None:
        inspect.query_table(old)  # before any work
    loaded = recipe.load(arguments.recipe)
    options = checks.options(arguments.beam, arguments.root)  # wrong flags are told before any work
    if arguments.cancel:
        _cancel(options, arguments.root)
        return
    report = matches.checked(getattr(arguments, "report_matches", None), arguments.root)
    if report and not is_local(options):
        raise UserError("--report-matches: the workers of a runner cannot write to a file of this machine")
    stages = _with_evidence(arguments, loaded)
    leave = Leave(
        refetch=arguments.refetch,
        again=getattr(arguments, "again", False),
        reshard=getattr(arguments, "reshard", False),
        matches=report,
    )
    display = progress.JsonLines() if arguments.json else progress.Display()
    with on_engine.running(arguments, options, display) as running:
        build.run_stages(
            stages,
            loaded,
            arguments.root,
            running,
            leave,
            take_over=arguments.take_over,
            begin=lambda: _begin(running, options, stages, loaded, arguments.root, leave),
        )
        if STAGES["crawl"] in stages and (left := chances.unanswered(arguments.root)):
            progress.tell("note", text=f"   crawl  {left}")
        if arguments.last == list(STAGES)[-1]:
            found = f"{arguments.root}/shard and {arguments.root}/audit/report.html"
            progress.tell("note", text=f"{found}; wit report --root {arguments.root} shows the funnel")
        if running.log is not None:
            progress.tell("note", text=f"the engine's own log: {running.log}")
    if old is not None:
        inspect.compare(old, arguments.root)


def _of_shards(arguments: argparse.Namespace) -> bool:
    """Whether an audit is of shards that no build of ours has made; their root is where it goes."""
    shards, out = (getattr(arguments, name, None) for name in ("shards", "out"))
    if arguments.root is None and shards is not None and out is not None:
        arguments.root = out
        return True
    if arguments.root is None or shards is not None or out is not None:
        raise UserError("audit: wants --root DIR, or --shards PATTERN and --out DIR")
    return False


def _begin(
    running: Engine,
    options: PipelineOptions,
    stages: Sequence[Stage],
    loaded: recipe.Recipe,
    root: Path,
    leave: Leave,
) -> None:
    """What is said, and asked of an engine, once nothing is refused and before anything is done."""
    progress.tell_all("note", outlook(stages, loaded, root, leave))
    asks = STAGES["extract"] in stages or STAGES["crawl"] in stages
    if asks and (told := processes.assumed(options)):
        progress.tell("note", text=f"{'engine':>8}  {told}")
    on_engine.trust(running, options, root)


def _cancel(options: PipelineOptions, root: Path) -> None:
    names = begun.cancel_all(options, root)
    sys.stdout.write("".join(f"cancelled: {name}\n" for name in names) or f"no job of {root} is under way\n")


def run_verify(arguments: argparse.Namespace) -> None:
    """Check a root; several processes, or a runner's, read its files first, where they are asked for."""
    options = checks.options(arguments.beam, arguments.root)
    if is_local(options) and arguments.workers in (None, 1):
        return verify.run(arguments.root)
    verify.known(arguments.root)
    with on_engine.running(arguments, options, progress.Display()) as running:
        on_engine.trust(running, options, arguments.root)
        with contents.all_read(arguments.root, running) as look:
            return verify.run(arguments.root, look)


def _with_evidence(arguments: argparse.Namespace, loaded: recipe.Recipe) -> list[Stage]:
    """The stages to run; the audit reads what people brought to the root, now or before."""
    given = dict(getattr(arguments, "predictions", []))
    audit.bring(arguments.root, loaded.audit, given, getattr(arguments, "reviewed", None))
    chosen = between(arguments.first, arguments.last)
    return [audit.of(arguments.root) if stage is audit.STAGE else stage for stage in chosen]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    if argv is None:  # a command of its own: in a process that goes on, what is frozen would never be freed
        gc.freeze()  # what was imported need not be looked through, nor taken apart one by one at the end
    given = list(sys.argv[1:] if argv is None else argv)
    own, _, beam = _split(given)
    arguments = parser().parse_args(own)
    arguments.beam = beam
    try:
        for named in filter(
            None, (getattr(arguments, name, None) for name in ("recipe", "root", "list", "diff", "out"))
        ):
            store.given(str(named))  # a store that cannot be asked is told before any work
        arguments.run(arguments)
    except WitError as error:
        return failure.told(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        if not (said := extras.missing(error)):
            raise
        return failure.told(said, UserError.exit_code)
    except OSError as error:
        return failure.told(failure.of_the_disk(error), 1)
    return 0


def _split(arguments: list[str]) -> tuple[list[str], str, list[str]]:
    if "--" not in arguments:
        return arguments, "", []
    where = arguments.index("--")
    return arguments[:where], "--", arguments[where + 1 :]


if __name__ == "__main__":
    sys.exit(main())
