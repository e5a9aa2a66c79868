"""Four workers that share no folder, as on four machines: what servers see of them, by their logs."""

import itertools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
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
    task, lane = pickle.load(file)
graphs.do_lane(crawl.STAGE.steps[0], task, lane)
"""


def slowly(visit: Visit) -> Iterable[bytes]:
    visit.pause(TOOK)
    return whole(JPEG)(visit)


def rules(delay: float, barrier: threading.Barrier | None = None) -> Endpoint:
    """A robots.txt; behind a barrier, so that workers begin together, however slowly each has started."""

    def answer(visit: Visit) -> Iterable[bytes]:
        if barrier is not None:
            barrier.wait(200)
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
    """Do the lanes of a crawl, each by a process whose machine is its own."""
    started = []
    for number, lane in enumerate(graphs.lanes(crawl.units(task))[:WORKERS]):
        machine = folder / f"machine-{number}"
        machine.mkdir()
        (machine / "lane").write_bytes(pickle.dumps((task, lane)))
        command = [sys.executable, "-c", WORKER, f"{machine}/lane"]
        started.append(subprocess.Popen(command, cwd=HERE, env={**os.environ, "TMPDIR": f"{machine}"}))
    assert [process.wait(300) for process in started] == [0] * WORKERS


def lasted(web: Web) -> float:
    """Seconds from a server's first request to the end of its last answer."""
    return max(end for _, end in web.log.spans) - min(start for start, _ in web.log.spans)


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
        barrier = threading.Barrier(WORKERS)
        for web in own:
            web.endpoints["/robots.txt"] = rules(DELAY if web is own[0] else 0.0, barrier)
        slow.endpoints["/robots.txt"] = rules(DELAY)
        sign_frontier(folder / "root", units)
        config = CrawlConfig(allow_hosts=tuple(web.authority for web in webs), timeout=200.0)
        folders = crawl.STAGE.folders(folder / "root")
        folders.out.mkdir(parents=True)
        work(Task(folders=folders, recipe=Recipe(crawl=config), plan="p", processes=WORKERS), folder)
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
    took = [end - start for start, end in busy.log.spans]
    assert len(took) >= URLS // 2 * (WORKERS - 1 + UNITS)
    first = WORKERS * max(took)  # one exchange of each, that nobody could know of
    assert sum(took) - first <= CrawlConfig().connections_per_host * lasted(busy)
    assert busy.log.peak <= WORKERS


def test_the_crawl_delay_of_such_a_target_is_kept_by_all_together(crawled: tuple[Web, Web, Web]) -> None:
    _, _, slow = crawled
    assert (len(slow.log.spans) - WORKERS) * DELAY <= lasted(slow)
