"""What the steps of the queries stage share: units, tables in parts, and what could not be read."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.engine import progress
from beam_jobs.engine.files import match, open_input, size_of
from beam_jobs.engine.stage import Done, Task, Unit
from queries import tally, wordnet
from queries.config import Dumps, QueriesConfig
from queries.dumps import splits
from queries.dumps import wikis as wikis_of
from queries.dumps.namespaces import NUMBERS
from queries.dumps.splits import Split
from queries.dumps.wikis import Wiki
from queries.tagged import key
from wit_pipeline.text.languages import base, of_wiki
from wit_pipeline.text.text import normalise
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.found import Found
from wit_pipeline.vocabulary.manifest import Counts, aside, read_json, write_json
from wit_pipeline.vocabulary.store import given

SPLIT_BYTES = 1 << 23  # packed bytes of a dump that one unit of work reads: some 40 MB of XML
PART_BYTES = 1 << 26  # packed bytes of dumps and page views that make one more part
MOST_PARTS = 256
GROUP = 1 << 16  # rows of a group of a table that is read by language
SHOWN = 5  # problems of one split or file that are told on the terminal; all are counted
LISTED = 100  # and that problems.parquet lists
WIKIPEDIA = "recipe: [queries] wikipedia"
OF_WORDNET = "en"  # the language of its lemmas
REDIRECTS = pa.schema([("title", pa.string()), ("target", pa.string())])


def dumps(config: QueriesConfig) -> list[Found]:
    """The dumps and their indexes."""
    return match(config.dumps, WIKIPEDIA)


def check_once(files: Sequence[Found]) -> None:
    """A `UserError` where two dumps hold the same pages: Wikimedia packs each in two ways."""
    paths = {file.name: file.path for file in files}
    for name, path in paths.items():
        twin = name.replace("-multistream", "")
        if twin != name and twin in paths:
            raise UserError(
                f"recipe: [queries] wikipedia: {path} and {paths[twin]} hold the same pages; name one of them"
            )


def view_files(config: QueriesConfig) -> list[Found]:
    """The files of page views."""
    return match(config.pageviews, "recipe: [queries] pageviews")


def all_splits(task: Task) -> tuple[Split, ...]:
    """The splits of all dumps, in order."""
    return _all_splits(tuple(dumps(task.recipe.queries)), SPLIT_BYTES, task.plan)


def wiki_of(task: Task, name: str) -> Wiki:
    """The wiki of a dump by its name; the recipe's language where the dump states none."""
    return wikis(task.recipe.queries)[name]


def wikis(config: QueriesConfig) -> Mapping[str, Wiki]:
    """The wiki of each dump, by the dump's name; every dump is looked into, once a process."""
    return _wikis(tuple(dumps(config)), config.wikipedia, base(config.language))


@cache
def _wikis(files: tuple[Found, ...], asked: tuple[str | Dumps, ...], language: str) -> dict[str, Wiki]:
    told = {
        path: item.language.lower()
        for item in asked
        if isinstance(item, Dumps)
        for path in (file.path for file in match((item.files,), WIKIPEDIA))
    }
    found = {}
    for file in files:
        if not splits.is_index(file.name):
            with open_input(file.path) as stream:
                wiki = wikis_of.wiki_of(stream, file.name)
            code = told.get(file.path, "" if wiki.language else language)
            found[file.name] = Wiki(code, base(of_wiki(code)), wiki.names) if code else wiki
    return found


def viewed(config: QueriesConfig) -> list[Wiki]:
    """The wikis whose page views count: those of the dumps, or the one that the recipe names."""
    named = config.project or ("" if config.wikipedia else config.language)
    if named:
        return [Wiki(named.lower(), base(of_wiki(named)))]
    return list(dict.fromkeys(wikis(config).values()))


def namespaces(config: QueriesConfig) -> dict[str, dict[str, int]]:
    """The names of namespaces that the dumps of each language state, and the English ones."""
    found: dict[str, dict[str, int]] = {language: dict(NUMBERS) for language in languages(config)}
    for wiki in wikis(config).values():
        found[wiki.language] |= wiki.names
    return found


def languages(config: QueriesConfig) -> list[str]:
    """The languages that have lists, in the order of their dumps."""
    found = [wiki.language for wiki in wikis(config).values()]
    found += [wiki.language for wiki in viewed(config)] if config.pageviews else []
    return list(dict.fromkeys([*found, *([OF_WORDNET] if config.wordnet else [])]))


