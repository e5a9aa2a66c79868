import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from tests.factories import candidate, encoded, photograph
from tests.web import JPEG, Endpoint, Web, whole
from tests.web.wishes import licence, prohibits
from wit_pipeline.crawl.crawl import MARKS, NOTHING, Fetched, Supply, Timed, crawl, order, origins, pairs
from wit_pipeline.crawl.journal import Made, journals, records
from wit_pipeline.fetch.client import Client, FetchError, Origin, Response
from wit_pipeline.listed.lists import BlockList
from wit_pipeline.listed.matches import Matches
from wit_pipeline.pictures.image import Decoded, decode, decode_with_pdq
from wit_pipeline.shard import read_bytes
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.asked import Asking
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason

T = TypeVar("T")
CONFIG = CrawlConfig()


async def decode_here(body: bytes) -> Decoded:
    return decode(body, CONFIG)


class FakeClient:
    """Answers from a table; what is not in it is not found."""

    def __init__(self, bodies: Mapping[str, bytes], final: str = "") -> None:
        self.bodies = bodies
        self.final = final
        self.asked: list[str] = []
        self.owned: list[str] = []

    def owns(self, urls: Iterable[str]) -> None:
        self.owned += urls

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    @asynccontextmanager
    async def ask(self, url: str, found: Origin) -> AsyncIterator[Response]:
        self.asked.append(url)
        if url not in self.bodies:
            raise FetchError(Reason.HTTP_NOT_FOUND, "404 Not Found", http_status=404)
        yield Response(
            final_url=self.final or url + "#final",
            status=200,
            body=self.bodies[url],
            content_type="image/jpeg",
            etag="",
            last_modified="",
            x_robots_tag="all",
            tdm_reservation="",
            tdm_policy="",
            content_usage="",
            content_signal="",
            redirects=0,
            attempts=2,
        )


def supply(client: FakeClient, blocked: BlockList = NOTHING) -> Supply:
    return Supply(client=cast(Client, client), decode=decode_here, blocked=blocked)


BODIES = {f"http://a.test/{i}.jpg": encoded(photograph(i, (400, 300)), quality=95) for i in range(6)}
BODIES["http://a.test/bad.jpg"] = BODIES["http://a.test/0.jpg"][:3000]
WANTED = [
    candidate(url, text) for url in (*BODIES, "http://a.test/gone.jpg") for text in ("a dog", "a red dog")
]


def test_a_unit_owns_the_hosts_of_all_its_urls_before_any_is_asked(tmp_path: Path) -> None:
    client = FakeClient(BODIES)
    crawl(WANTED, supply(client), folder=tmp_path, which=Asking(1), seed=0)
    assert sorted(client.owned) == sorted(client.asked) == sorted({item.url for item in WANTED})


def test_bytes_that_are_held_are_read_and_not_fetched(tmp_path: Path) -> None:
    body = encoded(photograph(1, (400, 300)), quality=95)
    (tmp_path / "a#b.tar").write_bytes(b"before" + body + b"after")
    places = {
        "wds:1": f"{tmp_path}/a#b.tar#6+{len(body)}",
        "wds:2": f"{tmp_path}/a#b.tar#9999999+10",
        "wds:3": f"{tmp_path}/gone.tar#6+10",
    }
    client = FakeClient({})
    wanted = [candidate(url, held=place) for url, place in places.items()]
    counts, _ = crawl(wanted, supply(client), folder=tmp_path, which=Asking(1), seed=0)
    assert (counts.kept, dict(counts.rejected), client.asked) == (1, {"source_unreadable": 2}, [])
    found = {item.url: item for item in rows.read(tmp_path / "unit-000001.parquet", Fetched)}
    assert (found["wds:1"].attempts, found["wds:1"].image.original_width) == (0, 400)


