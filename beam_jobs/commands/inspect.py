"""Commands that read a root and change nothing in it: why, report, verify, plan."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from rich.console import Console

from beam_jobs.commands.likely import rows_with, shards, units_and_rejects
from beam_jobs.engine import recipe
from beam_jobs.engine.outlook import outlook
from beam_jobs.stages import frontier, keeping, sets
from beam_jobs.stages.chances import unanswered
from beam_jobs.stages.crawl import largest_host
from beam_jobs.stages.stages import STAGES
from queries import store
from queries.diff import diff, lines, provenance
from wit_pipeline.balance import QueryCount
from wit_pipeline.crawl.accounts import Class, Host, Outcome, decoders
from wit_pipeline.report.build_report import build_page
from wit_pipeline.report.hosts import crawl_section
from wit_pipeline.report.languages import language_section
from wit_pipeline.report.query_list import query_section
from wit_pipeline.report.sources import source_section
from wit_pipeline.shard import tables_of
from wit_pipeline.takedown.takedown import Removed
from wit_pipeline.text.text import normalise
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.asked import Asked, asking, everything
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import Counts, Manifest
from wit_pipeline.vocabulary.records import Query, Reason, Reject

KEY_DIGITS = 32
LOOKED_AT = 100_000  # rejects that the report looks for examples in
BY_UNIT = ("crawl", "filter", "dedup", "balance")  # stages whose files are of units of crawling


def signed(root: Path) -> list[Manifest]:
    """The manifests of a root, in the order of the stages; a `UserError` where there is none."""
    found = [manifest.load(root / name) for name in STAGES]
    present = [item for item in found if item is not None]
    if not present:
        raise UserError(f"--root {root}: holds no signed stage; run `wit build` first")
    return present


def say(line: str) -> None:
    """A line of result on stdout."""
    sys.stdout.write(line + "\n")


def write_report(root: Path) -> Path:
    """Write ROOT/report/index.html."""
    found = {item.stage: item for item in signed(root)}
    counts: list[QueryCount] = []
    if "balance" in found:
        counts = list(rows.read(root / "balance" / "counts.parquet", QueryCount))
    audit = manifest.read_json(root / "audit" / "results.json") if "audit" in found else None
    crawl = found.get("crawl")
    crawled = crawl_of(root, crawl) if crawl is not None and crawl.named("hosts.parquet") else None
    path = root / "report" / "index.html"
    page = build_page(
        list(found.values()),
        query_list(root, counts) if "queries" in found else None,
        sources(root, found["extract"]) if "extract" in found else None,
        counts,
        audit,
        crawled,
        query_texts(root) if "queries" in found else {},
    )
    with manifest.aside(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    sign_report(path, found)
    return path


def sign_report(path: Path, found: Mapping[str, Manifest]) -> None:
    """Say what a report was made from."""
    time = datetime.now(UTC).isoformat(timespec="seconds")
    made = Manifest(
        stage="report",
        plan="",
        inputs={name: item.digest for name, item in found.items()},
        recipe={},
        counts=Counts(),
        files=(manifest.describe(path),),
        started=time,
        finished=time,
    )
    manifest.sign(path.parent, made)


def query_texts(root: Path) -> dict[int, str]:
    """The queries of a signed list, by id."""
    ids, texts = store.texts(root / "queries" / "queries.parquet")
    return dict(zip(ids.tolist(), texts.to_pylist(), strict=True))


def query_list(root: Path, counts: Sequence[QueryCount]) -> dict[str, Any]:
    """What the report shows of a signed query list, and by language what came of it."""
    folder = root / "queries"
    problems = list(rows.read_rows(folder / "problems.parquet"))
    return query_section(
        store.read(folder / "queries.parquet"),
        manifest.read_json(folder / "results.json"),
        problems,
        languages(root, counts),
    )


def languages(root: Path, counts: Sequence[QueryCount]) -> list[dict[str, Any]]:
    """What the report shows of the languages, as far as the root is built."""
    ids, _, spoken = store.spoken(root / "queries" / "queries.parquet")
    told = {stage: root / stage / "results.json" for stage in ("queries", "extract", "balance")}
    found = {stage: manifest.read_json(path) if path.exists() else {} for stage, path in told.items()}
    return language_section(
        found["queries"].get("languages", {}),
        found["extract"].get("languages", {}),
        found["balance"].get("languages", {}),
        counts,
        dict(zip(ids.tolist(), spoken.to_pylist(), strict=True)),
    )


def sources(root: Path, extracted: Manifest) -> dict[str, Any]:
    """What the report shows of the sources of a signed extract."""
    folder = root / "extract"
    rejects = (item for file in extracted.named("rejects-") for item in rows.read(folder / file.name, Reject))
    return source_section(manifest.read_json(folder / "results.json"), islice(rejects, LOOKED_AT))


def crawl_of(root: Path, signed: Manifest) -> dict[str, Any]:
    """What the report shows of a signed crawl."""
    folder = root / "crawl"
    return crawl_section(
        rows.read(folder / "hosts.parquet", Host),
        rows.read(folder / "classes.parquet", Class),
        decoders(folder / file.name for file in signed.named("unit-", ".parquet")),
    )


def run_report(arguments: argparse.Namespace) -> None:
    """wit report."""
    say(str(write_report(arguments.root)))


def run_plan(arguments: argparse.Namespace) -> None:
    """wit plan: the recipe checked, what each stage would read, and of a root what would be done."""
    loaded = recipe.load(arguments.recipe)
    for stage in STAGES.values():
        reads = [*stage.reads, *(f"{path} ({version})" for path, version in stage.inputs(loaded).items())]
        shown = reads[:5] + ([f"and {len(reads) - 5:,} more"] if len(reads) > 5 else [])
        say(f"{stage.name:>8}  reads {'; '.join(shown) or 'nothing'}")
        if stage.name == "dedup":
            for said in sets.told(loaded.audit):
                say(f"{stage.name:>8}  {said}")
        if stage.name == "crawl" and loaded.crawl.as_agents:
            say(f"{stage.name:>8}  {agents(loaded)}")
    if arguments.root is not None:
        for line in outlook(list(STAGES.values()), loaded, arguments.root):
            say(line)
        for line in (*standing(arguments.root), *largest_host(arguments.root, loaded.crawl.host_interval)):
            say(line)


def standing(root: Path) -> Iterator[str]:
    """What was fetched into a root so far: a line for each status, and one for each decoder that stored."""
    asked = Asked(root / "crawl", (file.name for file in keeping.files_of(root / "crawl")))
    if not asked.tables:
        yield f"{root}  holds nothing that was fetched"
        return
    found = Counter(item.status for _, item in everything(asked, Outcome))
    yield f"{root}  {len(asked.units):,} units, {found.total():,} URLs were asked for"
    for status, count in found.most_common():
        yield f"{count:>12,}  {count / found.total():>6.1%}  {status}"
    if left := unanswered(root):
        yield f"{root}  {left}"
    for name, count in decoders(asked.tables.values()).items():
        yield f"{count:>12,}  pictures stored by decoder {name}"


def agents(loaded: recipe.Recipe) -> str:
    """Whose groups in robots.txt refuse us too, and what that cost in the crawls that the recipe names."""
    named = ", ".join(loaded.crawl.as_agents)
    earlier = sum(frontier.measured(loaded).values(), Counts())
    lost = earlier.rejected.get(Reason.AGENTS_DISALLOWED, 0)
    share = f"{lost / earlier.read:.1%} of candidates" if earlier.read else "how much, a crawl tells"
    return f"leaves out what robots.txt disallows to {named}: {share}; crawl.as_agents = [] does not"


def run_why(arguments: argparse.Namespace) -> None:
    """wit why: each stage's word on a pair, by its key or its URL, or the sources of a query."""
    what, console = arguments.what, Console(highlight=False, soft_wrap=True)
    told = list(life(arguments.root, what)) or list(origin(arguments.root, what))
    if not told:
        raise UserError(
            f"{what}: no stage in {arguments.root} knows it; give a pair's 32-digit key, its URL, or a "
            "query. Of what extract rejects, a sample is written down, all of it with extract.keep_rejects"
        )
    for line in told:
        console.print(line, markup=False)


