import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.factories import encoded, image, local_world, pair, photograph, records_of, world
from wit_pipeline.shard import write_shard
from wit_pipeline.sources import webdataset
from wit_pipeline.sources.source import Split
from wit_pipeline.sources.webdataset import WebdatasetSource
from wit_pipeline.vocabulary import tar
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Candidate, Pair, Raw, Reason, Reject

MARK = re.compile("@[0-9a-f]{16}")

JPEG = encoded(photograph(1))
UNREADABLE = ("", Reason.SOURCE_UNREADABLE)


def shard(files: list[tuple[str, bytes | str | dict[str, Any]]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            content = json.dumps(content) if isinstance(content, dict) else content
            content = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def read(content: bytes, name: str = "d/00000.tar", **fields: Any) -> list[Raw | Reject]:
    return records_of(WebdatasetSource(path=("x",), **fields), name, world({name: content}))


def facts(items: list[Raw | Reject]) -> list[tuple[str, str]]:
    """(URL, text) of each record, without what tells a shard from its namesakes."""
    return [
        (MARK.sub("", item.url), item.text) if isinstance(item, Raw) else ("", item.reason) for item in items
    ]


def held(raw: Raw | Reject, content: bytes) -> bytes:
    assert isinstance(raw, Raw)
    _, _, span = raw.held.partition("#")
    offset, length = map(int, span.split("+"))
    return content[offset : offset + length]


META = {
    "url": "http://a.test/1.jpg",
    "caption": "a dog, from JSON",
    "LICENSE": "CC0",
    "key": "0001",
    "width": 9,
}


def test_a_sample_of_img2dataset() -> None:
    content = shard([("0001.jpg", JPEG), ("0001.txt", "a red dog"), ("0001.json", META)])
    (found,) = read(content)
    assert held(found, content) == JPEG
    assert found == Raw(
        url="http://a.test/1.jpg",
        text="a red dog",
        where="d/00000.tar#0001",
        license="CC0",
        text_kind="caption",
        held=f"0:d/00000.tar#512+{len(JPEG)}",
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # the text: .txt, else .caption, else the JSON's
        ([("1.jpg", b"x"), ("1.txt", "dog"), ("1.caption", "cat")], [("wds:d/00000.tar/1", "dog")]),
        ([("1.jpg", b"x"), ("1.caption", "cat"), ("1.json", META)], [("http://a.test/1.jpg", "cat")]),
        ([("1.jpg", b"x"), ("1.json", META)], [("http://a.test/1.jpg", "a dog, from JSON")]),
        (
            [("1.jpg", b"x"), ("1.json", {"caption": ["dog", "cat"]})],
            [("wds:d/00000.tar/1", "dog"), ("wds:d/00000.tar/1", "cat")],
        ),
        ([("1.jpg", b"x")], [("wds:d/00000.tar/1", "")]),
        # the image, in any order, and what belongs to no sample
        ([("1.txt", "dog"), ("1.PNG", b"x")], [("wds:d/00000.tar/1", "dog")]),
        ([("a.b/1.webp", b"x"), ("a.b/1.txt", "dog")], [("wds:d/00000.tar/a.b/1", "dog")]),
        (
            [("README", b"x"), ("._1.jpg", b"x"), ("1.gif", b"x"), ("1.txt", "dog")],
            [("wds:d/00000.tar/1", "dog")],
        ),
        (  # macOS's shadows stand before or after what they are of, and between the members of a sample
            [("._2.jpg", b"x"), ("2.jpg", b"x"), ("._2.txt", b"x"), ("2.txt", "dog"), (".DS_Store", b"x")],
            [("wds:d/00000.tar/2", "dog")],
        ),
        (
            [("a/2.jpg", b"x"), ("a/._2.jpg", b"x"), ("a/2.txt", "dog"), ("__MACOSX/a/._2.txt", b"x")],
            [("wds:d/00000.tar/a/2", "dog")],
        ),
        (
            [
                ("1.jpg", b"x"),
                ("README", b"x"),
                ("1.txt", "dog"),
                ("._", b"x"),
                ("1.json", {"license": "CC0"}),
            ],
            [("wds:d/00000.tar/1", "dog")],
        ),
        ([("1.jpg", b"x"), ("1.seg.png", b"x"), ("1.txt", "dog")], [("wds:d/00000.tar/1", "dog")]),
        # a sample ends where another key, or the same suffix again, begins
        (
            [("1.jpg", b"x"), ("1.txt", "dog"), ("2.jpg", b"x"), ("2.txt", "cat")],
            [("wds:d/00000.tar/1", "dog"), ("wds:d/00000.tar/2", "cat")],
        ),
        (
            [("1.jpg", b"x"), ("2.jpg", b"x"), ("1.txt", "dog")],
            [("wds:d/00000.tar/1", ""), ("wds:d/00000.tar/2", ""), UNREADABLE],
        ),
        ([("1.jpg", b"x"), ("1.jpg", b"x")], [("wds:d/00000.tar/1", "")] * 2),
        # what cannot be read costs its sample alone
        ([("1.txt", "dog"), ("2.jpg", b"x"), ("2.txt", "cat")], [UNREADABLE, ("wds:d/00000.tar/2", "cat")]),
        ([("1.jpg", b"x"), ("1.json", "{broken"), ("2.jpg", b"x")], [UNREADABLE, ("wds:d/00000.tar/2", "")]),
        ([("1.jpg", b"x"), ("1.json", "[1]"), ("2.jpg", b"x")], [UNREADABLE, ("wds:d/00000.tar/2", "")]),
        ([("1.jpg", b"x"), ("1.json", {"caption": {"a": 1}})], [UNREADABLE]),
        (
            [("1.jpg", b"x"), ("1.txt", "x" * (2 << 20)), ("2.jpg", b"x")],
            [UNREADABLE, ("wds:d/00000.tar/2", "")],
        ),
        ([("1.jpg", b"x"), ("1.txt", b"a \xff dog\0")], [("wds:d/00000.tar/1", "a \ufffd dog\0")]),
    ],
)
def test_samples(files: list[tuple[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert facts(read(shard(files))) == expected


def test_namesakes_name_their_samples_differently_and_a_copy_elsewhere_does_not() -> None:
    one, other = (shard([("1.jpg", JPEG), ("1.txt", text)]) for text in ("a dog", "a cat"))
    config = WebdatasetSource(path=("x",))
    urls = {
        (path, content): next(
            raw.url
            for raw in webdataset.read(
                config, Split(source=0, path=path, name="a.tar"), world({path: content})
            )
            if isinstance(raw, Raw)
        )
        for path in ("/x/a.tar", "/y/a.tar")
        for content in (one, other)
    }
    assert urls["/x/a.tar", one] == urls["/y/a.tar", one] != urls["/x/a.tar", other]
    assert MARK.sub("", urls["/x/a.tar", one]) == "wds:a.tar/1"


def test_further_texts() -> None:
    content = shard(
        [("1.jpg", JPEG), ("1.txt", "a dog"), ("1.json", {"alt": "dog", "title": ["Rex", "my dog"]})]
    )
    found = read(content, texts=("alt", "title", "nix"))
    assert [(raw.text, raw.text_kind) for raw in found if isinstance(raw, Raw)] == [
        ("a dog", "caption"),
        ("dog", "alt"),
        ("Rex", "title"),
        ("my dog", "title"),
    ]
    assert {held(raw, content) for raw in found} == {JPEG}
    assert len({raw.where for raw in found}) == 4


def test_a_shard_of_this_project(tmp_path: Path) -> None:
    candidate = Candidate(
        key="0" * 32,
        url="http://a.test/1.jpg",
        caption="a red dog",
        page_url="http://a.test/",
        license="CC0",
        attribution="A",
        language="en",
        queries=(0,),
    )
    pairs = [Pair(candidate=candidate, image=image()), pair("http://a.test/2.jpg", "a cat")]
    write_shard(pairs, lambda image: JPEG, folder=tmp_path, shard=0, seed=0)
    path = str(tmp_path / "00000.tar")
    found = sorted(records_of(WebdatasetSource(path=("x",)), path, local_world()), key=lambda raw: raw.url)
    assert [held(raw, Path(path).read_bytes()) for raw in found] == [JPEG, JPEG]
    first = found[0]
    assert isinstance(first, Raw)
    assert (first.url, first.text, first.page_url, first.license, first.attribution, first.language) == (
        "http://a.test/1.jpg",
        "a red dog",
        "http://a.test/",
        "CC0",
        "A",
        "en",
    )


@pytest.mark.parametrize("length", [1000, 1537, 2048])  # within a header, behind an image, at a member's end
def test_a_torn_shard_gives_what_came_before(length: int) -> None:
    content = shard([("1.jpg", b"x"), ("1.txt", "dog"), ("2.jpg", b"x"), ("2.txt", "cat")])
    *before, last = read(content[: 1024 + length])
    assert isinstance(last, Reject)
    assert (facts(before), last.where) == (
        ([("wds:d/00000.tar/1", "dog")], "d/00000.tar#2") if length > 1000 else ([], "d/00000.tar#1")
    )
    assert "cut short" in last.detail


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tar", b"", "is empty"),
        ("a.tar", tar.END, "holds no file"),
        ("a.tar", b"hello", "cannot be read as a tar"),
        ("a.tar", b"x" * 2000, "cannot be read as a tar: the tar is broken at byte 0"),
        ("a.tar.gz", gzip.compress(shard([("1.jpg", b"x")])), "is packed, .* unpack it to .tar"),
        ("a.tar", b"PK\x03\x04", "is packed with zip"),
    ],
)
def test_what_is_no_shard_is_the_users(name: str, content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read(content, name)


def test_a_directory_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a directory"):
        records_of(WebdatasetSource(path=("x",)), str(tmp_path), local_world())
