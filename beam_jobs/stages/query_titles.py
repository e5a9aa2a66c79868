"""The steps of the queries stage that add up the page views of what titles name."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs.engine.files import open_input
from beam_jobs.engine.stage import Done, Task, Unit
from beam_jobs.stages.query_units import (
    REDIRECTS,
    Account,
    finished,
    namespaces,
    of_units,
    part_units,
    parts,
    scratch,
    split_units,
    table_of,
    view_units,
    viewed,
    write_keyed,
)
from queries import pageviews, tally, titles
from queries.pageviews import Views, ViewsError
from queries.tagged import key, parted, tagged
from wit_pipeline.text.text import normalise
from wit_pipeline.vocabulary.manifest import Counts, write_json

MOST_TITLES = 1 << 20  # titles of page views held at once
VIEWS = pa.schema([("title", pa.string()), ("views", pa.int64())])
NAMES = pa.schema([("query", pa.string()), ("title", pa.string()), ("views", pa.int64())])


def count_views(task: Task, unit: Unit) -> Done:
    """The views of each title in one file, those of one wiki and no other."""
    file, wiki = unit.covers
    account, path = Account(file.name), file.path
    alone = wiki == viewed(task.recipe.queries)[0]  # what names no wiki is of the first
    number = 0
    with open_input(path) as stream:
        found = good_views(pageviews.views(stream, path, wiki.code, unnamed=alone), account)
        for number, views in enumerate(batches_of_views(found), start=1):
            titled = tagged(pa.array(list(views), pa.string()), wiki.language)
            table = pa.table({"title": titled, "views": list(views.values())}, VIEWS)
            name = f"{unit.name}-{number - 1:04d}.views"
            tally.write(task.folders.scratch / name, table, parts(task))
    return finished(task, unit, account, files=number)


def good_views(found: Iterable[Views | ViewsError], account: Account) -> Iterator[Views]:
    """The rows that could be read; the account hears of all."""
    for item in found:
        if isinstance(item, ViewsError):
            account.problem(item.reason, item.detail)
        else:
            account.read += 1
            yield item


def batches_of_views(found: Iterator[Views]) -> Iterator[dict[str, int]]:
    """Views by title, of as many rows as fit in memory."""
    while batch := list(islice(found, MOST_TITLES)):
        views: Counter[str] = Counter()
        for item in batch:
            views[titles.canonical(item.title)] += item.views
        yield views


def name_titles(task: Task, unit: Unit) -> Done:
    """One part of all views: by what the titles name, a redirect's views counted for its target."""
    files = of_units(view_units(task), task, ".views")
    table = tally.added_up(tally.read_part(files, unit.covers, VIEWS))
    redirects = redirects_of(task, unit.covers)
    named: dict[tuple[str, str], int] = {}
    names = namespaces(task.recipe.queries)
    no_thing = 0
    for title, views in zip(*(column.to_pylist() for column in table.columns), strict=True):
        language, own = parted(title)
        target = redirects.get(title, own)
        query = normalise(titles.named(target)) if titles.article_title(target, names[language]) else ""
        if query:
            place = key(language, query), target
            named[place] = named.get(place, 0) + views
        else:
            no_thing += 1
    rows_of = [(query, title, views) for (query, title), views in named.items()]
    tally.write(scratch(task, unit, ".names"), table_of(NAMES, rows_of), parts(task))
    write_json(scratch(task, unit, ".json"), {"titles": table.num_rows, "name_no_thing": no_thing})
    return Counts(), ()


def redirects_of(task: Task, part: int) -> dict[str, str]:
    """The redirects whose titles are in a part, of all dumps, by the key of the title."""
    paths = [scratch(task, unit, ".redirects") for unit in split_units("words", task)]
    table = tally.read_part(paths, part, REDIRECTS)
    return dict(zip(table.column("title").to_pylist(), table.column("target").to_pylist(), strict=True))


def add_names(task: Task, unit: Unit) -> Done:
    """One part of all that titles name: those with enough views, under the title viewed most."""
    units = part_units("names", view_units, task)
    table = tally.read_part([scratch(task, item, ".names") for item in units], unit.covers, NAMES)
    viewed_as = defaultdict[str, list[tuple[str, int]]](list)
    for query, title, views in zip(*(column.to_pylist() for column in table.columns), strict=True):
        viewed_as[parted(query)[0]].append((title, views))
    found = [
        (key(language, one.query), one.title, one.views)
        for language, each in sorted(viewed_as.items())
        for one in titles.rank(each, task.recipe.queries.title_min_views, 0)
    ]
    few = pc.count_distinct(table.column("query")).as_py() - len(found)
    write_json(scratch(task, unit, ".json"), {"too_few_views": few})
    write_keyed(scratch(task, unit, ".parquet"), table_of(NAMES, found))
    return Counts(), ()
