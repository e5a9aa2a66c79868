"""queries: dumps, page views and WordNet to the query list.

Counts outgrow a machine's memory before anything else here does, so every table of counts lies on disk in
parts by hash (`queries.tally`). Splits of dumps are counted and written in parts; then each part is added up,
by whichever process takes it, in the memory that one part needs.

    Words      a split of a dump -> counts in parts, the order of its words as numbers, its redirects
    AddWords   a part            -> the words that are frequent, or lemmas
    Bigrams    a split again     -> counts of pairs of frequent words, from the numbers, in parts
    AddBigrams a part            -> the pairs that are frequent enough
    Views      a file of views   -> views by title, in parts
    Names      a part            -> views by what the titles name, redirects followed, in parts again
    AddNames   a part            -> the titles with enough views
    Merge      all of these      -> the list
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.engine import progress
from beam_jobs.engine.files import version
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Needs, Stage, Task, Unit, Work
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages.query_titles import add_names, count_views, name_titles
from beam_jobs.stages.query_units import (
    OF_WORDNET,
    added_files,
    all_splits,
    check_once,
    dumps,
    languages,
    lemma_queries,
    part_units,
    scratch,
    split_units,
    view_files,
    view_units,
    wikis,
)
from beam_jobs.stages.query_words import add_bigrams, add_words, count_bigrams, count_words
from queries import blocklist, ids, merge, ngrams, pageviews, store, wordnet
from queries.config import QueriesConfig
from queries.ids import Given
from queries.merge import Dropped, Merged
from queries.ngrams import Bigram
from queries.tagged import key, of_language, untagged
from queries.titles import Title
from wit_pipeline.vocabulary import extras, rows
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.manifest import (
    Counts,
    aside,
    describe,
    read_json,
    read_receipt,
    write_json,
)
from wit_pipeline.vocabulary.records import Kind
from wit_pipeline.vocabulary.store import given

PROBLEMS = pa.schema([("where", pa.string()), ("reason", pa.string()), ("detail", pa.string())])


def inputs(recipe: Recipe) -> dict[str, str]:
    """All files that the list is made of, each with what tells one version of it from another."""
    config = recipe.queries
    if not (config.wikipedia or config.wordnet or config.pageviews):
        raise UserError(
            "recipe: [queries] needs wikipedia or pageviews (globs), or wordnet (a folder or file)"
        )
    dumped, viewed = dumps(config), view_files(config)
    check_once(dumped)
    for file in dumped:
        if file.name.endswith(".7z"):
            extras.needs("py7zr", f"recipe: [queries] wikipedia: {file.path}")
    robots = next((file.path for file in viewed if pageviews.is_automated(file.path)), "")
    if robots:
        raise UserError(
            f"recipe: [queries] pageviews: {robots} counts robots; name the files that end in -user"
        )
    spoken = {name: f" in {wiki.language}" for name, wiki in wikis(config).items()}
    found = {f"wikipedia {file.name}": file.version + spoken.get(file.name, "") for file in dumped}
    found |= {f"pageviews {file.name}": file.version for file in viewed}
    if config.wordnet:
        folder = given(config.wordnet)
        next(wordnet.lemmas(folder), None)  # a folder that is none is told at once
        found["wordnet"] = version(wordnet.files(folder), folder)
    if config.blocklist:
        listed = given(config.blocklist)
        blocklist.load(listed)
        found["blocklist"] = version([listed], listed)
    return found


def make(task: Task, unit: Unit) -> Done:
    """Write queries.parquet, and what tells how it came to be: dropped, unreadable, sums."""
    config = task.recipe.queries
    totals = counted_words(task)
    lists = [merged_in(task, language, totals.get(language, 0)) for language in languages(config)]
    problems = [item for fact in facts_of(task) for item in fact["problems"]]
    summary = {
        **results(lists, config),
        "titles": facts_of_titles(task),
        "counts": asdict(counts_of(task)),
    }
    out, known = task.folders.out, given_before(task)
    dropped = [one.merged.dropped for one in lists]
    queries = ids.numbered((query for one in lists for query in one.merged.queries), known)
    with aside(out / "queries.parquet") as temporary:
        store.write(temporary, queries)
    ids_count = write_whole(out / ids.TABLE, Given, ids.remembered(queries, known))
    dropped_count = write_whole(out / "dropped.parquet", Dropped, chain.from_iterable(dropped))
    write_whole(out / "problems.parquet", PROBLEMS, problems)
    write_json(out / "results.json", summary)
    return Counts(), (
        describe(out / "queries.parquet", len(queries)),
        describe(out / ids.TABLE, ids_count),
        describe(out / "dropped.parquet", dropped_count),
        describe(out / "problems.parquet", len(problems)),
        describe(out / "results.json"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """The list of a language, and of what it was made."""

    language: str
    words: int  # of all articles together
    titles_offered: int
    merged: Merged


def merged_in(task: Task, language: str, total: int) -> Listed:
    """The list of a language, in whose articles `total` words were counted."""
    config, folder = task.recipe.queries, task.folders.scratch
    words = rows_in(folder, "vocabulary", language)
    found, titles_offered = best_titles(folder, language, config.budget)
    lemmas = wordnet.lemmas(given(config.wordnet)) if config.wordnet and language == OF_WORDNET else ()
    merged = merge.merge(
        words,
        bigrams_of(task, language, {text: count for text, count, _ in words}, total),
        found,
        lemmas,
        config,
        blocklist.load(given(config.blocklist)).blocks if config.blocklist else merge.nothing_blocked,
        language,
    )
    if total and not merged.queries:
        progress.tell(
            "note",
            text=f"queries: the list of {language!r} is empty: "
            f"of {total:,} words none occurs {config.min_count} times",
        )
    return Listed(language=language, words=total, titles_offered=titles_offered, merged=merged)


def rows_in(folder: Path, prefix: str, language: str) -> list[tuple[Any, ...]]:
    """What the parts of a step have of a language, its keys without it, part after part."""
    return list(chain.from_iterable(parts_in(folder, prefix, language)))


def parts_in(folder: Path, prefix: str, language: str) -> Iterator[list[tuple[Any, ...]]]:
    """The same, a part at a time."""
    for path in added_files(folder, prefix):
        table = rows.table(path, where=of_language("text", language))
        keys, *columns = table.columns
        told = (untagged(keys).to_pylist(), *(column.to_pylist() for column in columns))
        yield list(zip(*told, strict=True))


def counts_of(task: Task) -> Counts:
    """What became of the pages and of the rows of page views."""
    plans = ((step, unit) for step in STAGE.steps if isinstance(step, Work) for unit in step.units(task))
    found = (read_receipt(step.receipt(task.folders, unit), task.plan) for step, unit in plans)
    return sum((receipt.counts for receipt in found if receipt is not None), Counts())


def given_before(task: Task) -> dict[ids.Key, int]:
    """The ids that the lists of this root have given so far."""
    folders = task.folders
    return ids.of(folders.home if folders.home.exists() else folders.before)


def facts_of(task: Task) -> list[dict[str, Any]]:
    """What each unit that read outside files told."""
    units = [*split_units("words", task), *view_units(task)]
    return [read_json(scratch(task, unit, ".json")) for unit in units]


def facts_of_titles(task: Task) -> dict[str, int]:
    """What became of the titles of page views before any of them was offered."""
    units = [unit for prefix in ("names", "titles") for unit in part_units(prefix, view_units, task)]
    facts: Counter[str] = Counter()
    for unit in units:
        facts.update(read_json(scratch(task, unit, ".json")))
    return dict(facts)


def counted_words(task: Task) -> dict[str, int]:
    """The words of each language's articles; a `RunError` where adding up the parts gave another number."""
    told: Counter[str] = Counter()
    spoken = wikis(task.recipe.queries)  # once: the dumps' patterns are looked up for it
    for unit in split_units("words", task):
        tokens = read_json(scratch(task, unit, ".json"))["tokens"]
        told[spoken[unit.covers.name].language] += tokens
    before = told.total()
    units = part_units("vocabulary", all_splits, task)
    after = sum(read_json(scratch(task, unit, ".json"))["tokens"] for unit in units)
    if before != after:
        raise RunError(f"queries: {before} words were counted, but {after} added up: counts were lost")
    return dict(told)


