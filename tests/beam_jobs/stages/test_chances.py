"""URLs without a final answer, by the logs of the servers that were asked: pauses, closed ports, outages."""

import contextlib
import io
import itertools
import json
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.stages.crawl import client
from tests.beam_jobs.world import DUMP, PAGE
from tests.factories import encoded, photograph
from tests.web import Answer, Endpoint, Visit, Web, whole
from wit_pipeline.crawl.crawl import Fetched, Timed
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.asked import Asked, standing
from wit_pipeline.vocabulary.records import SUCCESS

RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 10
bigram_min_count = 10
[[extract.sources]]
kind = "list"
path = ["{folder}/list.jsonl"]
[frontier]
unit_urls = 50
expected_success = 0.5
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
allow_hosts = {hosts}
timeout = 3.0
retries = 0
{more}
[dedup]
evaluation = "flag"
[train]
model = "none"
"""
PAUSE = 10  # seconds: longer than all else takes on a busy machine, and than `timeout`
PICTURE = encoded(photograph(1, (160, 120)), quality=90)


class Place:
    """A recipe and a root, with URLs of these servers."""

    def __init__(self, folder: Path, urls: Iterable[str], authorities: Iterable[str], more: str = "") -> None:
        self.folder, self.root = folder, folder / "root"
        text = "The red dog saw the blue river. " * 5
        pages = "".join(PAGE.format(title=f"Dog {i}", id=i, text=text) for i in range(4))
        (folder / "dump.xml").write_text(DUMP.format(pages=pages))
        listed = [{"url": url, "caption": f"A red dog, number {n}"} for n, url in enumerate(urls)]
        (folder / "list.jsonl").write_text("\n".join(map(json.dumps, listed)))
        self._hosts = json.dumps(list(authorities))
        self.write(more)

    def write(self, more: str) -> None:
        """The recipe, with more keys of `[crawl]`."""
        recipe = RECIPE.format(folder=self.folder, hosts=self._hosts, more=more)
        (self.folder / "recipe.toml").write_text(recipe)

    def wit(self, *arguments: str) -> tuple[int, str]:
        """The exit code of a command, and what it said."""
        client.cache_clear()  # as in a process of its own
        said, recipe = io.StringIO(), str(self.folder / "recipe.toml")
        with contextlib.redirect_stderr(said):
            code = main([*arguments, "--recipe", recipe, "--root", str(self.root), "--workers", "1"])
        return code, " ".join(said.getvalue().split())

    def plan(self) -> str:
        """What `wit plan --root` says."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            assert main(["plan", "--recipe", f"{self.folder}/recipe.toml", "--root", str(self.root)]) == 0
        return said.getvalue()

    def crawl(self) -> tuple[int, str]:
        return self.wit("build", "--to", "crawl")

    def asked(self) -> Asked:
        found = manifest.load(self.root / "crawl")
        assert found is not None
        return Asked(self.root / "crawl", [file.name for file in found.files])

    def statuses(self) -> Counter[str]:
        """How many URLs of the signed crawl stand how."""
        asked = self.asked()
        return Counter(item.status for unit in asked.units for item in asked.standing(unit, Fetched))


def pictures(web: Web) -> list[str]:
    return [path for path in web.log.paths if path.endswith(".jpg")]


def paths(count: int) -> list[str]:
    return [f"/{number}.jpg" for number in range(count)]


def serving(count: int, answer: Answer | None = None) -> dict[str, Endpoint]:
    return {path: Endpoint(answer or whole(PICTURE), SUCCESS) for path in paths(count)}


def pausing_at(number: int, seconds: int) -> Answer:
    """Asks for a pause once, whatever the path: with request `number` of all."""
    lock, seen = threading.Lock(), 0

    def answer(visit: Visit) -> Iterable[bytes]:
        nonlocal seen
        with lock:
            seen += 1
            mine = seen
        if mine == number:
            return whole(b"", f"Retry-After: {seconds}", status="429 Slow down")(visit)
        return whole(PICTURE)(visit)

    return answer


def test_one_answer_that_asks_for_a_pause_costs_nobody_else(tmp_path: Path) -> None:
    """Each URL gives its picture, none is asked within the pause, and other hosts go on meanwhile."""
    with Web(serving(100, pausing_at(12, PAUSE))) as paused, Web(serving(100)) as other:
        urls = [web.url(path) for web in (paused, other) for path in paths(100)]
        place = Place(tmp_path, urls, [paused.authority, other.authority])
        code, said = place.crawl()
        assert (code, place.statuses()) == (0, {SUCCESS: 200}), said
        assert "hosts that asked for a pause" in said
        assert "no final answer" not in said
        asked = [at for path, at in zip(paused.log.paths, paused.log.times, strict=True) if ".jpg" in path]
        gaps = [later - sooner for sooner, later in itertools.pairwise(asked)]
        assert max(gaps) >= PAUSE
        late = asked[gaps.index(max(gaps)) + 1]
        assert len(asked) == 101
        assert sum(at < late for at in asked) <= 12 + 1  # one may have been under way
        assert max(other.log.times) < late
        assert Counter(pictures(other)) == Counter(paths(100))
        times = [path for unit in place.asked().units for path in place.asked().times(unit)]
        named = [item for path in times for item in rows.read(path, Timed) if item.not_before]
        assert len(named) >= 87
        assert not list((place.root / ".work").glob("crawl*.json"))


