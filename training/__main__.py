"""The `wit-clip` command: train a CLIP on shards, evaluate it, make its tokenizer or a copy detector."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from training.config import read_recipe
from wit_pipeline.vocabulary import extras
from wit_pipeline.vocabulary.errors import RunError, UserError, WitError
from wit_pipeline.vocabulary.paths import local

INTERRUPTED = 130  # what a shell reports for Ctrl-C


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, and of unknown flags before missing ones."""

    given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse has it."""
        self.given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        if message.startswith("the following arguments are required") and (unknown := self.unknown()):
            message = f"unrecognized arguments: {' '.join(unknown)}"
        raise UserError(f"{message}; see {self.prog} --help")

    def unknown(self) -> list[str]:
        """The flags among what is given that are none of this parser's; what follows a command is not its."""
        ours = [*takewhile(lambda one: one != "--", self.given)]
        if self._subparsers:
            ours = [*takewhile(lambda one: one.startswith("-"), ours)]
        known = self._option_string_actions
        return [one for one in ours if one.startswith("--") and one.partition("=")[0] not in known]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 the data or the machine failed, 2 the input is wrong."""
    try:
        options = parser().parse_args(arguments)
        options.run(options)
    except WitError as error:
        sys.stderr.write(f"wit-clip: {error}\n")
        return error.exit_code
    except ModuleNotFoundError as error:
        if not (said := extras.missing(error)):
            raise
        sys.stderr.write(f"wit-clip: {said}\n")
        return UserError.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("wit-clip: interrupted; the same command goes on from the last checkpoint\n")
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = Parser(prog="wit-clip", description=__doc__, allow_abbrev=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    shards_help = (
        "tars: 'DIR/{00000..00003}.tar', 'DIR/*.tar', a folder of them, s3://, gs://, 'pipe:COMMAND'"
    )
    key_help = "of the JSON that the shards' captions are in; default: they are in KEY.txt, .caption or .text"

    train = commands.add_parser("train", help="train on shards, resumable", allow_abbrev=False)
    train.add_argument("--recipe", type=local, required=True, help="a TOML file; its [train] table is read")
    train.add_argument("--shards", nargs="+", required=True, metavar="PATTERN", help=shards_help)
    train.add_argument("--out", type=local, required=True, help="folder for metrics.jsonl and checkpoints/")
    train.add_argument("--steps", type=positive, help="instead of the recipe's steps or epochs")
    train.add_argument(
        "--resume",
        type=place,
        default="auto",
        metavar="auto|PATH|never",
        help="auto: from the newest checkpoint in --out (the default); never: anew; or a checkpoint",
    )
    train.set_defaults(run=run_train)

    evaluate = commands.add_parser("eval", help="zero-shot classification, retrieval", allow_abbrev=False)
    evaluate.add_argument(
        "--checkpoint", type=local, required=True, help="a step-NNNNNN.pt, or a run's --out"
    )
    evaluate.add_argument(
        "--dataset",
        type=named_path,
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=PATH",
        help="an image folder, PATH/<class name>/*.jpg",
    )
    evaluate.add_argument("--retrieval", nargs="+", default=[], metavar="PATTERN", help="held-out shards")
    evaluate.add_argument("--caption-key", default="", metavar="KEY", help=key_help)
    evaluate.add_argument("--templates", type=local, help="a file with a prompt a line, {} for the class")
    evaluate.add_argument("--out", type=local, required=True, help="folder for results.json")
    evaluate.set_defaults(run=run_eval)

    export = commands.add_parser("export", help="a model for other libraries", allow_abbrev=False)
    export.add_argument("--checkpoint", type=local, required=True, help="a step-NNNNNN.pt, or a run's --out")
    export.add_argument("--to", choices=("openclip", "hf", "openai", "onnx"), required=True)
    export.add_argument("--results", type=local, help="an evaluation's results.json, for the card")
    export.add_argument("--out", type=local, required=True, help="a folder that is not there yet")
    export.set_defaults(run=run_export)

    detector = commands.add_parser("detector", help="train a copy detector for the audit", allow_abbrev=False)
    detector.add_argument(
        "--images",
        type=place,
        nargs="+",
        required=True,
        metavar="PLACE",
        help="pictures to learn from, as 'ROOT/crawl/*.tar': folders, tars, zips, Parquet files or patterns",
    )
    detector.add_argument(
        "--out", type=local, required=True, help="folder for detector.onnx and metrics.jsonl"
    )
    detector.add_argument(
        "--steps", type=positive, default=4000, help="default 4000: 50 minutes on two cores"
    )
    detector.add_argument(
        "--size", type=positive, default=64, help="pixels a side of what it sees, default 64"
    )
    detector.add_argument("--batch", type=positive, default=256, help="pictures a step, default 256")
    detector.add_argument("--seed", type=int, default=0, help="default 0")
    detector.set_defaults(run=run_detector)

    tokenizer = commands.add_parser("tokenizer", help="train a tokenizer on captions", allow_abbrev=False)
    tokenizer.add_argument("--shards", nargs="+", required=True, metavar="PATTERN", help=shards_help)
    tokenizer.add_argument("--caption-key", default="", metavar="KEY", help=key_help)
    tokenizer.add_argument("--out", type=local, required=True, help="the tokenizer.json to write")
    tokenizer.add_argument("--vocab-size", type=positive, default=49_408, help="default 49408")
    tokenizer.set_defaults(run=run_tokenizer)
    return top


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def place(text: str) -> str:
    """A local path, or a word or pattern in its place."""
    return str(local(text))


def named_path(text: str) -> tuple[str, Path]:
    """NAME=PATH as its two parts."""
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, local(path)


# Torch takes seconds to import: --help and a wrong flag need not wait for it.


def run_train(options: argparse.Namespace) -> None:
    config = read_recipe(options.recipe)
    if options.steps:
        config = replace(config, steps=options.steps)
    # Threads that wait by spinning take the core from the ones they wait for, where other programs run
    # too: 4.5 s a step instead of 0.9 at a load of 5 on two cores. Read once, when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from torch import OutOfMemoryError

    from training.loop.train import train

    try:
        train(config, options.shards, options.out, resume=options.resume, console=Console())
    except OutOfMemoryError:
        raise RunError(
            f"the GPU has too little memory for batch_size {config.batch_size:,}; lower it"
        ) from None


def run_eval(options: argparse.Namespace) -> None:
    if not options.dataset and not options.retrieval:
        raise UserError("eval: nothing to evaluate on; give --dataset NAME=PATH or --retrieval PATTERN")
    from training.evaluate.report import evaluate, tables

    console = Console()
    results = evaluate(
        options.checkpoint,
        datasets=dict(options.dataset),
        held_out=options.retrieval,
        templates=options.templates,
        out=options.out,
        caption_key=options.caption_key,
        warn=partial(console.print, highlight=False, markup=False, soft_wrap=True),
    )
    for table in tables(results):
        console.print(table)


def run_export(options: argparse.Namespace) -> None:
    from training.export.export import export

    console = Console()
    warn = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    made = export(options.checkpoint, options.to, options.out, warn, options.results)
    console.print(f"{made}: its README.md says how it is loaded", highlight=False, soft_wrap=True)


def run_detector(options: argparse.Namespace) -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from training.detector.train import DetectorConfig, train

    try:
        config = DetectorConfig(
            steps=options.steps, size=options.size, batch=options.batch, seed=options.seed
        )
    except ValueError as error:
        raise UserError(f"detector: {error}") from None
    made = train(options.images, options.out, config, Console())
    Console().print(
        f'{made}: name it in the recipe, [audit] detector = "{made}"', highlight=False, soft_wrap=True
    )


def run_tokenizer(options: argparse.Namespace) -> None:
    if options.vocab_size < 514:
        raise UserError(f"--vocab-size {options.vocab_size}: wants 514 or more, for the bytes alone")
    from training.data.shards import find, index
    from training.data.tokenizer import Tokenizer

    shards = find(options.shards, options.out.parent / "shards")
    samples = index(shards, caption_key=options.caption_key)
    for note in samples.notes():
        Console().print(note, highlight=False, markup=False, soft_wrap=True)
    trained = Tokenizer.train(samples.captions(), options.vocab_size)
    trained.save(options.out)
    Console().print(f"{trained.vocab_size:,} tokens in {options.out}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