def test_bytes_of_another_sum_than_the_list_states_are_dropped_or_flagged(tmp_path: Path) -> None:
    body = BODIES["http://a.test/1.jpg"]
    sums = {name: hashlib.new(name, body).hexdigest() for name in ("sha256", "md5")}
    stated = {
        "http://a.test/1.jpg": [f"sha256:{sums['sha256']}"],
        "http://a.test/1.jpg?md5": [f"md5:{sums['md5']}"],
        "http://a.test/1.jpg?two": [f"md5:{'0' * 32}", f"sha256:{sums['sha256']}", ""],
        "http://a.test/1.jpg?none": [""],
        "http://a.test/2.jpg": [f"sha256:{sums['sha256']}"],
        "http://a.test/2.jpg?md5": [f"md5:{sums['md5']}", ""],
        "http://a.test/2.jpg?odd": ["md5:n/a"],
        "http://a.test/bad.jpg": [f"md5:{sums['md5']}"],
    }
    client = FakeClient({url: BODIES[url.partition("?")[0]] for url in stated})
    wanted = [
        candidate(url, f"a dog {number}", digest=digest)
        for url, digests in stated.items()
        for number, digest in enumerate(digests)
    ]
    others = [url for url in stated if "/2.jpg" in url]
    for keep in (False, True):
        folder = tmp_path / f"{keep}"
        crawl(wanted, replace(supply(client), keep_others=keep), folder=folder, which=Asking(1), seed=0)
        found = {item.url: item for item in rows.read(folder / "unit-000001.parquet", Fetched)}
        for url, item in found.items():
            if url.endswith("bad.jpg"):
                assert item.status == (Reason.DECODE_ERROR if keep else Reason.HASH_MISMATCH)
            elif url not in others or keep:
                assert item.status == SUCCESS
                assert ("hash-mismatch" in json.loads(item.image.signals)) == (url in others)
            else:
                assert (item.status, item.attempts, item.image.length) == (Reason.HASH_MISMATCH, 2, 0)
        said = found["http://a.test/2.jpg?md5"]
        message = json.loads(said.image.signals)["hash-mismatch"] if keep else said.error_message
        assert f"the list says {sums['md5']}" in message
        assert keep or "is none: 'n/a'" in found["http://a.test/2.jpg?odd"].error_message


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ({"source": "warc", "where": "CC-MAIN-20240220211055-00001.warc.gz#0"}, Origin(as_agents=("CCBot",))),
        ({"source": "wat", "where": "a/CC-NEWS-20240220.wat.gz#0"}, Origin(as_agents=("CCBot",))),
        ({"source": "warc", "where": "whirlwind.warc.gz#0"}, None),
        ({"source": "list", "where": "CC-MAIN-2024.csv#0"}, None),
        (
            {"license": "http://a.test/license.xml", "page_url": "http://a.test/p"},
            Origin(licences=(("http://a.test/p", "http://a.test/license.xml"),)),
        ),
        (
            {"license": "http://a.test/t#rsl"},
            Origin(licences=(("http://a.test/1.jpg", "http://a.test/t#rsl"),)),
        ),
        ({"license": "http://creativecommons.org/licenses/by/4.0/"}, None),
        ({"license": "license.xml"}, None),
    ],
)
def test_what_binds_because_of_where_it_was_found(fields: dict[str, str], origin: Origin | None) -> None:
    assert origins([candidate(**fields)]).get("http://a.test/1.jpg") == origin


def test_all_candidates_of_a_url_bind_it() -> None:
    found = [
        candidate(source="warc", where="CC-MAIN-1#0"),
        candidate(license="http://a.test/rsl", page_url="http://a.test/p"),
        candidate(license="http://b.test/rsl", page_url="http://b.test/p"),
        candidate(license="http://a.test/rsl", page_url="http://a.test/p"),
    ]
    pages = (("http://a.test/p", "http://a.test/rsl"), ("http://b.test/p", "http://b.test/rsl"))
    assert origins(found) == {"http://a.test/1.jpg": Origin(as_agents=("CCBot",), licences=pages)}