def test_nobody_waits_longer_than_patience_and_again_asks_after_the_pause(tmp_path: Path) -> None:
    with Web(serving(30, pausing_at(5, 9))) as paused, Web(serving(60)) as other:
        urls = [paused.url(path) for path in paths(30)] + [other.url(path) for path in paths(60)]
        more = "patience = 2.0\npassing = 0.9\nagain_after = 0.0"
        place = Place(tmp_path, urls, [paused.authority, other.authority], more)
        code, said = place.crawl()
        left = place.statuses()["host_paused"]
        assert (code, place.statuses()[SUCCESS]) == (0, 90 - left), said
        assert left >= 25
        assert f"{left} URLs had no final answer; `wit crawl --again`" in said
        asked = len(pictures(paused))
        assert place.wit("build", "--to", "crawl")[0] == 0
        assert len(pictures(paused)) == asked  # a signed crawl is not asked again by itself
        code, said = place.wit("crawl", "--again")
        if f"{left} URLs may be asked again by `wit crawl --again` from" in said:
            assert len(pictures(paused)) == asked  # not before the moment that the host named
            time.sleep(max(0.0, 9.1 - (time.monotonic() - max(paused.log.times))))
            code, said = place.wit("crawl", "--again")
        assert (code, place.statuses()) == (0, {SUCCESS: 90}), said


def test_a_pause_that_a_host_named_holds_after_the_crawl_was_signed(tmp_path: Path) -> None:
    """For URLs that are new, too: the host is not so much as asked for its robots.txt."""
    with Web(serving(40, pausing_at(5, 3600))) as paused, Web(serving(60)) as other:
        urls = [paused.url(path) for path in paths(30)] + [other.url(path) for path in paths(30)]
        more = "patience = 2.0\npassing = 0.9\nagain_after = 0.0"
        place = Place(tmp_path, urls, [paused.authority, other.authority], more)
        assert place.crawl()[0] == 0
        left, asked = place.statuses()["host_paused"], len(paused.log.paths)
        assert left >= 25
        urls += [web.url(path) for web in (paused, other) for path in paths(40)[30:]]
        place = Place(tmp_path, urls, [paused.authority, other.authority], more)
        assert place.crawl()[0] == 0
        assert place.wit("crawl", "--again")[0] == 0
        assert len(paused.log.paths) == asked
        assert place.statuses() == {SUCCESS: 80 - left - 10, "host_paused": left + 10}
        assert Counter(pictures(other)) == Counter(paths(40))


def test_what_a_rule_of_ours_refused_is_asked_for_when_the_rule_is_another(tmp_path: Path) -> None:
    """Those that pass now, by any build, once; a host's own word is none of ours."""
    large = Endpoint(whole(encoded(photograph(2, (400, 300)), quality=98)), SUCCESS)
    shut = Endpoint(whole(b"", "X-Robots-Tag: noai"), "")
    ends = {**serving(10), "/large/0.jpg": large, "/shut/0.jpg": shut}
    with Web(ends) as web, Web(serving(4)) as private:
        urls = [web.url(path) for path in ends] + [private.url(path) for path in paths(4)]
        place = Place(tmp_path, urls, [web.authority], "max_bytes = 20000\nhost_urls = 8")
        code, said = place.crawl()
        before = place.statuses()
        assert (code, before["host_too_slow"], before["blocked_address"]) == (0, 4, 4), said
        asked = Counter(pictures(web))
        assert place.crawl()[0] == 0
        for more, hosts in (
            ("max_bytes = 19000\nhost_urls = 8", [web.authority]),  # none of it passes by that
            ("host_urls = 11", [web.authority]),
            ("", [web.authority, private.authority]),
            ("max_header_bytes = 9999", [web.authority, private.authority]),
        ):
            place = Place(tmp_path, urls, hosts, more)
            code, said = place.crawl()
            assert code == 0, said
            if more.startswith("max_bytes"):
                assert (place.statuses(), Counter(pictures(web))) == (before, asked)
            elif more == "host_urls = 11":
                assert (place.statuses()["host_too_slow"], sum(Counter(pictures(web)).values())) == (
                    1,
                    8 + 3 + asked["/large/0.jpg"],
                )
        assert place.statuses() == {SUCCESS: 15, "opted_out": 1}
        twice = {"/large/0.jpg"} if asked["/large/0.jpg"] else set()
        assert {path for path, count in Counter(pictures(web)).items() if count > 1} == twice
        assert Counter(pictures(private)) == Counter(paths(4))
        assert main(["verify", "--root", f"{place.root}"]) == 0


