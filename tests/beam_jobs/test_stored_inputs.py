"""All that a build reads may lie in a store: what is built is the same, and little is fetched for nothing."""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from tests.archives import answer, packed, record
from tests.beam_jobs.test_detector import turned, write_detector, write_tar
from tests.beam_jobs.world import DUMP, PAGE
from tests.factories import encoded, photograph
from tests.stores import Counting, Server, gs, s3
from tests.web import Endpoint, Web, whole
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.records import SUCCESS
from wit_pipeline.vocabulary.store import StorePath, files_below, in_store, place

# The servers and their clients leave sockets to the garbage collector, which is theirs to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning"
)

HELD = 26  # pictures that come with their bytes
RECIPE = """
[queries]
wikipedia = ["{dump}"]
blocklist = "{words}"
min_count = 10
bigram_min_count = 10
[[extract.sources]]
kind = "webdataset"
path = ["{tars}"]
[[extract.sources]]
kind = "warc"
path = ["{warc}"]
[frontier]
measured = ["{earlier}"]
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
allow_hosts = ["{authority}"]
block_lists = ["{blocked}"]
[dedup]
evaluation = "flag"
[audit]
detector = "{detector}"
[audit.sets]
eval = "{set}"
"""
NAMES = {
    "dump": "dump.xml",
    "words": "words.txt",
    "tars": "held/*.tar",
    "warc": "pages.warc.gz",
    "earlier": "earlier",
    "blocked": "blocked.txt",
    "detector": "detector.onnx",
    "set": "eval.tar",
}


@pytest.fixture(scope="module", params=[s3, gs], ids=["s3", "gs"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as running:
        yield running


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    body = encoded(photograph(90, (160, 120)))
    with Web({f"/{number}.jpg": Endpoint(whole(body), SUCCESS) for number in range(2)}) as made:
        yield made


@pytest.fixture(scope="module")
def folder(web: Web, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs on this machine, and the root `whole`, which is built from them."""
    made = tmp_path_factory.mktemp("inputs")
    text = "The red dog saw the blue river. " * 5
    pages = "".join(PAGE.format(title=f"Dog {i}", id=i, text=text) for i in range(4))
    (made / "dump.xml").write_text(DUMP.format(pages=pages))
    (made / "words.txt").write_text("saw\n")
    (made / "held").mkdir()
    samples = {f"p{i:02d}": (picture(i), f"A red dog, no. {i}") for i in range(HELD - 1)}
    write_tar(made / "held" / "a.tar", samples)
    write_tar(made / "held" / "b.tar", {"turned": (turned(503), "The blue river")})
    html = b'<!doctype html><html lang="en"><img src="/%d.jpg" alt="The red dog">'
    found = [record(answer(html % number), web.url(f"/{number}")) for number in range(2)]
    (made / "pages.warc.gz").write_bytes(packed(found, "gz"))
    (made / "blocked.txt").write_text("p03.test\n")
    write_detector(made / "detector.onnx")
    (made / "set").mkdir()
    for i in range(500, 504):
        (made / "set" / f"{i}.png").write_bytes(encoded(photograph(i), "PNG"))
    with tarfile.open(made / "eval.tar", "w") as tar:
        tar.add(made / "set", "set")
    text = recipe(made, web, lambda name: str(made / name))
    text = text.replace(f'measured = ["{made}/earlier"]', "measured = []")
    (made / "first.toml").write_text(text)
    assert build(str(made / "first.toml"), made / "earlier", "crawl") == 0
    (made / "recipe.toml").write_text(recipe(made, web, lambda name: str(made / name)))
    assert build(str(made / "recipe.toml"), made / "whole") == 0
    return made


def picture(number: int) -> bytes:
    """Of some 20 kB."""
    return encoded(photograph(number, (300, 220)), quality=95)


def recipe(folder: Path, web: Web, at: Callable[[str], str]) -> str:
    named = {key: at(name) for key, name in NAMES.items()}
    return RECIPE.format(authority=web.authority, **named)


def build(recipe: str, root: Path, last: str = "audit") -> int:
    return main(["build", "--recipe", recipe, "--root", str(root), "--to", last, "--workers", "1"])


def test_inputs_of_all_kinds_and_the_recipe_itself(
    folder: Path, web: Web, server: Server, tmp_path: Path
) -> None:
    """What is held in a tar of a store is fetched alone, when it is crawled: not the tar once more."""
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        if not name.startswith("whole/") and ".work" not in path.parts:
            there = in_store(place(server.at(f"in/{name}")))
            assert there is not None
            StorePath.upload(there, path)
    count = Counting(server.authority)
    way = count.authority if server.scheme == "s3" else server.authority  # the fake of gs:// has one name
    text = recipe(folder, web, lambda name: server.at(f"in/{name}", way))
    (tmp_path / "recipe.toml").write_text(text)
    there = in_store(place(server.at("in/recipe.toml")))
    assert there is not None
    there.upload(tmp_path / "recipe.toml")
    named, root = server.at("in/recipe.toml", way), tmp_path / "root"
    assert build(named, root, "frontier") == 0
    sent = [count.sent]
    for _ in range(2):  # the second time there is nothing to do, but to look at what there is
        assert build(named, root, "crawl") == 0
        sent.append(count.sent)
    signed = manifest.load(root / "crawl")
    assert signed is not None
    assert (signed.counts.kept, dict(signed.counts.rejected)) == (HELD - 1 + 2, {"block_listed": 1})
    asked = sum(len(picture(i)) for i in range(HELD - 1) if i != 3) + len(turned(503))
    fetched = sent[1] - sent[0] - (sent[2] - sent[1])
    if server.scheme == "s3":
        assert asked < fetched <= 1.2 * asked
    assert build(named, root) == 0
    for stage in ("queries", "extract", "frontier", "filter", "dedup", "balance", "shard", "audit"):
        found, wanted = manifest.load(root / stage), manifest.load(folder / "whole" / stage)
        assert found is not None, stage
        assert wanted is not None
        assert found.digest == wanted.digest, stage
    count.close()
