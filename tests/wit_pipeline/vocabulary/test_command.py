"""What is a path on this machine, and that pyarrow opens it."""

import argparse
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.command import Parser, has_scheme, local, no_uri
from wit_pipeline.vocabulary.manifest import File

ELSEWHERE = ["gs://b/r", "s3://b", "S3://b", "file:///r", "FILE://r", "a+b-1.c://", "hdfs://n:1/r", "pipe://"]
HERE = [
    "run:1",
    "gs:b",
    "C:x",
    "C:/x",
    "./s3://b",
    "1a://x",
    "://x",
    "a b://x",
    "ü://x",
    "root",
    "/r:1",
    "pipe:x",
]


@pytest.mark.parametrize("text", ELSEWHERE)
def test_a_scheme_is_refused(text: str) -> None:
    assert has_scheme(text)
    with pytest.raises(argparse.ArgumentTypeError, match="wants a path on this machine, found '"):
        local(text)


def test_no_path_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="wants a path, found ''"):
        local("")


@pytest.mark.parametrize("text", HERE)
def test_any_other_name_is_a_path_from_here(text: str) -> None:
    assert not has_scheme(text)
    assert local(text).absolute() == Path.cwd() / text


@pytest.mark.parametrize("text", ["root", "../root", "/r:1", "a/b"])
def test_what_pyarrow_takes_for_a_path_is_left_as_it_was_given(text: str) -> None:
    assert str(local(text)) == text


def test_links_are_not_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "far" / "folder").mkdir(parents=True)
    (tmp_path / "far" / "x:1").touch()
    (tmp_path / "link").symlink_to(tmp_path / "far" / "folder")
    monkeypatch.chdir(tmp_path)
    assert no_uri(Path("link/../x:1")).exists()
    assert str(no_uri(Path("link/../x:1"))) == f"{tmp_path}/link/../x:1"


@pytest.mark.parametrize("name", ["run:1", "gs:b", "C:x", "s3:x"])
def test_pyarrow_writes_and_reads_such_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = local(f"{name}/t.parquet")
    path.parent.mkdir()
    file = File(name="a", rows=1, bytes=2, sha256="3")
    rows.write(path, File, [file])
    assert list(rows.read(path, File)) == [file]
    assert pq.read_table(path).num_rows == 1
    assert (tmp_path / name / "t.parquet").exists()


@pytest.fixture
def parser() -> Parser:
    top = Parser(prog="tool")
    top.add_version()
    commands = top.add_subparsers(required=True, parser_class=Parser)
    one = commands.add_parser("make")
    one.add_argument("--out", required=True)
    one.add_argument("rest", nargs="*")
    return top


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["make", "--uot", "x"], "tool make: no such option --uot; did you mean '--out'?"),
        (["maek"], "no such choice 'maek'; did you mean 'make'?"),
        (["make"], "tool make: the following arguments are required: --out"),
    ],
)
def test_what_is_not_known_is_named_in_one_line(
    parser: Parser, given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(given)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert said in line


def test_what_stands_behind_two_dashes_is_no_option(parser: Parser) -> None:
    assert parser.parse_args(["make", "--out=x", "--", "--else"]).rest == ["--else"]


def test_the_version(parser: Parser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("tool ")