@contextmanager
def closed(endpoints: dict[str, Endpoint]) -> Iterator[tuple[str, Web]]:
    """A server that does not listen yet: entering it opens the port that its URLs name."""
    web = Web(endpoints)
    port = int(web.authority.rpartition(":")[2])
    web._server.socket.close()  # the name stays, nobody answers
    web._server.socket = socket.socket()
    web._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    yield f"127.0.0.1:{port}", web


def opened(web: Web, port: int) -> Web:
    web._server.socket.bind(("127.0.0.1", port))
    web._server.socket.listen(128)
    web._server.server_address = ("127.0.0.1", port)
    return web


def test_a_port_that_was_closed_and_is_opened_later_gives_all_by_again(tmp_path: Path) -> None:
    with closed(serving(30)) as (authority, later), Web(serving(200)) as other:
        urls = [f"http://{authority}{path}" for path in paths(30)] + [other.url(path) for path in paths(200)]
        place = Place(tmp_path, urls, [authority, other.authority])
        code, said = place.crawl()
        assert (code, dict(place.statuses())) == (0, {SUCCESS: 200, "connect_error": 30}), said
        assert "30 URLs had no final answer; `wit crawl --again`" in said
        assert "30 URLs had no final answer" in place.plan()
        before = place.asked().tables
        bytes_before = {path: path.read_bytes() for path in before.values()}
        code, said = place.wit("crawl", "--again")
        assert code == 0
        assert "30 URLs may be asked again by `wit crawl --again` from" in said  # a day later
        place.write("again_after = 0.0")
        with opened(later, int(authority.rpartition(":")[2])):
            assert place.wit("build", "--to", "crawl")[0] == 0
            assert pictures(later) == []  # not by a build
            code, said = place.wit("crawl", "--again")
            assert (code, dict(place.statuses())) == (0, {SUCCESS: 230}), said
            assert "no final answer" not in said
            assert Counter(pictures(later)) == Counter(paths(30))
        assert Counter(pictures(other)) == Counter(paths(200))  # each once, in all three commands
        assert {path: path.read_bytes() for path in before.values()} == bytes_before
        stored = [
            item.image
            for unit in place.asked().units
            for item in standing(place.asked().of(unit)[1:], Fetched)
        ]
        assert {image.chance for image in stored} == {2}
        assert all(place.asked().tar(image).exists() for image in stored)


def test_again_asks_three_times_at_most(tmp_path: Path) -> None:
    with Web(serving(20)) as good, Web(serving(3, whole(b"", status="500 Oops"))) as bad:
        urls = [good.url(path) for path in paths(20)] + [bad.url(path) for path in paths(3)]
        place = Place(tmp_path, urls, [good.authority, bad.authority], "again_after = 0.0")
        assert place.crawl()[0] == 0
        for _ in range(5):
            assert place.wit("crawl", "--again")[0] == 0
        assert Counter(pictures(bad)) == dict.fromkeys(paths(3), 4)
        assert Counter(pictures(good)) == Counter(paths(20))


def test_an_outage_is_not_signed_and_running_again_asks_for_what_it_left(tmp_path: Path) -> None:
    with closed(serving(30)) as (authority, later), Web(serving(30)) as other:
        urls = [f"http://{authority}{path}" for path in paths(30)] + [other.url(path) for path in paths(30)]
        place = Place(tmp_path, urls, [authority, other.authority])
        code, said = place.crawl()
        assert code == 1
        assert "30 of 60 URLs failed in ways that may pass, 30 of them by connect_error" in said
        assert manifest.load(place.root / "crawl") is None
        assert place.crawl()[0] == 1  # as it is still there, all of it
        with opened(later, int(authority.rpartition(":")[2])):
            code, said = place.crawl()
            assert (code, dict(place.statuses())) == (0, {SUCCESS: 60}), said
            assert Counter(pictures(later)) == Counter(paths(30))
        assert Counter(pictures(other)) == Counter(paths(30))


