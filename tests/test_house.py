"""The house as a whole: one word per stage, stages look only forward, a record walks all the way."""

import argparse
import ast
import dataclasses
import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beam_jobs.__main__ import parser as wit_parser
from beam_jobs.engine.recipe import Recipe
from beam_jobs.stages.stages import STAGES
from training.__main__ import parser as clip_parser
from wit_pipeline.extract import ExtractConfig
from wit_pipeline.sources import KINDS
from wit_pipeline.vocabulary.command import local
from wit_pipeline.vocabulary.records import Reason
from wit_pipeline.vocabulary.store import anywhere

HERE = Path(__file__).parents[1]
PACKAGES = ["wit_pipeline", "queries", "beam_jobs", "training"]
LONG = {"scan_rows"}  # split in two it reads a sixth slower, as is said there
ORDER = ["queries", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard", "audit"]


def test_the_stages_and_their_order() -> None:
    assert list(STAGES) == ORDER


@pytest.mark.parametrize("name", ORDER)
def test_one_word_per_stage(name: str) -> None:
    assert STAGES[name].name == name
    assert importlib.import_module(f"beam_jobs.stages.{name}").STAGE is STAGES[name]
    assert name in {field.name for field in dataclasses.fields(Recipe)}
    rules, tests = HERE / "wit_pipeline", HERE / "tests" / "wit_pipeline"
    assert (rules / f"{name}.py").exists() or (rules / name).is_dir() or (HERE / name).is_dir()
    assert (tests / f"test_{name}.py").exists() or (tests / name).is_dir() or (HERE / "tests" / name).is_dir()
    makefile = (HERE / "Makefile").read_text()
    assert f" {name}" in next(line for line in makefile.splitlines() if line.startswith("STAGES :="))
    assert f"\n## {name}\n" in (HERE / "docs" / "architecture.md").read_text()


def test_at_the_top_of_the_rules_stand_the_stages_and_rooms() -> None:
    modules = {path.stem for path in (HERE / "wit_pipeline").glob("*.py")}
    assert modules <= {"__init__", *ORDER}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_room_has_too_many_doors(package: str) -> None:
    for folder in [HERE / package, *(HERE / package).rglob("*/")]:
        modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        assert len(modules) <= 18, folder


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_are_short_and_take_little(package: str) -> None:
    """Compiled kernels are apart: numba takes no dataclasses, and the price of a split stands beside them."""
    for path in (HERE / package).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in (
            node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            compiled = {ast.unparse(item) for item in node.decorator_list} & {"compiled", "freely"}
            assert node.end_lineno is not None
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments = [item.arg for item in given if item.arg not in ("self", "cls")]
            assert compiled or len(arguments) <= 7, f"{path}: {node.name}"
            assert node.end_lineno - node.lineno < 80 or node.name in LONG, f"{path}: {node.name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_it_is_for(package: str) -> None:
    for path in (HERE / package).rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text())), path


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_stand_where_what_they_test_stands(package: str) -> None:
    """A test of a module's name is of that module; tests of several have names of their own."""
    for path in (HERE / "tests" / package).rglob("test_*.py"):
        tested = (HERE / package).rglob(f"{path.stem.removeprefix('test_')}.py")
        rooms = [module.parent.relative_to(HERE) for module in tested]
        assert not rooms or path.parent.relative_to(HERE / "tests") in rooms, path


def test_stages_look_only_forward() -> None:
    for position, stage in enumerate(STAGES.values()):
        assert all(ORDER.index(read) < position for read in stage.reads)
        assert stage.accounts in ("", *stage.reads)