def test_wishes_of_where_it_was_found_are_heard(tmp_path: Path) -> None:
    closed = b"User-agent: CCBot\nDisallow: /a.jpg\n"
    pages = {"/robots.txt": closed, "/l.xml": licence(prohibits("ai-train")), **dict.fromkeys(PATHS, JPEG)}
    with Web({path: Endpoint(whole(body), SUCCESS) for path, body in pages.items()}) as web:
        wanted = [candidate(web.url(path), source="warc", where="CC-MAIN-1#0") for path in PATHS]
        wanted.append(candidate(web.url("/b.jpg"), license=web.url("/l.xml"), page_url=web.url("/page")))
        with Client(CrawlConfig(allow_hosts=(web.authority,))) as client:
            crawl(wanted, Supply(client=client, decode=decode_here), folder=tmp_path, which=Asking(0), seed=0)
        found = {item.url: item.status for item in rows.read(tmp_path / "unit-000000.parquet", Fetched)}
        said = [found[web.url(path)] for path in PATHS]
    assert said == [Reason.AGENTS_DISALLOWED, Reason.OPTED_OUT, SUCCESS]


PATHS = ("/a.jpg", "/b.jpg", "/c.jpg")


def run(folder: Path) -> tuple[FakeClient, dict[str, Fetched]]:
    client = FakeClient(BODIES)
    ticks: list[Fetched] = []
    counts, files = crawl(WANTED, supply(client), folder=folder, which=Asking(7), seed=0, tick=ticks.append)
    assert (counts.read, counts.kept) == (16, 12)
    assert dict(counts.rejected) == {"decode_error": 2, "http_not_found": 2}
    names = {"unit-000007.tar": 0, "unit-000007.parquet": 8, "times-000007.parquet": 8}
    assert {file.name: file.rows for file in files} == names
    assert sorted(item.url for item in ticks) == sorted({item.url for item in WANTED})
    return client, {item.url: item for item in rows.read(folder / "unit-000007.parquet", Fetched)}


def test_every_url_is_fetched_once_and_written_down(tmp_path: Path) -> None:
    client, table = run(tmp_path)
    assert sorted(client.asked) == sorted({item.url for item in WANTED})
    good = table["http://a.test/0.jpg"]
    assert (good.status, good.attempts, good.http_status, good.headers.x_robots_tag) == (
        SUCCESS,
        2,
        200,
        "all",
    )
    assert (good.image.original_width, good.image.width, good.image.height) == (400, 341, 256)
    gone = table["http://a.test/gone.jpg"]
    assert (gone.status, gone.error_message, gone.http_status) == (
        Reason.HTTP_NOT_FOUND,
        "404 Not Found",
        404,
    )
    bad = table["http://a.test/bad.jpg"]
    assert (bad.status, bad.http_status, bad.image.length) == (Reason.DECODE_ERROR, 200, 0)


def test_the_bytes_lie_where_the_table_says(tmp_path: Path) -> None:
    _, table = run(tmp_path)
    for item in table.values():
        if item.status == SUCCESS:
            assert item.image.unit == 7
            assert read_bytes(item.image, tmp_path).endswith(b"\xff\xd9")