@pytest.mark.parametrize(
    ("failing", "share", "code"), [(20, 0.2, 0), (21, 0.2, 1), (21, 0.3, 0), (9, 0.01, 0)]
)
def test_both_sides_of_the_share_that_is_an_outage(
    failing: int, share: float, code: int, tmp_path: Path
) -> None:
    with Web(serving(100 - failing)) as good, Web(serving(failing, whole(b"", status="502 Bad"))) as bad:
        urls = [good.url(path) for path in paths(100 - failing)] + [bad.url(path) for path in paths(failing)]
        place = Place(tmp_path, urls, [good.authority, bad.authority], f"passing = {share}")
        assert place.crawl()[0] == code


def test_what_a_host_forbids_when_it_is_asked_again_is_taken_down(tmp_path: Path) -> None:
    """By its robots.txt of now: no picture is asked for again, and hosts that are not asked are left."""
    rules = ["User-agent: *\nDisallow:\n"]

    def robots(visit: Visit) -> Iterable[bytes]:
        return whole(rules[0].encode(), "Content-Type: text/plain")(visit)

    served = [f"/{folder}/{n}.jpg" for folder in ("open", "shut") for n in range(6)]
    endpoints = {path: Endpoint(whole(PICTURE), SUCCESS) for path in [*served, "/open/new.jpg"]}
    endpoints["/robots.txt"] = Endpoint(robots, SUCCESS)
    with Web(endpoints) as one, Web(endpoints) as other:
        urls = [web.url(path) for web in (one, other) for path in served]
        hosts = [one.authority, other.authority]
        place = Place(tmp_path, urls, hosts)
        code, said = place.wit("build", "--to", "filter")
        assert (code, place.statuses()) == (0, {SUCCESS: 24}), said
        rules[0] = "User-agent: *\nDisallow: /shut/\n"
        shutil.rmtree(place.root / ".work")  # what it knew of hosts is a day old
        asked = len(pictures(one)), len(other.log.paths)
        place = Place(tmp_path, [*urls, one.url("/open/new.jpg")], hosts)
        code, said = place.wit("build", "--to", "filter")
        assert code == 0, said
        assert pictures(one)[asked[0] :] == ["/open/new.jpg"]
        assert len(other.log.paths) == asked[1]
        assert one.log.paths.count("/robots.txt") == 2
        assert place.statuses() == {SUCCESS: 19, "robots_disallowed": 6}
        told = {
            item.url: item.status
            for unit in place.asked().units
            for item in place.asked().standing(unit, Fetched)
        }
        assert {url for url, status in told.items() if status != SUCCESS} == {
            one.url(path) for path in served if path.startswith("/shut/")
        }
        signed = manifest.load(place.root / "filter")
        assert signed is not None
        assert signed.counts.read == 19
        rules[0] = "User-agent: *\nDisallow:\n"  # a no that was heard holds until a picture is had again
        shutil.rmtree(place.root / ".work")
        place = Place(tmp_path, [*urls, one.url("/open/new.jpg"), other.url("/open/new.jpg")], hosts)
        assert place.wit("build", "--to", "filter")[0] == 0
        assert place.statuses() == {SUCCESS: 20, "robots_disallowed": 6}
        assert main(["verify", "--root", f"{place.root}"]) == 0


def test_pictures_older_than_max_age_are_asked_for_again_and_a_410_takes_them_down(tmp_path: Path) -> None:
    """A 404 does not, nor a failure that may pass; who is younger is not asked, nor is anybody by default."""
    later = dict(zip(paths(3), ("410 Gone", "404 Not Found", "503 Busy"), strict=True))
    status = dict.fromkeys(later, "200 OK")

    def answer(visit: Visit) -> Iterable[bytes]:
        return whole(PICTURE, status=status.get(visit.target, "200 OK"))(visit)

    with Web(serving(6, answer)) as web:
        place = Place(tmp_path, map(web.url, paths(6)), [web.authority])
        assert place.wit("build", "--to", "filter")[0] == 0
        status.update(later)
        for more in ("", "max_age = 1.0"):
            place.write(more)
            assert place.wit("build", "--to", "filter")[0] == 0
            assert len(pictures(web)) == 6
        place.write("max_age = 1e-9")
        assert "is made: some of it is asked for again" in place.plan()
        assert "6 pictures are older than max_age, and are asked for again" in place.plan()
        code, said = place.wit("build", "--to", "filter")
        assert code == 0, said
        assert said.count("6 pictures are older than max_age, and are asked for again") == 2
        assert Counter(pictures(web)) == dict.fromkeys(paths(6), 2)
        assert place.statuses() == {SUCCESS: 5, "http_not_found": 1}
        signed = manifest.load(place.root / "filter")
        assert signed is not None
        assert signed.counts.read == 5
        assert place.wit("build", "--to", "filter")[0] == 0
        assert pictures(web).count("/0.jpg") == 2  # it was taken down, and is left alone
        assert pictures(web).count("/1.jpg") == 3
