"""What the user gets wrong: one line, what to do, exit code 2."""

import socket
import sys
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from queries import store
from tests.beam_jobs.signed import sign_counts
from wit_pipeline.vocabulary.manifest import Counts

PAGE = "<page><title>A</title><ns>0</ns><revision><text>red dog</text></revision></page>"
DUMP = f'<mediawiki version="0.11">{PAGE}</mediawiki>'


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    port = free_port()
    (tmp_path / "dump.xml").write_text(DUMP)
    (tmp_path / "list.csv").write_text(f"url,caption\nhttp://127.0.0.1:{port}/a.jpg,a red dog\n")
    path = tmp_path / "recipe.toml"
    path.write_text(
        f"""
[queries]
wikipedia = ["{tmp_path}/dump.xml"]
min_count = 1
[[extract.sources]]
kind = "list"
path = ["{tmp_path}/list.csv"]
[crawl]
allow_hosts = ["127.0.0.1:{port}"]
retries = 0
"""
    )
    return path


def fails(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> str:
    """The last line on stderr of a command that must fail, and must not print a traceback."""
    try:
        found = main([str(argument) for argument in arguments])
    except SystemExit as stopped:  # argparse
        found = int(str(stopped.code))
    error = capsys.readouterr().err
    assert found == code, error
    assert "Traceback" not in error
    return error.splitlines()[-1]


def edited(recipe: Path, old: str, new: str) -> Path:
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))
    return recipe


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["build", "--wrong"], "wit build: no such option --wrong; "),
        (
            ["build", "--recpie=r", "--root", "d"],
            "wit build: no such option --recpie; did you mean '--recipe'?",
        ),
        (["build"], "wit build: the following arguments are required: --recipe, --root"),
        (["bild"], "wit: argument COMMAND: no such choice 'bild'; did you mean 'build'?"),
        (
            ["build", "--to", "shrad"],
            "wit build: argument --to: no such choice 'shrad'; did you mean 'shard'?",
        ),
        (["build", "--recipe", "none.toml", "--root", "x"], "wit: none.toml: no such recipe"),
        (["build", "--recipe", "r", "--root", "x", "--workers", "0"], "wit build: argument --workers: wants"),
        (
            ["report", "--root", "/nowhere"],
            "wit: --root /nowhere: holds no signed stage; run `wit build` first",
        ),
    ],
)
def test_a_wrong_command(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, 2, *arguments).startswith(line)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("allow_hosts", "alow_hosts", "[crawl]: no such key 'alow_hosts'; did you mean 'allow_hosts'?"),
        ("[crawl]", "[crowl]", "no such section 'crowl'; did you mean 'crawl'?"),
        ("min_count = 1", 'min_count = "1"', "[queries] min_count: wants a whole number, found '1'"),
        ("min_count = 1", "min_count = 0", "[queries]: min_count must be at least 1, found 0"),
        ('"list"', '"lists"', "kind: 'lists' is not one of list, warc"),
        ("dump.xml", "missing.xml", "[queries] wikipedia: no file matches"),
        ("list.csv", "missing.csv", "[[extract.sources]] 0 path: no file matches"),
        ("[queries]", "[queries", "is not TOML"),
        (
            "[crawl]",
            '[audit.sets]\nx = "/nowhere"\n[crawl]',
            "[audit.sets] x: /nowhere is not there; wants a folder",
        ),
    ],
)
def test_a_wrong_recipe(
    recipe: Path, old: str, new: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = fails(capsys, 2, "plan", "--recipe", edited(recipe, old, new))
    assert line in found


def test_the_plan_says_whose_groups_refuse_us_and_what_that_cost(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", "--recipe", str(recipe)])
    told = "   crawl  leaves out what robots.txt disallows to GPTBot, Google-Extended, Applebot-Extended: "
    assert told + "how much, a crawl tells; crawl.as_agents = [] does not\n" in capsys.readouterr().out
    counts = Counts(read=1000, kept=900, rejected={"agents_disallowed": 77, "timeout": 23})
    sign_counts(tmp_path / "old", "crawl", counts)
    edited(recipe, "[crawl]", f'[frontier]\nmeasured = ["{tmp_path / "old"}"]\n[crawl]')
    main(["plan", "--recipe", str(recipe)])
    assert f"{told}7.7% of candidates; " in capsys.readouterr().out
    edited(recipe, "[crawl]", "[crawl]\nas_agents = []")
    main(["plan", "--recipe", str(recipe)])
    assert "leaves out" not in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "url,caption\n"])
