"""The misbehaving web through the pipeline: every URL gets its outcome, nothing else is stored or reached."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from beam_jobs.__main__ import main
from tests.web import ENDPOINTS, JPEG, MAX_BYTES, Endpoint, Visit, Web, whole
from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.fetch.sites import FILES
from wit_pipeline.pictures.image import decode
from wit_pipeline.shard import read_bytes
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS, Reason

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of broken EXIF

PAGE = "<page><title>A</title><ns>0</ns><revision><text>a red dog</text></revision></page>"
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 1
[[extract.sources]]
kind = "list"
path = ["{folder}/list.jsonl"]
[frontier]
unit_urls = {unit_urls}
[crawl]
allow_hosts = {hosts}
{crawl}
[filter]
min_side = 1
max_aspect = 100.0
"""

# URLs as lists of strangers have them: refused before anybody is asked, in extract or in crawl.
STRANGE = (
    "", "None", "nan", "http://", "https://", "http:///a.jpg", "//CANARY/a.jpg", "CANARY/a.jpg", "a.jpg",
    "file:///etc/passwd", "FILE:///etc/passwd", "ftp://CANARY/a.jpg", "data:image/gif;base64,R0lGOD",
    "javascript:alert(1)", "gopher://CANARY/_a", "jar:http://CANARY/!/a", "dict://CANARY/a",
    "http://user:secret@CANARY/a.jpg", "http://user@CANARY/a.jpg", "http://CANARY\\@example.org/a.jpg",
    "http://CANARY/a\r\nX-Injected: 1", "http://CANARY/a b.jpg", "http://CANARY/a\0.jpg",
    "http:\\\\CANARY\\a",
    "http://CANARY:99999/a.jpg", "http://CANARY:0/a.jpg", "http://CANARY:22/a.jpg",
    "http://CANARY:port/a.jpg",
    "http://[::1/a.jpg", "http://[CANARY]/a.jpg", f"http://{'a' * 64}.test/a.jpg",
    f"http://CANARY/{'a' * 200_000}",
    "http://2130706433:PORT/a.jpg", "http://0x7f000001:PORT/a.jpg", "http://017700000001:PORT/a.jpg",
    "http://127.1:PORT/a.jpg", "http://0:PORT/a.jpg", "http://①27.0.0.1:PORT/a.jpg",
    "http://127.0.0.1.:PORT/a.jpg",
    "http://CANARY/a.jpg", "http://localhost:PORT/a.jpg", "http://[::ffff:127.0.0.1]:PORT/a.jpg",
    "http://[::1]:PORT/a.jpg", "http://127.0.0.2:PORT/a.jpg", "http://10.0.0.1/a.jpg", "http://192.168.0.1/a.jpg",
    "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/a.jpg", "http://[fd00:ec2::254]/a.jpg",
    "http://[64:ff9b::a9fe:a9fe]/a.jpg", "http://[2002:7f00:1::]/a.jpg", "http://[fe80::1]/a.jpg",
)  # fmt: skip
REFUSED = {Reason.URL_INVALID, Reason.BLOCKED_SCHEME, Reason.BLOCKED_ADDRESS, Reason.DNS_ERROR, Reason.NO_URL}


def crawl(
    folder: Path, urls: list[str], hosts: list[str], workers: int, unit_urls: int = 200, knobs: str = ""
) -> dict[str, Fetched]:
    """What a build says of each URL that came to the crawl; it adds up."""
    (folder / "dump.xml").write_text(f'<mediawiki version="0.11">{PAGE}</mediawiki>')
    lines = [json.dumps({"url": url, "caption": f"a red dog of number {i}"}) for i, url in enumerate(urls)]
    (folder / "list.jsonl").write_text("\n".join(lines))
    recipe = RECIPE.format(folder=folder, hosts=json.dumps(hosts), unit_urls=unit_urls, crawl=knobs)
    (folder / "recipe.toml").write_text(recipe)
    root = folder / "root"
    arguments = ["--recipe", str(folder / "recipe.toml"), "--root", str(root), "--workers", str(workers)]
    assert main(["build", *arguments, "--to", "crawl"]) == 0
    signed = manifest.load(root / "crawl")
    assert signed is not None
    assert signed.counts.adds_up()
    tables = [root / "crawl" / file.name for file in signed.named("unit-", ".parquet")]
    found = [item for path in tables for item in rows.read(path, Fetched)]
    assert len({item.url for item in found}) == len(found)
    assert Counter(item.status for item in found)[SUCCESS] == signed.counts.kept
    return {item.url: item for item in found}


