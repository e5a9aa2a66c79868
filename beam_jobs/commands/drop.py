"""`wit drop`: a crawl that was moved aside is deleted."""

import argparse
import sys
from pathlib import Path

from beam_jobs.engine import lock, pending
from beam_jobs.stages.keeping import aside, files_of, move_on
from wit_pipeline.crawl.standing import size_in_words
from wit_pipeline.vocabulary.errors import UserError


def run(arguments: argparse.Namespace) -> None:
    """wit drop: delete a crawl that was moved aside."""
    sys.stdout.write(drop(arguments.root, arguments.name, take_over=arguments.take_over) + "\n")


def drop(root: Path, name: str, *, take_over: bool = False) -> str:
    """Delete a crawl that was moved aside; returns what was deleted, in a line."""
    there = [path.name for path in aside(root)]
    if name not in there:
        known = f"it has {', '.join(there)}" if there else "it has none"
        raise UserError(f"{name}: no crawl of that name was moved aside in {root}; {known}")
    with lock.building(root, take_over=take_over):
        pending.check(root)
        move_on(root)
        listed = files_of(root / name)
        pending.drop(root / name)
    size = sum(file.bytes for file in listed)
    return f"{name}: {len(listed):,} files, {size_in_words(size)}, deleted"