def test_every_record_is_accounted_for_by_the_stage_after() -> None:
    chain = [stage.accounts for stage in STAGES.values()]
    assert chain == ["", "", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard"]


def test_every_reason_is_given_by_somebody() -> None:
    sources = [
        path.read_text() for package in ("wit_pipeline", "queries") for path in (HERE / package).rglob("*.py")
    ]
    unused = [
        reason.name for reason in Reason if not any(f"Reason.{reason.name}" in text for text in sources)
    ]
    assert unused == []


@pytest.mark.parametrize("parser", [wit_parser, clip_parser])
def test_every_option_that_names_a_path_says_where_it_may_lie(
    parser: Callable[[], argparse.ArgumentParser],
) -> None:
    here = {action.dest for action in _actions(parser()) if action.type is local}
    assert {action.dest for action in _actions(parser()) if action.type is Path} == set()
    assert here


@pytest.mark.parametrize("name", ["root", "recipe", "list", "diff"])
def test_a_root_may_lie_anywhere_and_what_is_read(name: str) -> None:
    assert {action.type for action in _actions(wit_parser()) if action.dest == name} == {anywhere}


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


@pytest.mark.parametrize("package", ["wit_pipeline", "queries", "beam_jobs", "training", "tests"])
def test_nobody_imports_from_the_future(package: str) -> None:
    for path in (HERE / package).rglob("*.py"):
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        assert not any(node.module == "__future__" for node in imports), path


def test_only_fetch_opens_a_socket() -> None:
    banned = {"socket", "requests", "urllib3", "http.client", "urllib.request"}
    for package in ("wit_pipeline", "queries"):
        for path in (HERE / package).rglob("*.py"):
            if not {"fetch", "decoders"} & set(path.parts):
                names = {
                    alias.name
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.Import)
                    for alias in node.names
                } | {
                    node.module or ""
                    for node in ast.walk(ast.parse(path.read_text()))
                    if isinstance(node, ast.ImportFrom)
                }
                assert not names & banned, path


def test_the_sockets_of_decoders_are_pairs() -> None:
    for path in (HERE / "wit_pipeline/pictures/decoders").rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert "socket" not in {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "socket":
                assert {alias.name for alias in node.names} <= {
                    "socket",
                    "socketpair",
                    "send_fds",
                    "recv_fds",
                }
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "socket":
                assert [keyword.arg for keyword in node.keywords] == ["fileno"], path  # half of a pair
                assert not node.args, path


TARGETS = "help install demo build train eval report test test-all lint bench clean"


def test_make_has_every_target() -> None:
    makefile = (HERE / "Makefile").read_text()
    named = set(re.findall(r"(?m)^([a-z][a-z-]*):", makefile))
    assert set(TARGETS.split()) <= named
    assert "$(STAGES): install" in makefile


@pytest.mark.parametrize("page", ["README.md", "docs/running.md"])
def test_the_docs_name_commands_and_flags_that_exist(page: str) -> None:
    known = {"wit": wit_parser(), "wit-clip": clip_parser()}
    written = re.findall(r"(?m)^(?:\.venv/bin/)?(wit|wit-clip) ([a-z-]+)(.*)$", (HERE / page).read_text())
    assert len(written) >= 5
    for program, command, rest in written:
        usage = known[program].format_help()
        assert re.search(rf"(?m)^    {command}\b", usage), f"{program} {command}"
        ours = rest.partition(" -- ")[0]  # what follows is Beam's
        assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", ours)) <= flags(known[program], command), (
            f"{program} {command}{rest}"
        )


def test_the_docs_name_every_kind_of_source_and_its_keys() -> None:
    page = (HERE / "docs" / "sources.md").read_text()
    rows = dict(re.findall(r"(?m)^\| `([a-z_]+)` \| (.*) \|$", page.partition("## list")[0]))
    assert set(rows) == set(KINDS)
    for name, kind in KINDS.items():
        keys = {field.name for field in dataclasses.fields(kind.config)} - {"kind"}
        described = page.partition(f"## {name}")[2].partition("\n## ")[0]
        missing = [key for key in keys if f"`{key}" not in rows[name] and f"`{key}" not in described]
        assert missing in ([], ["page_size"]), name


def test_the_docs_name_every_rule_of_extract() -> None:
    page = (HERE / "docs" / "sources.md").read_text()
    keys = {field.name for field in dataclasses.fields(ExtractConfig)} - {"sources"}
    assert [key for key in sorted(keys) if f"`{key}" not in page] == []


def flags(parser: argparse.ArgumentParser, command: str) -> set[str]:
    """The flags of a command."""
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found: argparse.ArgumentParser = commands.choices[command]
    return {flag for action in found._actions for flag in action.option_strings}


@pytest.mark.parametrize("page", sorted((HERE / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_what_the_docs_name_is_there(page: Path) -> None:
    """Of decisions too: they are kept as they were, but for where things lie."""
    named = re.findall(
        r"`((?:wit_pipeline|queries|beam_jobs|training|tests|benchmarks)/[\w/.]*)`", page.read_text()
    )
    assert [name for name in named if not (HERE / name).exists()] == []