def pairs_in(task: Task, language: str) -> Iterator[tuple[str, int, int]]:
    """The pairs of a language that are frequent enough, with their counts, a part at a time."""
    for part in parts_in(task.folders.scratch, "pairs", language):
        yield from part


def bigrams_of(task: Task, language: str, counts: Mapping[str, int], total: int) -> list[Bigram]:
    """The best bigrams of a language, and those that are lemmas, whose counts the list tells as well."""
    config = task.recipe.queries
    best = ngrams.rank_bigrams(pairs_in(task, language), counts, total, config)
    lemmas, names = set(lemma_queries(config.wordnet, task.plan).to_pylist()), {item.text for item in best}
    known = (pair for pair in pairs_in(task, language) if key(language, pair[0]) in lemmas)
    rest = (pair for pair in known if pair[0] not in names)
    return [*best, *(ngrams.score(pair, counts, total) for pair in rest)]


def best_titles(folder: Path, language: str, most: int) -> tuple[list[Title], int]:
    """The best-viewed titles of a language, at most `most`, and how many there are."""
    paths, ours = added_files(folder, "titles"), of_language("query", language)
    if not paths:
        return [], 0
    views = pa.concat_tables([rows.table(path, ["views"], ours) for path in paths]).column("views").to_numpy()
    least = int(np.partition(views, len(views) - most)[len(views) - most]) if len(views) > most else 0
    table = pa.concat_tables([rows.table(path, where=ours & (pc.field("views") >= least)) for path in paths])
    table = table.set_column(0, "query", untagged(table.column("query")))
    return [Title(**row) for row in table.to_pylist()], len(views)


