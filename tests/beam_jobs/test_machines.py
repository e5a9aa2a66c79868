"""Four workers that share no folder, as on four machines: what servers see of them, by their logs."""

import itertools
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from beam_jobs.engine import graphs
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.stage import Task
from beam_jobs.stages import crawl
from beam_jobs.stages.frontier import UnitRow
from tests.beam_jobs.signed import sign_files
from tests.factories import candidate
from tests.web import JPEG, Endpoint, Visit, Web, to, whole
from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Candidate

HERE = Path(__file__).parents[2]
WORKERS = 4
UNITS = 3  # of the large host, which are a lane; every other worker has one unit, of one host
URLS = 8  # of a unit: each a redirect, to one of the two targets in turn
TOOK = 0.1  # seconds of an answer of the busy target …
DELAY = 0.15  # … and that the large host, and the other target, want between two requests
WORKER = """
import pickle, sys
from beam_jobs.engine import graphs
from beam_jobs.stages import crawl
with open(sys.argv[1], "rb") as file:
    task, lanes = pickle.load(file)
for lane in lanes:
    graphs.do_lane(crawl.STAGE.steps[0], task, lane)
"""


def slowly(visit: Visit) -> Iterable[bytes]:
    visit.pause(TOOK)
    return whole(JPEG)(visit)


class Gathering:
    """Lets nobody go on before all workers have come, however slowly each has started."""

    def __init__(self) -> None:
        self._missing = WORKERS
        self._lock, self._all = threading.Lock(), threading.Event()

    def wait(self) -> None:
        with self._lock:
            self._missing -= 1
            if self._missing <= 0:
                self._all.set()
        assert self._all.wait(200)


def rules(delay: float, gathering: Gathering | None = None) -> Endpoint:
    """A robots.txt, which waits for who else is to come."""

    def answer(visit: Visit) -> Iterable[bytes]:
        if gathering is not None:
            gathering.wait()
        return whole(f"User-agent: *\nCrawl-delay: {delay}\n".encode())(visit)

    return Endpoint(answer, SUCCESS)


def sign_frontier(root: Path, units: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Sign units of crawling, each with the name of its lane."""
    folder = root / "frontier"
    folder.mkdir(parents=True)
    for number, (_, urls) in enumerate(units):
        rows.write(folder / f"part-{number:06d}.parquet", Candidate, [candidate(url) for url in urls])
    listed = [
        UnitRow(unit=number, urls=len(urls), candidates=len(urls), hosts=1, lane=lane)
        for number, (lane, urls) in enumerate(units)
    ]
    rows.write(folder / "units.parquet", UnitRow, listed)
    sign_files(root, "frontier", URLS * len(units))


def work(task: Task, folder: Path) -> None:
    """Do the lanes of a crawl, by processes each of which has a machine to itself."""
    started, lanes = [], graphs.lanes(crawl.units(task))
    for number in range(WORKERS):
        machine = folder / f"machine-{number}"
        machine.mkdir()
        (machine / "lanes").write_bytes(pickle.dumps((task, lanes[number::WORKERS])))
        command = [sys.executable, "-c", WORKER, f"{machine}/lanes"]
        started.append(subprocess.Popen(command, cwd=HERE, env={**os.environ, "TMPDIR": f"{machine}"}))
    assert [process.wait(300) for process in started] == [0] * WORKERS


def assert_a_process_alone_stores_the_same(task: Task, root: Path) -> None:
    """Of the last unit: what is a share changes nothing but times."""
    shutil.copytree(task.folders.root / "frontier", root / "frontier")
    alone = replace(task, folders=crawl.STAGE.folders(root), processes=1)
    _, files = crawl.do(alone, crawl.units(alone)[-1])
    for name in (file.name for file in files if not file.name.startswith("times-")):
        assert (root / "crawl" / name).read_bytes() == (task.folders.out / name).read_bytes()


def windows(web: Web) -> Iterator[tuple[float, list[float]]]:
    """From every request to the end of every later answer: how long that is, and how long each took."""
    spans = sorted(web.log.spans)
    for first in range(len(spans)):
        for last in range(first + 1, len(spans) + 1):
            inside = spans[first:last]
            took = [end - start for start, end in inside]
            yield max(end for _, end in inside) - inside[0][0], took


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Web, Web, Web]:
    """A large host, and two targets of redirects that the workers have led to all at once: busy and slow."""
    folder = tmp_path_factory.mktemp("machines")
    with ExitStack() as open_:
        busy, slow, *own = webs = [open_.enter_context(Web({})) for _ in range(2 + WORKERS)]
        hosts = [own[0]] * UNITS + own[1:]
        units = []
        for number, web in enumerate(hosts):
            paths = [f"/{number}/{i}" for i in range(URLS)]
            for path, target in zip(paths, itertools.cycle((busy, slow))):
                web.endpoints[path] = Endpoint(to(target.url(path)), SUCCESS)
                target.endpoints[path] = Endpoint(slowly if target is busy else whole(JPEG), SUCCESS)
            units.append(("large" if web is own[0] else "", [web.url(path) for path in paths]))
        gathering = Gathering()
        for web in own:
            web.endpoints["/robots.txt"] = rules(DELAY if web is own[0] else 0.0, gathering)
        slow.endpoints["/robots.txt"] = rules(DELAY)
        sign_frontier(folder / "root", units)
        config = CrawlConfig(allow_hosts=tuple(web.authority for web in webs), timeout=200.0)
        folders = crawl.STAGE.folders(folder / "root")
        folders.out.mkdir(parents=True)
        task = Task(folders=folders, recipe=Recipe(crawl=config), plan="p", processes=WORKERS)
        work(task, folder)
        assert_a_process_alone_stores_the_same(task, folder / "alone")
    tables = folders.out.glob("unit-*.parquet")
    statuses = [item.status for path in tables for item in rows.read(path, Fetched)]
    assert statuses == [SUCCESS] * URLS * len(units)
    return own[0], busy, slow


def test_the_units_of_a_host_are_asked_for_as_by_one_process(crawled: tuple[Web, Web, Web]) -> None:
    large, _, _ = crawled
    assert len([path for path in large.log.paths if path.count("/") == 2]) >= UNITS * URLS
    assert large.log.peak == 1
    assert min(large.log.rests) >= DELAY  # from the end of one to the start of the next
    assert large.hits("/robots.txt") == 1


def test_a_target_of_everybodys_redirects_is_used_no_more_than_by_one_process(
    crawled: tuple[Web, Web, Web],
) -> None:
    """Workers may all begin at once; then each rests so long that all together use two connections."""
    _, busy, _ = crawled
    assert len(busy.log.spans) >= URLS // 2 * (WORKERS - 1 + UNITS)
    most = CrawlConfig().connections_per_host
    for seconds, took in windows(busy):
        assert sum(took) <= most * seconds + WORKERS * max(took)  # of each one exchange, before its rest
    assert busy.log.peak <= WORKERS


def test_the_crawl_delay_of_such_a_target_is_kept_by_all_together(crawled: tuple[Web, Web, Web]) -> None:
    _, _, slow = crawled
    assert len(slow.log.spans) >= URLS // 2 * (WORKERS - 1 + UNITS)
    for seconds, took in windows(slow):
        assert (len(took) - WORKERS) * DELAY <= seconds