def check_stored(found: Mapping[str, Fetched], root: Path) -> None:
    """Each stored picture is what its row says, and no more than that; of others nothing is stored."""
    for item in found.values():
        if item.status == SUCCESS:
            stored = read_bytes(item.image, root / "crawl")
            with Image.open(io.BytesIO(stored), formats=("JPEG",)) as image:
                image.load()
                assert image.size == (item.image.width, item.image.height)
                assert not image.info.keys() & {"exif", "comment", "icc_profile"}
        else:
            assert (item.image.length, item.image.sha256) == (0, "")


def test_the_misbehaving_web(tmp_path: Path) -> None:
    knobs = f"timeout = 8.0\nmax_bytes = {MAX_BYTES}\nconnections_per_host = 24\nretries = 1\nbackoff = 0.05"
    with Web({}) as canary, Web(ENDPOINTS, canary=canary.authority) as web:
        port = canary.authority.rpartition(":")[2]
        strange = [url.replace("CANARY", canary.authority).replace("PORT", port) for url in STRANGE]
        urls = [web.url(path) for path in ENDPOINTS]
        found = crawl(tmp_path, [*urls, *strange], [web.authority], workers=2, knobs=knobs)
        truth = {web.url(path): endpoint.outcome for path, endpoint in ENDPOINTS.items()}
        assert {url: found[url].status for url in urls} == truth
        assert {item.status for url, item in found.items() if url in strange} <= REFUSED
        assert not [path for path in web.log.paths if path.startswith("/private/p")]
        assert not [name for headers in web.log.headers for name in headers if name.startswith("X-")]
        assert canary.log.paths == []
    sent = {
        web.url(path): sha256(each.picture).hexdigest() for path, each in ENDPOINTS.items() if each.picture
    }
    assert {url: found[url].image.sha256 for url in sent} == sent
    assert len(sent) == Counter(truth.values())[SUCCESS] >= 68
    assert len(truth) + len(strange) - len(sent) >= 166
    check_stored(found, tmp_path / "root")


def test_pictures_are_stored_as_they_are_decoded_alone(tmp_path: Path) -> None:
    """Through four processes and with all others, a picture is what it is by itself."""
    shown = {path: each for path, each in ENDPOINTS.items() if path.startswith("/picture/") and each.picture}
    with Web(shown) as web:
        found = crawl(tmp_path, [web.url(path) for path in shown], [web.authority], workers=4, unit_urls=10)
        for path, endpoint in shown.items():
            stored = read_bytes(found[web.url(path)].image, tmp_path / "root" / "crawl")
            assert stored == decode(endpoint.picture, CrawlConfig()).stored, path


def host(robots: bytes) -> Web:
    """A host with some pictures, each of which takes a moment, and some that are forbidden."""

    def slow(visit: Visit) -> Iterator[bytes]:
        visit.pause(0.03)
        yield from whole(JPEG)(visit)

    pages = {f"/{i}.jpg": Endpoint(slow, SUCCESS) for i in range(8)}
    pages |= {f"/no/{i}.jpg": Endpoint(whole(JPEG), SUCCESS) for i in range(4)}
    return Web({**pages, "/robots.txt": Endpoint(whole(robots), SUCCESS)})


def test_four_workers_are_polite_together(tmp_path: Path) -> None:
    rules = b"User-agent: *\nDisallow: /no/\n"
    slow = [host(rules + b"Crawl-delay: 0.2\n") for _ in range(2)]
    quick = [host(rules) for _ in range(6)]
    with ExitStack() as stack:
        hosts = [stack.enter_context(each) for each in (*slow, *quick)]
        urls = [each.url(path) for each in hosts for path in each.endpoints if path != "/robots.txt"]
        found = crawl(tmp_path, urls, [each.authority for each in hosts], workers=4, unit_urls=5)  # all lanes
    assert Counter(item.status for item in found.values()) == {SUCCESS: 64, Reason.ROBOTS_DISALLOWED: 32}
    for each in hosts:
        assert each.log.paths[0] == "/robots.txt"
        assert [each.hits(path) for path in FILES] == [1, 1, 1]
        assert not [path for path in each.log.paths if path.startswith("/no/")]
        assert each.log.peak <= 2
    for each in slow:
        assert min(each.log.rests) >= 0.18  # of 0.2: a busy server notes the end of an answer late