def origin(root: Path, what: str) -> Iterator[str]:
    """Why a query is in the list, or why it is not: a line for each source that offers it."""
    found, query = {item.stage: item for item in signed(root)}, normalise(what)
    if "queries" not in found or not query:
        return
    table = rows.table(root / "queries" / "queries.parquet", where=pc.field("query") == query)
    for row in table.to_pylist():
        entry = rows.from_row(Query, row)
        place = f"number {entry.rank + 1:,} of kind {entry.kind}"
        spoken = f" of {entry.language}" if entry.language else ""
        yield f" queries  {entry.query!r}{spoken} is query {entry.query_id:,}, {place}"
        yield from provenance(entry)
        if "balance" in found:
            found_counts = root / "balance" / "counts.parquet"
            for pairs in rows.table(found_counts, where=pc.field("query_id") == entry.query_id).to_pylist():
                yield f" balance  {_balanced(rows.from_row(QueryCount, pairs))}"
    for row in _find([root / "queries" / "dropped.parquet"], "query", {query}):
        rule = f" by {row['detail']!r}" if row["detail"] else ""
        views = f", {row['views']:,} views" if row["views"] else ""
        spoken = f" of {row['language']}" if row.get("language") else ""
        yield f" queries  {query!r}{spoken} was dropped: {row['reason']}{rule}"
        yield f"{row['kind']:>8}  {row['count']:,} times in {row['document_count']:,} articles{views}"


