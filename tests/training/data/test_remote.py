"""Shards that are elsewhere: commands, and stores that speak S3's and Google's protocols on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.training.conftest import MakeShards
from training.data.remote import place
from training.data.shards import find, index
from wit_pipeline.vocabulary.errors import RunError, UserError


class Store(BaseHTTPRequestHandler):
    """The objects of one folder: the bucket's name, if it stands in a path, is passed over."""

    protocol_version = "HTTP/1.1"
    folder: Path
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(whole=False)

    def do_GET(self) -> None:
        self.answer(whole=True)

    def answer(self, *, whole: bool) -> None:
        url = urlsplit(unquote(self.path))
        path = self.folder / url.path.rpartition("/")[2]
        self.asked.append(f"{self.command} {path.name}")
        status, data = (200, path.read_bytes()) if path.exists() else (404, b"")
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Thu, 26 Nov 2026 10:00:00 GMT")
        self.end_headers()
        if whole:
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        """Nothing: the test asks what was asked."""


@pytest.fixture
def shards(make_shards: MakeShards) -> Path:
    return make_shards(count=12)


@pytest.fixture
def store(shards: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    Store.folder, Store.asked = shards, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name, value in {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("bucket", ["s3://bucket/in/here", "gs://anonymous@bucket/in/here"])
def test_a_store_holds_the_same_samples(
    bucket: str, store: ThreadingHTTPServer, shards: Path, tmp_path: Path
) -> None:
    how = f"endpoint_override=127.0.0.1:{store.server_port}&scheme=http"
    how += "&region=us-east-1" if bucket.startswith("s3") else ""
    pattern = f"{bucket}/{{00000..00001}}.tar?{how}"
    paths = find([pattern], tmp_path / "cache")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in find([str(shards)])]
    assert index(paths).digest == index(find([str(shards)])).digest  # a run may go on from copies
    asked = len(Store.asked)
    assert find([pattern], tmp_path / "cache") == paths
    assert len(Store.asked) == asked
    with pytest.raises(UserError, match=r"00002\.tar.*: there is no such object"):
        find([f"{bucket}/00002.tar?{how}"], tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.tmp"))


@pytest.mark.slow  # asks for some seconds before it gives up
def test_a_store_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    url = "s3://a:b@bucket/0.tar?endpoint_override=127.0.0.1:9&scheme=http&region=us-east-1"
    with pytest.raises(RunError, match=r"0\.tar.*cannot be copied"):
        find([url], tmp_path)


def test_a_commands_output_is_a_shard(shards: Path, tmp_path: Path) -> None:
    pattern = f"pipe:echo once >> {tmp_path}/runs; cat {shards}/{{00000..00001}}.tar"
    paths = find([pattern], tmp_path / "cache")
    assert len(index(paths)) == 12
    assert find([pattern], tmp_path / "cache") == paths
    assert (tmp_path / "runs").read_text().split() == ["once", "once"]


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the command ended with 3: no such bucket"):
        find(["pipe:echo half; echo no such bucket >&2; exit 3"], tmp_path)
    assert not list(tmp_path.rglob("*.t*"))


@pytest.mark.parametrize("pattern", ["s3://bucket/*.tar", "gs://bucket/shard/", "s3://bucket/0000[0-3].tar"])
def test_a_store_is_not_searched(pattern: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="write braces"):
        find([pattern], tmp_path)


def test_copies_of_two_places_do_not_meet() -> None:
    names = ["s3://a/0.tar", "s3://b/0.tar", "gs://a/0.tar", "pipe:cat 0.tar", "pipe:cat 1.tar"]
    assert len({place(name, Path("cache")) for name in names}) == len(names)
    assert place("s3://a/0.tar?region=x", Path("cache")) == place("s3://a/0.tar", Path("cache"))


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text(json.dumps("a file"))
    with pytest.raises(RunError, match="cannot hold copies"):
        find(["pipe:true"], tmp_path / "cache")