@cache  # an index of the English dump has 25 million lines
def _all_splits(files: tuple[Found, ...], target: int, plan: str) -> tuple[Split, ...]:
    paths = {file.name: file.path for file in files}
    found: list[Split] = []
    for name, path in paths.items():
        if not splits.is_index(name):
            index = paths.get(splits.index_of(name), "")
            parts = splits.split(path, size_of(path), open_input, index, target)
            found += [replace(part, name=name) for part in parts]
    return tuple(found)


def split_units(prefix: str, task: Task) -> Sequence[Unit]:
    """A unit for each split of a dump."""
    return [Unit(name=f"{prefix}-{i:05d}", covers=split) for i, split in enumerate(all_splits(task))]


def view_units(task: Task) -> Sequence[Unit]:
    """A unit for each file of page views and each wiki that counts in it."""
    config = task.recipe.queries
    files = view_files(config)
    asked = product(files, viewed(config)) if files else ()
    return [Unit(name=f"views-{i:05d}", covers=one) for i, one in enumerate(asked)]


def part_units(prefix: str, of: Callable[[Task], Sequence[Any]], task: Task) -> Sequence[Unit]:
    """A unit for each part of the tables of some units; none where there are no such units."""
    return [Unit(name=f"{prefix}-{part:03d}", covers=part) for part in range(parts(task) if of(task) else 0)]


def parts(task: Task) -> int:
    """How many parts tables of counts have: more for larger inputs, whoever does the work."""
    config = task.recipe.queries
    paths = tuple(file.path for file in (*dumps(config), *view_files(config)))
    return _parts(paths, PART_BYTES, task.plan)


@cache
def _parts(paths: tuple[str, ...], part_bytes: int, plan: str) -> int:
    return min(MOST_PARTS, 1 + sum(map(size_of, paths)) // part_bytes)


class Account:
    """What became of the pages or rows of one unit."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.read = 0
        self.rejected: Counter[str] = Counter()
        self.problems: list[dict[str, str]] = []

    def problem(self, reason: str, detail: str) -> None:
        """Count what could not be read; say so of the first ones."""
        self.read += 1
        self.rejected[reason] += 1
        if len(self.problems) < LISTED:
            self.problems.append({"where": self.where, "reason": reason, "detail": detail})
        if len(self.problems) <= SHOWN:
            progress.tell("note", text=f"queries: {self.where}: {reason}: {detail}")

    def counts(self) -> Counts:
        kept = self.read - self.rejected.total()
        return Counts(read=self.read, kept=kept, rejected=dict(sorted(self.rejected.items())))


def scratch(task: Task, unit: Unit, suffix: str) -> Path:
    """A file of a unit for a later step."""
    return task.folders.scratch / f"{unit.name}{suffix}"


def of_units(units: Sequence[Unit], task: Task, suffix: str) -> list[Path]:
    """The numbered files that some units wrote, in order."""
    return [
        task.folders.scratch / f"{unit.name}-{number:04d}{suffix}"
        for unit in units
        for number in range(read_json(scratch(task, unit, ".json"))["files"])
    ]


def finished(task: Task, unit: Unit, account: Account, **facts: int) -> Done:
    """The end of a unit that read outside files: its facts for later steps, and its counts."""
    write_json(scratch(task, unit, ".json"), {**facts, "problems": account.problems})
    return account.counts(), ()


def table_of(schema: pa.Schema, rows_of: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows as a table."""
    columns = list(zip(*rows_of, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table of a later step, whole or absent."""
    with aside(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def added(folder: Path, prefix: str, least: int) -> pa.Table:
    """The tables of all parts of a step, in order, of what was counted at least `least` times."""
    return tally.at_least(pa.concat_tables(map(rows.table, added_files(folder, prefix))), "count", least)


def added_files(folder: Path, prefix: str) -> list[Path]:
    """The tables of all parts of a step, in order; a scratch folder holds one plan's files."""
    return sorted(folder.glob(f"{prefix}-[0-9]*.parquet"))


def write_keyed(path: Path, table: pa.Table) -> None:
    """Write a table for who reads one language's keys alone: by key, in groups that can be passed over."""
    with aside(path) as temporary:
        pq.write_table(
            table.sort_by(table.schema.names[0]), temporary, compression="zstd", row_group_size=GROUP
        )


@cache
def lemma_queries(folder: str, plan: str) -> pa.Array:
    """The lemmas as keys of queries, to look words up in."""
    lemmas = wordnet.lemmas(given(folder)) if folder else ()
    found = {key(OF_WORDNET, normalise(lemma)) for lemma in lemmas}
    return pa.array(sorted(found), pa.string())