def test_an_empty_source(
    recipe: Path, tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.csv").write_text(content)
    line = fails(capsys, 2, "build", "--recipe", recipe, "--root", tmp_path / "root", "--workers", 1)
    assert "is empty" in line or "holds no row" in line


def test_a_port_nobody_listens_on(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = fails(capsys, 1, "build", "--recipe", recipe, "--root", tmp_path / "root", "--workers", 1)
    assert line.startswith(
        "wit: crawl: kept none of 1 records: 1 connect_error; the first was http://127.0.0.1:"
    )
    assert line.endswith("connection refused")
    assert not (tmp_path / "root" / "crawl").exists()  # so that a rerun asks again


def test_a_dump_that_is_none(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dump.xml").write_text("hello")
    line = fails(capsys, 1, "queries", "--recipe", recipe, "--root", tmp_path / "root", "--workers", 1)
    assert line.startswith("wit: queries: kept none of 1 records: 1 ")


def test_a_stage_before_its_turn(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = fails(capsys, 2, "crawl", "--recipe", recipe, "--root", tmp_path / "root")
    assert "crawl: needs frontier, which is not signed" in line


@pytest.mark.parametrize(
    ("flag", "line"),
    [
        ("--direct_num_workers=x", "after --: argument --direct_num_workers: invalid int value: 'x'"),
        ("--no_such_flag=1", "after --: Beam knows no flag --no_such_flag"),
    ],
)
def test_flags_that_beam_should_not_get(
    recipe: Path, tmp_path: Path, flag: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert line in fails(capsys, 2, "build", "--recipe", recipe, "--root", tmp_path / "root", "--", flag)


def test_a_root_that_cannot_be_written(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be written" in fails(capsys, 2, "build", "--recipe", recipe, "--root", "/proc/none")


@pytest.mark.parametrize(
    "arguments",
    [
        "build --recipe {recipe} --root {elsewhere}",
        "crawl --recipe {recipe} --root {elsewhere}",
        "build --recipe {elsewhere} --root root",
        "plan --recipe {elsewhere}",
        "report --root {elsewhere}",
        "verify --root {elsewhere}",
        "why --root {elsewhere} dog",
        "remove --root {elsewhere} --list {recipe}",
        "remove --root root --list {elsewhere}",
        "queries --recipe {recipe} --root root --diff {elsewhere}",
        "audit --recipe {recipe} --root root --reviewed {elsewhere}",
        "audit --recipe {recipe} --root root --predictions set={elsewhere}",
    ],
)
@pytest.mark.parametrize("elsewhere", ["hdfs://bucket/root", "FILE:///root"])
def test_no_option_takes_just_any_url(
    arguments: str,
    elsewhere: str,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    line = fails(capsys, 2, *arguments.format(recipe=recipe, elsewhere=elsewhere).split())
    here = f": wants a path on this machine, found '{elsewhere}'; see wit "
    anywhere = ":// cannot be read; name a path on this machine, s3:// or gs://; see wit "
    assert here in line or anywhere in line
    assert not list(Path().iterdir())


def test_a_root_of_no_name(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = fails(capsys, 2, "build", "--recipe", recipe, "--root", "")
    assert line == "wit build: argument --root: wants a path, found ''; see wit build --help"


@pytest.mark.parametrize("root", ["./run:1", "gs:b"])
def test_a_root_may_have_a_colon_in_its_name(
    root: str,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w:1").mkdir()
    for name in ("dump.xml", "list.csv"):
        (tmp_path / name).rename(tmp_path / "w:1" / name)
    for name, content in {
        "block.txt": "nude\n",
        "hosts.txt": "a.test\n",
        "lemmas.tsv": "lemma\ndog\n",
    }.items():
        (tmp_path / "w:1" / name).write_text(content)
    text = (
        recipe.read_text()
        .replace(f"{tmp_path}/", "w:1/")
        .replace("[crawl]", '[crawl]\nblock_lists = ["w:1/hosts.txt"]')
    )
    text = text.replace("[queries]", '[queries]\nwordnet = "w:1/lemmas.tsv"\nblocklist = "w:1/block.txt"')
    recipe.rename("w:1/r.toml").write_text(text)
    run = ["--recipe", "w:1/r.toml", "--root", root]
    assert main(["build", *run, "--to", "frontier", "--workers", "1"]) == 0
    assert main(["queries", *run, "--diff", root]) == 0
    assert main(["report", "--root", root]) == 0
    assert main(["verify", "--root", root]) == 0
    capsys.readouterr()
    assert main(["why", "--root", root, "dog"]) == 0
    assert "'dog' of en is query " in capsys.readouterr().out
    assert "kept none of 1 records" in fails(capsys, 1, "crawl", *run, "--workers", 1)
    assert (tmp_path / root / "frontier" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("module", "old", "new", "line"),
    [
        ("py7zr", "dump.xml", "dump.7z", "dump.7z needs py7zr, which is not installed: pip install"),
        (
            "onnxruntime",
            "[crawl]",
            '[audit]\ndetector = "{here}/dump.xml"\n[crawl]',
            "webimagetext[detector]",
        ),
    ],
)
def test_a_missing_extra_is_told_before_any_work(
    module: str,
    old: str,
    new: str,
    line: str,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "dump.7z").write_bytes(b"7z")
    edited(recipe, old.format(here=tmp_path), new.format(here=tmp_path))
    assert line in fails(capsys, 2, "build", "--recipe", recipe, "--root", tmp_path / "root")
    assert not (tmp_path / "root").exists()
    assert line in fails(capsys, 2, "plan", "--recipe", recipe)


@pytest.mark.parametrize(("name", "told"), [("torch", True), ("torch.nowhere", False), ("nowhere", False)])
def test_an_import_that_fails_is_a_missing_extra_or_a_traceback(
    name: str, told: bool, recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("beam_jobs.engine.recipe.load", fail)
    if told:
        line = fails(capsys, 2, "plan", "--recipe", recipe)
        assert line == "wit: torch is not installed: pip install 'webimagetext[train]'"
    else:
        with pytest.raises(ModuleNotFoundError):
            main(["plan", "--recipe", str(recipe)])


def test_from_after_to(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = fails(
        capsys, 2, "build", "--recipe", recipe, "--root", tmp_path, "--from", "shard", "--to", "crawl"
    )
    assert line == "wit: --from shard comes after --to crawl"


def test_a_url_that_nobody_knows(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "root"
    assert main(["queries", "--recipe", str(recipe), "--root", str(root), "--workers", "1"]) == 0
    assert "no stage in" in fails(capsys, 2, "why", "--root", root, "http://a.test/x")


def test_a_query_list_from_wordnet_alone(tmp_path: Path) -> None:
    (tmp_path / "wordnet").mkdir()
    (tmp_path / "wordnet" / "lemmas.tsv").write_text("lemma\tpos\tsenses\ndog\tn\t1\nred panda\tn\t1\n")
    (tmp_path / "recipe.toml").write_text(f'[queries]\nwordnet = "{tmp_path}/wordnet"\n')
    root = tmp_path / "root"
    assert (
        main(["queries", "--recipe", str(tmp_path / "recipe.toml"), "--root", str(root), "--workers", "1"])
        == 0
    )
    queries = store.read(root / "queries" / "queries.parquet")
    assert [(query.query, query.kind) for query in queries] == [("dog", "synset"), ("red panda", "synset")]
