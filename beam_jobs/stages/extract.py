"""extract: source files to Candidates, a split of a file at a time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from beam_jobs.engine import progress
from beam_jobs.engine.files import open_input, size_of, source_files, version
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Done, Stage, Task, Unit, Work, summed
from queries import store
from wit_pipeline.extract import ExtractConfig, Rules, candidates, read_blocklist, rules_of
from wit_pipeline.fetch.client import Client
from wit_pipeline.sources import KINDS, Source
from wit_pipeline.sources.source import Split, World
from wit_pipeline.text.match import Lists
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import digest
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, File, Receipt, describe, read_receipts, write_json
from wit_pipeline.vocabulary.records import Candidate, Raw, Reject
from wit_pipeline.vocabulary.sift import Sample, write_sifted
from wit_pipeline.vocabulary.store import given

HOSTS = "hosts"  # what the build's processes know of hosts, in this machine's folder of the stage
TICK = 1000  # records between two signs of life

_splits: dict[Any, list[Split]] = {}  # by plan and files: they are asked for before the work and after it


def inputs(recipe: Recipe) -> dict[str, str]:
    """The source files, each with what tells one version of it from another."""
    if not recipe.extract.sources:
        raise UserError(f"recipe: needs at least one [[extract.sources]] of kind {', '.join(KINDS)}")
    found = {}
    if recipe.extract.blocklist:
        blocklist = given(recipe.extract.blocklist)
        read_blocklist(blocklist)
        found["blocklist"] = version([blocklist], blocklist)
    for number, source in enumerate(recipe.extract.sources):
        if KINDS[source.kind].fetches:
            found[f"{number} crawl"] = digest(recipe.table("crawl"))
        elif KINDS[source.kind].pages:
            found[f"{number} crawl.opt_outs"] = digest(recipe.crawl.opt_outs)
        for file in source_files(source, number):
            found[f"{number} {file.name}"] = file.version
    return found


def places_of(source: Source, number: int) -> list[tuple[str, str]]:
    """(path, name) of what a source is split by: its files, and "" for what it reads without one."""
    files = [(file.path, file.name) for file in source_files(source, number)]
    return [*files, ("", "")] if KINDS[source.kind].fetches or not files else files


def units(task: Task) -> Sequence[Unit]:
    """One unit for each split of each source file, in the recipe's order."""
    places = [places_of(source, number) for number, source in enumerate(task.recipe.extract.sources)]
    asked = (task.plan, *map(tuple, places))
    if asked not in _splits:
        _splits[asked] = list(all_splits(task, places))
    splits = _splits[asked]
    named = zip(splits, lanes(task.recipe.extract.sources, splits), strict=True)
    return [Unit(name=f"{number:05d}", covers=split, lane=lane) for number, (split, lane) in enumerate(named)]


def lanes(sources: Sequence[Source], splits: Sequence[Split]) -> Iterator[str]:
    """The lane of each split: what may ask one host is asked by one process at a time, wherever it runs."""
    of_kind = defaultdict[str, list[Split]](list)
    for split in splits:
        of_kind[sources[split.source].kind].append(split)
    for split in splits:
        source = sources[split.source]
        yield KINDS[source.kind].lane(source, split, of_kind[source.kind])


def all_splits(task: Task, places: Sequence[Iterable[tuple[str, str]]]) -> Iterator[Split]:
    """The splits of all sources, whose files are the `places`; every file is looked into."""
    world = world_of(task)
    for number, source in enumerate(task.recipe.extract.sources):
        for path, name in places[number]:
            for first, last in KINDS[source.kind].splits(source, path, world):
                yield Split(source=number, path=path, name=name, first=first, last=last)


def world_of(task: Task) -> World:
    """What the sources may ask for."""
    path = task.folders.reads("queries") / "queries.parquet"
    return World(
        open=open_input,
        size=size_of,
        queries=partial(query_texts, path, task.plan),
        crawl=task.recipe.crawl,
        client=partial(client, folder=task.folders.own / HOSTS, processes=task.processes),
        seed=task.recipe.seed,
    )