def results(lists: Sequence[Listed], config: QueriesConfig) -> dict[str, Any]:
    """What results.json says: how much each source offered, and what became of it, of all and by language."""
    dropped: Counter[str] = Counter()
    for one in lists:
        dropped.update(item.reason for item in one.merged.dropped)
    kinds = [kinds_of(one) for one in lists]
    return {
        "words": sum(one.words for one in lists),
        "queries": sum(len(one.merged.queries) for one in lists),
        "budget": config.budget,
        "bigrams_by": config.bigrams,
        "kinds": {
            kind: {name: sum(one[kind][name] for one in kinds) for name in ("offered", "kept")}
            for kind in Kind
        },
        "dropped": dict(sorted(dropped.items())),
        "languages": {
            one.language: {"words": one.words, "queries": len(one.merged.queries), "kinds": told}
            for one, told in zip(lists, kinds, strict=True)
        },
    }


def kinds_of(one: Listed) -> dict[Kind, dict[str, int]]:
    """How many queries each source offered to a list, and how many of them it holds."""
    kept = Counter(query.kind for query in one.merged.queries)
    offered = {**one.merged.offered}
    offered[Kind.TITLE] = max(offered[Kind.TITLE], one.titles_offered)
    return {kind: {"offered": offered[kind], "kept": kept[kind]} for kind in Kind}


STAGE = Stage(
    name="queries",
    about="the query list: frequent words and bigrams of Wikipedia, titles by page views, WordNet lemmas",
    inputs=inputs,
    steps=(
        Work(name="Words", units=partial(split_units, "words"), do=count_words, scratch=True),
        Work(
            name="AddWords", units=partial(part_units, "vocabulary", all_splits), do=add_words, scratch=True
        ),
        Work(name="Bigrams", units=partial(split_units, "bigrams"), do=count_bigrams, scratch=True),
        Work(name="AddBigrams", units=partial(part_units, "pairs", all_splits), do=add_bigrams, scratch=True),
        Work(name="Views", units=view_units, do=count_views, scratch=True),
        Work(name="Names", units=partial(part_units, "names", view_units), do=name_titles, scratch=True),
        Work(name="AddNames", units=partial(part_units, "titles", view_units), do=add_names, scratch=True),
        Work(name="Merge", units=lambda task: [Unit(name="merge")], do=make, needs=Needs(ram_gb=8)),
    ),
)