def test_tar_and_table_are_the_same_twice(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b")
    for name in ("unit-000007.tar", "unit-000007.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert len([path for path in (tmp_path / "a").iterdir() if not path.name.startswith("journal-")]) == 3


class Cut(Exception):
    """Stands for a kill."""


def cut_after(count: int) -> Callable[[Fetched], None]:
    left = iter(range(count))

    def tick(_: Fetched) -> None:
        if next(left, None) is None:
            raise Cut

    return tick


@pytest.mark.parametrize("cut", [0, 1, 4, 7])
def test_a_unit_goes_on_where_it_stopped(cut: int, tmp_path: Path) -> None:
    """Nothing that is known is asked for again, and the files are those of one attempt."""
    client, made = FakeClient(BODIES), Made(plan="p", frontier="f")

    def attempt(folder: Path, blocked: BlockList = NOTHING, **more: Any) -> None:
        crawl(WANTED, supply(client, blocked), folder=folder, which=Asking(7), seed=0, made=made, **more)

    attempt(tmp_path / "whole")
    assert len(client.asked) == 8
    client.asked.clear()
    with pytest.raises(Cut):
        attempt(tmp_path / "cut", tick=cut_after(cut))
    lists = ["http://a.test/1.jpg", f"sha256:{sha256(BODIES['http://a.test/2.jpg']).hexdigest()}"]
    shutil.copytree(tmp_path / "cut", tmp_path / "listed")
    first = len(client.asked)
    attempt(tmp_path / "cut")
    known = len(journals(tmp_path / "cut")) > 1
    assert known
    assert len(client.asked) <= 8 + (first - cut)
    for name in ("unit-000007.tar", "unit-000007.parquet"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    attempt(tmp_path / "listed", BlockList.of(lists))  # what lists forbid by now is not in what comes of it
    found = {
        item.url: item.status for item in rows.read(tmp_path / "listed" / "unit-000007.parquet", Fetched)
    }
    assert [found[f"http://a.test/{number}.jpg"] for number in (1, 2, 3)] == ["block_listed"] * 2 + [SUCCESS]


def test_what_a_list_forbids_is_not_in_a_journal(tmp_path: Path) -> None:
    lists = ["http://a.test/1.jpg", f"sha256:{sha256(BODIES['http://a.test/2.jpg']).hexdigest()}"]
    crawl(WANTED, supply(FakeClient(BODIES), BlockList.of(lists)), folder=tmp_path, which=Asking(7), seed=0)
    (path,) = journals(tmp_path)
    with path.open("rb") as file:
        told = {row["url"]: stored for row, stored in islice(records(file), 1, None)}
    assert not told["http://a.test/1.jpg"]
    assert not told["http://a.test/2.jpg"]
    assert told["http://a.test/3.jpg"]


def test_when_it_was_is_a_table_of_its_own(tmp_path: Path) -> None:
    _, table = run(tmp_path)
    times = list(rows.read(tmp_path / "times-000007.parquet", Timed))
    assert [item.url for item in times] == list(table)
    assert all(item.fetched_at.endswith("+00:00") and item.seconds >= 0 for item in times)


def test_what_server_and_file_say_of_reuse_stays_with_the_image(tmp_path: Path) -> None:
    _, table = run(tmp_path)
    assert json.loads(table["http://a.test/0.jpg"].image.signals) == {"x-robots-tag": "all"}


def test_candidates_become_pairs_where_there_is_an_image(tmp_path: Path) -> None:
    _, table = run(tmp_path)
    found = list(pairs(WANTED, table.values()))
    assert [pair.candidate for pair in found] == [
        item for item in WANTED if table[item.url].status == SUCCESS
    ]
    assert all(pair.image == table[pair.candidate.url].image for pair in found)


def test_hosts_interleave_and_the_order_does_not_depend_on_the_list() -> None:
    urls = [f"http://{host}.test/{i}" for host in "ab" for i in range(50)]
    ordered = order(urls, 0)
    assert ordered == order(reversed(urls), 0) != urls
    assert 10 < sum(url.startswith("http://a") for url in ordered[:50]) < 40


FIRST = BODIES["http://a.test/0.jpg"]
KNOWN = decode(FIRST, CONFIG)


@pytest.mark.parametrize(
    ("entry", "asked", "kept"),
    [
        ("http://a.test/0.jpg", 0, 0),
        ("a.test", 0, 0),
        ("http://a.test/1.jpg", 1, 1),
        (hashlib.md5(b"http://a.test/0.jpg").hexdigest(), 0, 0),
        ("final.test", 1, 0),  # where it is redirected to
        (hashlib.md5(FIRST).hexdigest(), 1, 0),
        (hashlib.sha1(FIRST).hexdigest(), 1, 0),
        (hashlib.sha256(FIRST).hexdigest(), 1, 0),
        (hashlib.md5(KNOWN.stored).hexdigest(), 1, 0),
        (hashlib.sha1(KNOWN.stored).hexdigest(), 1, 0),
        (KNOWN.stored_sha256, 1, 0),
        (f"phash:{KNOWN.phash}", 1, 0),
        (f"http://b.test/ {hashlib.md5(FIRST).hexdigest()}", 1, 0),
    ],
)
def test_what_is_blocked_is_not_stored_and_its_row_says_no_more(
    entry: str, asked: int, kept: int, tmp_path: Path
) -> None:
    client, blocked = FakeClient(BODIES, final="http://final.test/"), BlockList.of([entry])
    report = Matches(str(tmp_path / "report.jsonl"))
    fetched = entry in (getattr(hashlib, name)(FIRST).hexdigest() for name in ("md5", "sha1", "sha256"))
    stated = "md5:" + "0" * 32 if fetched else ""  # by another list, which would say what the bytes are
    wanted = candidate("http://a.test/0.jpg", digest=stated)
    told_to = replace(supply(client, blocked), matches=report)
    counts, _ = crawl([wanted], told_to, folder=tmp_path / "crawl", which=Asking(1), seed=0)
    assert (len(client.asked), counts.kept) == (asked, kept)
    assert dict(counts.rejected) == ({} if kept else {"block_listed": 1})
    (row,) = rows.read_rows(tmp_path / "crawl" / "unit-000001.parquet")
    if kept:
        assert not (tmp_path / "report.jsonl").exists()
        return
    nothing = [value for name, value in row.items() if name not in ("url", "status", "pdq_quality") and value]
    assert (row["status"], nothing) == ("block_listed", [])
    (line,) = map(json.loads, (tmp_path / "report.jsonl").read_text().splitlines())
    assert line["list"] == blocked.lists[0].digest
    assert line["url"] == wanted.url
    if asked and not entry.startswith("final"):
        assert line["sha256"] == sha256(FIRST).hexdigest()


def test_a_picture_is_known_by_its_pdq(tmp_path: Path) -> None:
    pytest.importorskip("pdqhash", reason="needs the extra pdq")

    async def decode_it(body: bytes) -> Decoded:
        return decode_with_pdq(body, CONFIG)

    asked = replace(supply(FakeClient(BODIES), BlockList.of(["pdq:" + "5" * 64])), decode=decode_it)
    crawl(WANTED, asked, folder=tmp_path / "known", which=Asking(1), seed=0)
    table = {item.url: item for item in rows.read(tmp_path / "known" / "unit-000001.parquet", Fetched)}
    marked = table["http://a.test/0.jpg"].marks
    assert len(marked.pdq) == 64
    assert 50 <= marked.pdq_quality <= 100
    assert marked.md5 == ""  # nobody asked
    asked = replace(asked, blocked=BlockList.of([f"{marked.pdq},{marked.pdq_quality}"]))
    counts, _ = crawl(WANTED, asked, folder=tmp_path / "listed", which=Asking(1), seed=0)
    assert counts.rejected["block_listed"] == 2


def test_columns_of_marks_are_there_where_a_list_asks(tmp_path: Path) -> None:
    run(tmp_path)
    plain = set(rows.table(tmp_path / "unit-000007.parquet").column_names)
    assert not plain & set(MARKS)
    listed = supply(FakeClient(BODIES), BlockList.of(["e" * 40]))
    crawl(WANTED, listed, folder=tmp_path / "sums", which=Asking(7), seed=0)
    table = tmp_path / "sums" / "unit-000007.parquet"
    assert set(rows.table(table).column_names) - plain == set(MARKS)
    found = {item.url: item.marks for item in rows.read(table, Fetched)}
    assert found["http://a.test/0.jpg"].sha1 == hashlib.sha1(FIRST).hexdigest()
    assert found["http://a.test/0.jpg"].md5 == ""


def test_what_an_attempt_did_not_sum_is_asked_for_again(tmp_path: Path) -> None:
    client, made = FakeClient(BODIES), Made(plan="p", frontier="f")
    how: dict[str, Any] = {"folder": tmp_path, "which": Asking(7), "seed": 0, "made": made}
    with pytest.raises(Cut):
        crawl(WANTED, supply(client), tick=cut_after(4), **how)
    client.asked.clear()
    lists = BlockList.of([hashlib.md5(BODIES[f"http://a.test/{i}.jpg"]).hexdigest() for i in range(6)])
    counts, _ = crawl(WANTED, supply(client, lists), **how)
    assert counts.kept == 0
    assert counts.rejected["block_listed"] == 12
    tar = (tmp_path / "unit-000007.tar").read_bytes()
    assert not any(body in tar for body in BODIES.values())
