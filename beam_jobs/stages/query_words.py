"""The steps of the queries stage that count words and bigrams."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.engine import progress
from beam_jobs.engine.files import open_input
from beam_jobs.engine.stage import Done, Task, Unit
from beam_jobs.stages.query_units import (
    REDIRECTS,
    Account,
    added,
    finished,
    lemma_queries,
    of_units,
    parts,
    scratch,
    split_units,
    table_of,
    wiki_of,
    write_keyed,
)
from queries import ngrams, tally, titles
from queries.config import QueriesConfig
from queries.count import COUNTS, read_segment, segments, write_segment
from queries.dumps import splits
from queries.dumps.splits import Split
from queries.dumps.wikipedia import DumpError, no_article
from queries.dumps.wikitext import plain
from queries.tagged import key, tagged, untagged
from wit_pipeline.vocabulary.manifest import Counts, write_json


def count_words(task: Task, unit: Unit) -> Done:
    """Count the words of one split, and keep their order and the redirects."""
    account = Account(unit.covers.name)
    redirects: list[tuple[str, str]] = []
    texts = articles(unit.covers, account, redirects, task.recipe.queries)
    language = wiki_of(task, unit.covers.name).language
    tokens = number = 0
    for number, segment in enumerate(segments(texts), start=1):
        name = f"{unit.name}-{number - 1:04d}"
        counts = segment.counts.set_column(0, "text", tagged(segment.counts.column("text"), language))
        tally.write(task.folders.scratch / f"{name}.words", counts, parts(task))
        write_segment(task.folders.scratch / f"{name}.order", segment)
        tokens += pc.sum(segment.counts.column("count")).as_py() or 0
    named = [(key(language, title), target) for title, target in redirects]
    tally.write(scratch(task, unit, ".redirects"), table_of(REDIRECTS, named), parts(task))
    return finished(task, unit, account, files=number, tokens=tokens)


def articles(
    split: Split, account: Account, redirects: list[tuple[str, str]], config: QueriesConfig
) -> Iterator[str]:
    """The text of each article of a split; the account hears of every page, and redirects are kept apart."""
    for item in splits.pages_of(split, open_input):
        if isinstance(item, DumpError):
            account.problem(item.reason, item.detail)
            continue
        account.read += 1
        progress.tell("records", count=1)
        if item.redirect and item.namespace == 0:
            redirects.append((titles.canonical(item.title), titles.canonical(item.redirect)))
        reason = no_article(item, config.disambiguations)
        if reason:
            account.rejected[reason] += 1
        else:
            yield item.text if item.plain else plain(item.text, item.names)


def add_words(task: Task, unit: Unit) -> Done:
    """One part of all word counts: the words that are frequent, and those that are lemmas."""
    config = task.recipe.queries
    words = split_units("words", task)
    table = tally.added_up(tally.read_part(of_units(words, task, ".words"), unit.covers, COUNTS))
    wanted = pc.greater_equal(table.column("count"), config.vocabulary_min_count)
    known = pc.is_in(table.column("text"), lemma_queries(config.wordnet, task.plan))
    write_keyed(scratch(task, unit, ".parquet"), table.filter(pc.or_(wanted, known)))
    write_json(
        scratch(task, unit, ".json"),
        {"tokens": pc.sum(table.column("count")).as_py() or 0, "distinct": table.num_rows},
    )
    return Counts(), ()


@cache  # once a process
def vocabulary(folder: Path, least: int, plan: str) -> pa.Array:
    """The words whose pairs are counted; a word's number is its place."""
    return added(folder, "vocabulary", least).column("text").combine_chunks()


def words_of(task: Task) -> pa.Array:
    """The vocabulary of a task."""
    return vocabulary(task.folders.scratch, task.recipe.queries.vocabulary_min_count, task.plan)


def count_bigrams(task: Task, unit: Unit) -> Done:
    """Count the pairs of frequent words of one split, from the numbers that counting its words left."""
    words = Unit(name=unit.name.replace("bigrams", "words"), covers=unit.covers)
    orders = of_units([words], task, ".order")
    language = wiki_of(task, unit.covers.name).language
    for path in orders:
        spelled, sequence = read_segment(path)
        numbers = np.full(len(spelled) + 1, -1, np.int64)
        numbers[1:] = pc.fill_null(pc.index_in(tagged(spelled, language), words_of(task)), -1).to_numpy()
        name = f"{unit.name}-{orders.index(path):04d}.bigrams"
        tally.write(task.folders.scratch / name, ngrams.count_pairs(sequence, numbers), parts(task))
    write_json(scratch(task, unit, ".json"), {"files": len(orders)})
    return Counts(), ()


def add_bigrams(task: Task, unit: Unit) -> Done:
    """One part of all counts of pairs, spelled out: the frequent ones, and those that are lemmas."""
    units = split_units("bigrams", task)
    table = tally.added_up(tally.read_part(of_units(units, task, ".bigrams"), unit.covers, ngrams.PAIRS))
    config, words = task.recipe.queries, words_of(task)
    first, second = (
        words.take(pa.array(numbers)) for numbers in ngrams.unpair(table.column("pair").to_numpy())
    )
    table = table.set_column(0, "text", pc.binary_join_element_wise(first, untagged(second), " "))
    wanted = pc.greater_equal(table.column("count"), config.pair_min_count)
    known = pc.is_in(table.column("text"), lemma_queries(config.wordnet, task.plan))
    write_keyed(scratch(task, unit, ".parquet"), table.filter(pc.or_(wanted, known)))
    return Counts(), ()