@cache  # one a process: what is known of hosts, and the courtesy owed to them, outlives a unit
def client(config: CrawlConfig, folder: Path, processes: int) -> Client:
    """The process's client for pages or interfaces; the machine's others share what politeness needs."""
    return Client(config, folder=folder, processes=processes)


@cache
def query_texts(path: Path, plan: str) -> tuple[str, ...]:
    """The queries of a signed list, the most trusted first: what asks for some of them asks for those."""
    return tuple(store.by_trust(path))


@cache  # one table a process
def rules(path: Path, config: ExtractConfig, plan: str) -> Rules:
    """The rules of the recipe over a signed query list."""
    ids, texts, languages = store.spoken(path)
    return rules_of(config, Lists(texts, languages, ids, config.match))


def do(task: Task, unit: Unit) -> Done:
    """Write the Candidates and the rejects of one split."""
    split, config = unit.covers, task.recipe.extract
    source = config.sources[split.source]
    listed = task.folders.reads("queries") / "queries.parquet"
    raws = KINDS[source.kind].read(source, split, world_of(task))
    told = Told(kinds=Counter(), languages=Counter())
    judged = counting(candidates(ticking(raws), source.kind, rules(listed, config, task.plan)), told)
    sample = None if config.keep_rejects else Sample(config.reject_sample, task.recipe.seed)
    counts, files = write_sifted(task.folders.out, unit.name, Candidate, judged, sample=sample)
    return replace(counts, kinds=dict(told.kinds), languages=dict(told.languages)), files


class Told(NamedTuple):
    """What is counted of the records that are kept."""

    kinds: Counter[str]  # of text
    languages: Counter[str]  # as stated or identified; "" where neither


def counting(judged: Iterable[Candidate | Reject], told: Told) -> Iterator[Candidate | Reject]:
    """What was judged, what is kept counted as it goes by."""
    for item in judged:
        if isinstance(item, Candidate):
            told.kinds[item.text_kind] += 1
            told.languages[item.language] += 1
        yield item


def ticking(raws: Iterable[Raw | Reject]) -> Iterator[Raw | Reject]:
    """The records, counted on the display as they go by."""
    for number, raw in enumerate(raws, 1):
        if number % TICK == 0:
            progress.tell("records", count=TICK)
        yield raw


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """results.json: what became of each source's records, and which texts, of which languages, were kept."""
    sources = task.recipe.extract.sources
    counts = [Counts() for _ in sources]
    kinds: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    out, splits = task.folders.out, units(task)
    found = read_receipts([STEP.receipt(task.folders, unit) for unit in splits], task.plan, out)
    for unit, receipt in zip(splits, found, strict=True):
        if receipt is not None:
            counts[unit.covers.source] += replace(receipt.counts, kinds={}, languages={})
            languages.update(receipt.counts.languages)
            kinds.update(receipt.counts.kinds or kinds_in(out / f"part-{unit.name}.parquet"))
    path = out / "results.json"
    named = [
        {
            "source": number,
            "kind": source.kind,
            "read": count.read,
            "kept": count.kept,
            "rejected": count.rejected,
        }
        for number, (source, count) in enumerate(zip(sources, counts, strict=True))
    ]
    told = {"text_kinds": dict(kinds.most_common()), "languages": dict(sorted(languages.items()))}
    write_json(path, {"sources": named, **told})
    return (describe(path),)


def kinds_in(part: Path) -> list[str]:
    """The kinds of text of a part: receipts of earlier releases do not tell them."""
    return rows.column(part, "text_kind")


def counts(task: Task, receipts: Sequence[Receipt]) -> Counts:
    """What became of the records; the kinds of text and the languages are in results.json."""
    return replace(summed(receipts), kinds={}, languages={})


STEP = Work(name="Extract", units=units, do=do)
STAGE = Stage(
    name="extract",
    about="image-text pairs from every kind of source, cleaned, judged and matched to queries",
    reads=("queries",),
    inputs=inputs,
    steps=(STEP,),
    finish=finish,
    counts=counts,
)
