"""queries: dumps to the query list, in two passes: words, then pairs of the frequent ones."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, partial
from itertools import islice
from pathlib import Path

import apache_beam as beam

from beam_jobs import progress
from beam_jobs.files import match, open_input, version
from beam_jobs.recipe import Recipe
from beam_jobs.stage import Done, Shuffle, Stage, Task, Unit, Work
from beam_jobs.tables import ReadParts, WriteTable, write_whole
from queries import merge, ngrams, store, wordnet
from queries.ngrams import Count
from queries.wikipedia import DumpError, Page, article, pages
from queries.wikitext import plain
from wit_pipeline import rows
from wit_pipeline.errors import UserError
from wit_pipeline.manifest import Counts, File, aside, describe
from wit_pipeline.records import Counted

BLOCK = 2000  # articles counted together before their counts are added up
NOT_AN_ARTICLE = "not_an_article"  # another namespace, a redirect, a disambiguation page


def inputs(recipe: Recipe) -> dict[str, str]:
    """The dumps and the WordNet folder, each with what tells one version of it from another."""
    config = recipe.queries
    if not config.wikipedia and not config.wordnet:
        raise UserError("recipe: [queries] needs wikipedia (globs of dumps), wordnet (a folder), or both")
    found = match(config.wikipedia, "recipe: [queries] wikipedia")
    if config.wordnet:
        next(wordnet.lemmas(Path(config.wordnet)), None)  # a folder that is none is told at once
        found[config.wordnet] = version(sorted(Path(config.wordnet).iterdir()))
    return found


def units(prefix: str, task: Task) -> Sequence[Unit]:
    """One unit of work for each dump file."""
    dumps = match(task.recipe.queries.wikipedia, "recipe: [queries] wikipedia")
    return [Unit(name=f"{prefix}-{number:05d}", covers=path) for number, path in enumerate(dumps)]


def articles(path: str, tally: Counter[str]) -> Iterator[str]:
    """The text of each article of a dump; `tally` hears of every page read and of what was no article."""
    with open_input(path) as stream:
        for item in pages(stream, path):
            tally["read"] += 1
            if isinstance(item, DumpError):
                tally[item.reason] += 1
                progress.tell(
                    "note", text=f"queries: {path}: {item.reason} after {item.pages} pages: {item.detail}"
                )
            elif not article(item):
                tally[NOT_AN_ARTICLE] += 1
            else:
                yield _text(item)


def _text(page: Page) -> str:
    progress.tell("records", count=1)
    return plain(page.text)


def blocks(texts: Iterator[str]) -> Iterator[list[str]]:
    """Texts in lists of at most BLOCK, so that memory holds one block and its counts."""
    while block := list(islice(texts, BLOCK)):
        yield block


def write_counts(path: Path, counts: dict[str, Count]) -> File:
    """Write counts, by text."""
    table = (Counted(text=text, count=c, document_count=d) for text, (c, d) in sorted(counts.items()))
    return describe(path, write_whole(path, Counted, table))


def add_to(total: dict[str, Count], counts: dict[str, Count]) -> None:
    """Add one block's counts to a file's."""
    for text, count in counts.items():
        total[text] = ngrams.add(total.get(text, (0, 0)), count)


def count_words(task: Task, unit: Unit) -> Done:
    """Count the words of one dump."""
    tally: Counter[str] = Counter()
    total: dict[str, Count] = {}
    for block in blocks(articles(unit.covers, tally)):
        add_to(total, ngrams.count_words(block))
    read = tally.pop("read", 0)
    counts = Counts(read=read, kept=read - sum(tally.values()), rejected=dict(sorted(tally.items())))
    return counts, (write_counts(task.folders.scratch / f"{unit.name}.parquet", total),)


def count_bigrams(task: Task, unit: Unit) -> Done:
    """Count the pairs of frequent words of one dump."""
    vocabulary = frequent(task.folders.scratch / "words.parquet", task.recipe.queries.min_count, task.plan)
    total: dict[str, Count] = {}
    for block in blocks(articles(unit.covers, Counter())):
        add_to(total, ngrams.count_bigrams(block, vocabulary))
    return Counts(), (write_counts(task.folders.scratch / f"{unit.name}.parquet", total),)


@cache  # once a process
def frequent(path: Path, min_count: int, plan: str) -> frozenset[str]:
    """The words that occur often enough to be queries."""
    return frozenset(item.text for item in rows.read(path, Counted) if item.count >= min_count)


def counted(path: Path) -> Iterator[tuple[str, Count]]:
    """(text, counts) of a file of counts."""
    return ((item.text, (item.count, item.document_count)) for item in rows.read(path, Counted))


def sum_counts(counts: list[Count]) -> Count:
    """Counts of several dumps together."""
    return sum(count for count, _ in counts), sum(documents for _, documents in counts)


def add_up(pipeline: beam.Pipeline, task: Task, prefix: str, least: int) -> None:
    """The counts of all dumps, of what occurs at least `least` times."""
    parts = [task.folders.scratch / f"{unit.name}.parquet" for unit in units(prefix, task)]
    (
        pipeline
        | "Read" >> ReadParts(parts, counted)
        | "Sum" >> beam.CombinePerKey(sum_counts)
        | "Frequent" >> beam.Filter(lambda item: item[1][0] >= least)
        | "Write"
        >> WriteTable(
            task.folders.scratch / f"{prefix}.parquet",
            Counted,
            lambda item: Counted(text=item[0], count=item[1][0], document_count=item[1][1]),
        )
    )


def add_up_words(pipeline: beam.Pipeline, task: Task) -> None:
    """All words, the rare ones too: a pair's information needs how many there are."""
    add_up(pipeline, task, "words", 1)


def add_up_bigrams(pipeline: beam.Pipeline, task: Task) -> None:
    """The pairs that occur often enough."""
    add_up(pipeline, task, "bigrams", task.recipe.queries.pair_min_count)


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """queries.parquet: words, bigrams by NPMI, lemmas, without repeats, within the budget."""
    config, scratch = task.recipe.queries, task.folders.scratch
    words = [
        (item.text, item.count, item.document_count) for item in rows.read(scratch / "words.parquet", Counted)
    ]
    pairs = (
        (item.text, item.count, item.document_count)
        for item in rows.read(scratch / "bigrams.parquet", Counted)
    )
    total = sum(count for _, count, _ in words)
    bigrams = ngrams.rank_bigrams(pairs, {word: count for word, count, _ in words}, total, config)
    lemmas = wordnet.lemmas(Path(config.wordnet)) if config.wordnet else ()
    queries = merge.merge(words, bigrams, lemmas, config)
    path = task.folders.out / "queries.parquet"
    with aside(path) as temporary:
        store.write(temporary, queries)
    return (describe(path, len(queries)),)


STAGE = Stage(
    name="queries",
    about="the query list: frequent words and bigrams of Wikipedia, WordNet lemmas",
    inputs=inputs,
    steps=(
        Work(name="Words", units=partial(units, "words"), do=count_words, scratch=True),
        Shuffle(name="AddWords", build=add_up_words),
        Work(name="Bigrams", units=partial(units, "bigrams"), do=count_bigrams, scratch=True),
        Shuffle(name="AddBigrams", build=add_up_bigrams),
    ),
    finish=finish,
)