def _balanced(item: QueryCount) -> str:
    found = f"of {item.candidates:,} pairs that contain it {item.fetched:,} were asked for"
    return f"{found}, {item.survivors:,} came this far, and {item.kept:,} were kept"


def query_table(old: Path) -> Path:
    """The queries.parquet of a root, of its queries folder, or itself; a `UserError` where there is none."""
    place = old / "queries" / "queries.parquet" if old.is_dir() else old
    if old.is_dir() and not place.exists():
        place = old / "queries.parquet"
    if not place.exists():
        raise UserError(f"--diff {old}: is neither a root with a query list nor a queries.parquet")
    return place


def compare(old: Path, root: Path) -> None:
    """wit queries --diff OLD: what the list in a root changes."""
    for line in lines(diff(store.read(query_table(old)), store.read(root / "queries" / "queries.parquet"))):
        say(line)


def life(root: Path, what: str) -> Iterator[str]:
    """A line for each stage that met a pair or a URL, in order."""
    by_key = len(what) == KEY_DIGITS and all(character in "0123456789abcdef" for character in what)
    column = "key" if by_key else "url"
    urls, keys, units = {what}, {what}, set[int]()
    extracted: list[Path] = []  # the parts that the pair was kept in, once each time
    kept = False  # whether the balance kept it
    for item in signed(root):
        folder = root / item.stage
        if item.stage == "crawl":
            tables, wanted = item.named("unit-", ".parquet"), ("url", urls)
        elif item.stage == "shard":
            tables = tables_of(item.files)
            wanted = ("pair_key" if by_key else "url", {what})
        else:
            tables, wanted = [*item.named("part-"), *item.named("rejects-")], (column, {what})
        paths = [folder / file.name for file in tables]
        if item.stage == "frontier":
            likely = units_and_rejects(item, folder, urls - {what} if by_key else urls, extracted)
            found = _first_in(likely, paths, *wanted, least=len(extracted))
        elif item.stage == "shard":
            found = _first_in(shards(item, folder, keys), paths, *wanted, least=int(kept))
        else:
            found = list(rows_with(_of_units(paths, units) if item.stage in BY_UNIT else paths, *wanted))
        for path, row in found:
            urls.add(row["url"])
            keys.add(row.get("key", ""))
            is_kept = "reason" not in row
            extracted += [path] if item.stage == "extract" and is_kept else []
            kept = kept or (item.stage == "balance" and is_kept)
            if item.stage == "frontier" and "reason" not in row:
                units.add(int(path.stem.removeprefix("part-")))
            yield f"{item.stage:>8}  {_told(item.stage, row)}"
        if item.stage == "shard":
            removed = [folder / file.name for file in item.named("removed.parquet")]
            for row in _find(removed, "pair_key", keys):
                yield f"   shard  sample {row['key']} {_left(rows.from_row(Removed, row))}"


def _first_in(
    likely: set[str], paths: list[Path], column: str, values: set[str], *, least: int
) -> list[tuple[Path, dict[str, Any]]]:
    """The rows that have one of some values: in files of likely names, or if `least` are not there in any."""
    found = list(rows_with([path for path in paths if path.name in likely], column, values))
    if likely and least and len(found) >= least:
        return found
    return list(rows_with(paths, column, values))


def _left(item: Removed) -> str:
    """Why a sample left its shard."""
    if item.reason is Reason.TAKEN_DOWN:
        return f"was taken down: entry {item.entry} of removed/{item.list}"
    return f"left its shard in a later round: {item.reason}"


def _of_units(paths: list[Path], units: set[int]) -> list[Path]:
    """Those of some files that are of the units in which the frontier has it; all, where it is in none."""
    named = [(path, asking(path.name)) for path in paths]
    return [path for path, which in named if which is None or which.unit in units] if units else paths


def _find(paths: list[Path], column: str, values: set[str]) -> Iterator[dict[str, Any]]:
    return (row for _, row in rows_with(paths, column, values))


def _told(stage: str, row: dict[str, Any]) -> str:
    if "reason" in row:
        detail = f": {row['detail']}" if row["detail"] else ""
        return f"rejected {row['reason']}{detail}  {row['caption']!r} at {row['where']}"
    if stage == "crawl":
        answer = f"HTTP {row['http_status']} {row['error_message']}"
        return f"{row['status']} after {row['attempts']} attempts, {answer}"
    if stage == "shard":
        return f"sample {row['key']} of {row['key'][:5]}.tar  {row['caption']!r}"
    if stage == "extract":
        return f"kept as {row['key']}  {row['caption']!r} from {row['where']}"
    return f"kept {row['key']}"
