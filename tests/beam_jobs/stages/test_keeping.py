"""What was fetched stays: what is asked again, counted by the server, and where a crawl goes that yields."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.commands import remove
from beam_jobs.engine import build
from beam_jobs.stages import keeping
from tests.beam_jobs.world import World, make
from wit_pipeline.crawl.accounts import Host
from wit_pipeline.vocabulary import manifest, rows, slices
from wit_pipeline.vocabulary.crawl_config import FORMER_DEFAULTS
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.records import Candidate

URLS = 30  # that the world's list names, and that are asked for
TODAY = f"crawl.{datetime.now(UTC):%Y-%m-%d}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make(tmp_path_factory.mktemp("keeping") / "world")
    with made.web:
        yield made


@pytest.fixture(scope="module")
def crawled(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root that was built as far as the crawl."""
    root = tmp_path_factory.mktemp("root") / "crawled"
    assert run(world.recipe, root) == 0
    return root


@pytest.fixture
def root(crawled: Path, tmp_path: Path) -> Path:
    """A copy of it, to be built on."""
    return Path(shutil.copytree(crawled, tmp_path / "root"))


def run(recipe: Path, root: Path, *more: str, to: str = "crawl") -> int:
    return main(["build", "--recipe", f"{recipe}", "--root", f"{root}", "--to", to, "--workers", "1", *more])


def asked(world: World, act: Callable[[], int]) -> tuple[int, int]:
    """(exit code, requests for pictures that the server saw)."""
    before = len(world.web.log.paths)
    code = act()
    return code, sum(".jpg" in path for path in world.web.log.paths[before:])


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """The files of a folder: equal inodes and times are files that nobody wrote anew."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.iterdir()
        if path.is_file()
    }


def signed(root: Path, stage: str = "crawl") -> Manifest:
    found = manifest.load(root / stage)
    assert found is not None
    return found


def changed(world: World, folder: Path, *, rows: list[tuple[str, str]] = [], **keys: str) -> Path:  # noqa: B006
    """The world's recipe in another folder, with more rows in its list and other lines in it."""
    source = world.recipe.parent
    text = world.recipe.read_text().replace(f"{source}/list.jsonl", f"{folder}/list.jsonl")
    more = [json.dumps({"url": world.web.url(path), "caption": caption}) for path, caption in rows]
    (folder / "list.jsonl").write_text("\n".join([(source / "list.jsonl").read_text(), *more]))
    for section, line in keys.items():
        table = f"[{section}]\n"
        text = (
            text.replace(table, table + line + "\n") if table in text else f"{text.rstrip()}\n{table}{line}\n"
        )
    head, train, rest = text.partition("[train]")  # what was put behind the trainer's table goes before it
    rest, more_tables, tail = rest.partition("\n[")
    path = folder / "changed.toml"
    path.write_text(f"{head}{more_tables[1:]}{tail}\n{train}{rest}")
    return path


ROWS = [(f"/{number}.jpg?again", f"A red dog, again {number}") for number in range(5)]


def whole(folder: Path) -> dict[str, tuple[int, int]]:
    """What was fetched: the files of units, and their receipts."""
    return {name: told for name, told in state(folder).items() if name.startswith(("unit-", "times-"))}


def held(before: dict[str, tuple[int, int]], folder: Path) -> bool:
    """Whether a crawl still has the files that it had, written by nobody since."""
    return before.items() <= state(folder).items()


def keys(root: Path, stage: str = "balance") -> set[str]:
    """The pairs that a stage kept."""
    files = [root / stage / file.name for file in signed(root, stage).named("part-")]
    return {key for path in files for key in rows.column(path, "key")}


def test_a_round_asks_for_what_is_new_alone(world: World, root: Path, tmp_path: Path) -> None:
    before, files = signed(root), whole(root / "crawl")
    recipe = changed(world, tmp_path, rows=ROWS)
    assert asked(world, lambda: run(recipe, root)) == (0, 5)
    now = signed(root)
    assert held(files, root / "crawl")
    assert {file.name: file for file in before.files if file.name in files}.items() <= {
        file.name: file for file in now.files
    }.items()
    assert now.counts.read == before.counts.read + 5
    units = {row["unit"]: row for row in rows.read_rows(root / "frontier" / "units.parquet")}
    assert {row["round"] for row in units.values()} == {1, 2}
    assert sum(row["urls"] for row in units.values() if row["round"] == 2) == 5
    assert sum(host.urls for host in rows.read(root / "crawl" / "hosts.parquet", Host)) == URLS + 5
    assert len(list(rows.read(root / "crawl" / "hosts.parquet", Host))) == 1
    assert asked(world, lambda: run(recipe, root)) == (0, 0)
    assert main(["verify", "--root", f"{root}"]) == 0


def test_two_rounds_give_the_pairs_of_one(world: World, root: Path, tmp_path: Path) -> None:
    recipe = changed(world, tmp_path, rows=ROWS, balance="per_query = 9")
    assert run(recipe, root, to="balance") == 0
    assert run(recipe, tmp_path / "once", to="balance") == 0
    for stage in ("filter", "dedup", "balance"):
        assert keys(root, stage) == keys(tmp_path / "once", stage)
    assert signed(root, "balance").counts == signed(tmp_path / "once", "balance").counts


def test_another_limit_asks_for_what_it_adds_alone(world: World, root: Path, tmp_path: Path) -> None:
    """Fewer a query: nothing is asked; more again, which are known: nothing either; more than ever: they."""
    files, read = whole(root / "crawl"), signed(root).counts.read
    fewer = changed(world, tmp_path, balance="per_query = 9")
    assert asked(world, lambda: run(fewer, root)) == (0, 0)
    assert held(files, root / "crawl")
    assert signed(root).counts.read < read
    assert asked(world, lambda: run(world.recipe, root)) == (0, 0)
    assert signed(root).counts.read == read
    small = tmp_path / "small"
    code, first = asked(world, lambda: run(fewer, small))
    assert code == 0
    assert asked(world, lambda: run(world.recipe, small)) == (0, URLS - first)


def test_what_a_source_no_longer_names_stays_fetched(world: World, root: Path, tmp_path: Path) -> None:
    files = whole(root / "crawl")
    recipe = changed(world, tmp_path)
    lines = (tmp_path / "list.jsonl").read_text().splitlines()
    (tmp_path / "list.jsonl").write_text("\n".join(lines[:4]))
    assert asked(world, lambda: run(recipe, root, to="filter")) == (0, 0)
    assert signed(root).counts.read == 4
    assert held(files, root / "crawl")
    assert set(files) <= {*(file.name for file in signed(root).files), *state(root / "crawl")}
    assert asked(world, lambda: run(world.recipe, root)) == (0, 0)


def test_rounds_after_rounds(world: World, tmp_path: Path) -> None:
    """Five of them, each of three rows more, ask for each URL once and keep what one round keeps."""
    root, once = tmp_path / "root", tmp_path / "once"
    for count in range(5):
        (tmp_path / f"{count}").mkdir()
        more = [(f"/{number}.jpg?{count}", f"A river, {count} {number}") for number in range(3)]
        recipe = changed(world, tmp_path / f"{count}", rows=more)
        if count:
            text = (tmp_path / f"{count - 1}" / "list.jsonl").read_text().splitlines()
            last = (tmp_path / f"{count}" / "list.jsonl").read_text().splitlines()[-3:]
            (tmp_path / f"{count}" / "list.jsonl").write_text("\n".join([*text, *last]))
        assert asked(world, partial(run, recipe, root)) == (0, 3 if count else URLS + 3)
    numbers = [row["round"] for row in rows.read_rows(root / "frontier" / "units.parquet")]
    assert sorted(set(numbers)) == list(range(1, 6))
    assert run(recipe, root, to="balance") == 0
    assert run(recipe, once, to="balance") == 0
    assert keys(root) == keys(once)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"crawl": "jpeg_quality = 80"}, "[crawl] jpeg_quality changed"),
        ({"crawl": "jpeg_quality = 80\nmax_redirects = 3"}, "[crawl] jpeg_quality changed"),
        ({"crawl": 'jpeg_quality = 80\nside = "longer"'}, "[crawl] jpeg_quality and [crawl] side changed"),
    ],
)
def test_what_the_recipe_alone_tells_is_said_before_any_work(
    change: dict[str, str],
    said: str,
    world: World,
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = changed(world, tmp_path, rows=ROWS, **change)
    before, files = signed(root), state(root / "crawl")
    assert asked(world, lambda: run(recipe, root, "--json")) == (2, 0)
    captured = capsys.readouterr()
    assert captured.out == ""  # no step began
    assert said in captured.err
    assert f"{URLS} of the {URLS} URLs it has asked for" in captured.err
    assert state(root / "crawl") == files
    code, requests = asked(world, lambda: run(recipe, root, "--refetch"))
    assert (code, requests) == (0, URLS + 5)
    assert state(root / TODAY) == files
    assert signed(root, TODAY) == before
    assert asked(world, lambda: run(recipe, root)) == (0, 0)
    assert main(["verify", "--root", f"{root}"]) == 0
    assert f"{TODAY}  {len(before.files)} files as they were" in capsys.readouterr().out


def test_the_old_recipe_goes_on_with_what_stands(world: World, root: Path, tmp_path: Path) -> None:
    files = state(root / "crawl")
    assert run(changed(world, tmp_path, crawl="jpeg_quality = 80"), root) == 2
    assert asked(world, lambda: run(world.recipe, root, to="shard")) == (0, 0)
    assert state(root / "crawl") == files
    assert signed(root, "shard").counts.kept > 20


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('block_lists = ["{folder}/block.txt"]', "block_listed"),
        ('user_agent = "other/1.0 (+https://example.org)"', ""),
        ("min_speed = 7\nmax_redirects = 3\nas_agents = []", ""),
    ],
)
def test_rules_of_what_may_be_used_apply_to_what_is_stored(
    line: str, reason: str, world: World, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "block.txt").write_text(f"{world.web.url('/5.jpg')}\n")
    files = whole(root / "crawl")
    recipe = changed(world, tmp_path, crawl=line.format(folder=tmp_path))
    if "user_agent" in line:
        recipe.write_text(re.sub(r'user_agent = "wit-test.*\n', "", recipe.read_text()))
    assert asked(world, lambda: run(recipe, root, to="filter")) == (0, 0)
    assert held(files, root / "crawl")
    assert signed(root, "filter").counts.rejected.get("block_listed", 0) == bool(reason)


def test_another_format_is_no_reason_to_delete(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = state(root / "crawl")
    monkeypatch.setattr(build, "FORMATS", {**build.FORMATS, "crawl": build.FORMATS["crawl"] + 1})
    assert asked(world, lambda: run(world.recipe, root)) == (2, 0)
    assert "the format of a crawl changed" in capsys.readouterr().err
    assert state(root / "crawl") == files


def test_another_format_of_another_stage_is_none_of_the_crawls(
    world: World, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = state(root / "crawl")
    monkeypatch.setattr(build, "FORMATS", {**build.FORMATS, "extract": 99, "frontier": 99, "filter": 99})
    assert asked(world, lambda: run(world.recipe, root)) == (0, 0)
    assert state(root / "crawl") == files


def test_the_same_files_elsewhere_are_the_same(world: World, root: Path, tmp_path: Path) -> None:
    files = state(root / "crawl")
    moved = tmp_path / "moved"
    shutil.copytree(world.recipe.parent, moved, copy_function=shutil.copy2)
    recipe = moved / "recipe.toml"
    recipe.write_text(recipe.read_text().replace(f"{world.recipe.parent}", f"{moved}"))
    assert asked(world, lambda: run(recipe, root)) == (0, 0)
    assert state(root / "crawl") == files


def test_other_texts_of_the_same_pictures_ask_for_nothing(world: World, root: Path, tmp_path: Path) -> None:
    tars = {name: told for name, told in state(root / "crawl").items() if name.endswith(".tar")}
    before = signed(root)
    recipe = changed(world, tmp_path, rows=[("/4.jpg", "The river once more"), ("/gone.jpg", "A dog, gone")])
    assert asked(world, lambda: run(recipe, root, to="shard")) == (0, 0)
    now = signed(root)
    assert now.counts.read == before.counts.read + 2
    assert now.counts.kept == before.counts.kept + 1
    assert now.counts.rejected["http_not_found"] == before.counts.rejected["http_not_found"] + 1
    assert {name: told for name, told in state(root / "crawl").items() if name.endswith(".tar")} == tars
    assert not list(root.glob("crawl.*"))
    assert signed(root, "shard").counts.kept > 20


def test_a_crawl_of_an_older_release_is_read_on(world: World, root: Path) -> None:
    """Its manifest had the lists' paths in the recipe; its frontier had no counts, and places with paths."""
    old = signed(root)
    crawl = {**old.recipe["crawl"], "block_lists": [], "a_key_that_went": 1}
    table = {**old.recipe, "crawl": crawl}
    inputs = {"frontier": "of the older release"}
    made = replace(old, recipe=table, inputs=inputs, plan=build.plan_of("crawl", table, inputs))
    manifest.sign(root / "crawl", made)
    shutil.rmtree(root / "frontier")
    assert asked(world, lambda: run(world.recipe, root, to="filter")) == (0, 0)
    assert signed(root).digest == old.digest


def test_a_crawl_that_is_under_way_is_as_dear(world: World, root: Path, tmp_path: Path) -> None:
    """What a kill left: some units whole, no manifest."""
    crawl, work = root / "crawl", root / ".work" / "crawl"
    work.mkdir(parents=True)
    old = signed(root)
    note = {"plan": old.plan, "recipe": dict(old.recipe), "inputs": dict(old.inputs)}
    manifest.write_json(work / "plan.json", note)
    for name in ("manifest.json", "hosts.parquet", "classes.parquet", "unit-000000.receipt.json"):
        (crawl / name).unlink()
    lost = len(list(rows.read_rows(crawl / "unit-000000.parquet")))
    files = {name: told for name, told in whole(crawl).items() if "-000000." not in name}
    other = Path(shutil.copytree(root, tmp_path / "other"))
    assert asked(world, lambda: run(changed(world, tmp_path, rows=ROWS), other)) == (0, lost + 5)
    assert signed(other).counts.read == old.counts.read + 5
    assert asked(world, lambda: run(world.recipe, root)) == (0, lost)
    assert held(files, crawl)
    assert signed(root).counts == old.counts


def test_a_crawl_under_way_outlives_its_notes(world: World, root: Path, tmp_path: Path) -> None:
    """.work may be deleted when no build runs: the same recipe goes on, and so does a round more."""
    crawl = root / "crawl"
    (crawl / "manifest.json").unlink()
    (crawl / "unit-000000.receipt.json").unlink()
    shutil.rmtree(root / ".work", ignore_errors=True)
    lost = len(list(rows.read_rows(crawl / "unit-000000.parquet")))
    other = Path(shutil.copytree(root, tmp_path / "other"))
    assert asked(world, lambda: run(changed(world, tmp_path, rows=ROWS), other)) == (0, lost + 5)
    assert asked(world, lambda: run(world.recipe, root)) == (0, lost)


def test_a_crawl_whose_receipts_are_lost_is_known_by_its_manifest(world: World, root: Path) -> None:
    before = signed(root)
    for path in (root / "crawl").glob("*.receipt.json"):
        path.unlink()
    shutil.rmtree(root / "frontier")
    assert asked(world, lambda: run(world.recipe, root)) == (0, 0)
    assert signed(root).digest == before.digest


def test_a_frontier_that_was_under_way_knows_what_was_asked_since(
    world: World, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cut short, another recipe's crawl went on, and now its turn comes again."""
    recipe = changed(world, tmp_path, rows=ROWS)
    for path in (root / "crawl").glob("unit-000000.*"):
        path.unlink()
    (root / "crawl" / "manifest.json").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(slices, "span", lambda units: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(recipe, root)
    assert run(world.recipe, root) == 0
    assert asked(world, lambda: run(recipe, root)) == (0, 5)


def test_a_unit_whose_file_is_damaged_is_asked_again(world: World, root: Path, tmp_path: Path) -> None:
    tar = root / "crawl" / "unit-000001.tar"
    tar.write_bytes(tar.read_bytes()[:-512])
    lost = len(list(rows.read_rows(root / "crawl" / "unit-000001.parquet")))
    recipe = changed(world, tmp_path, rows=ROWS)
    assert asked(world, lambda: run(recipe, root, to="shard")) == (0, lost + 5)


def test_engines_may_begin_again(world: World, tmp_path: Path) -> None:
    flags = ("--", "--direct_runner_bundle_repeat=2")
    code, requests = asked(world, lambda: run(world.recipe, tmp_path / "root", *flags))
    assert (code, requests) == (0, URLS)


def test_an_upgrade_asks_for_nothing(world: World, root: Path, tmp_path: Path) -> None:
    """A crawl whose release knew fewer keys, signals and formats: what nobody chose is nobody's change."""
    before = signed(root)
    table = {key: value for key, value in before.recipe["crawl"].items() if key != "hash"}
    table |= {key: values[0] for key, values in FORMER_DEFAULTS.items()}
    recipe = {**before.recipe, "crawl": table}
    plan = build.plan_of("crawl", recipe, before.inputs)
    manifest.sign(root / "crawl", replace(before, recipe=recipe, plan=plan))
    for path in (root / "crawl").glob("*.receipt.json"):
        receipt = manifest.read_receipt(path)
        assert receipt is not None
        manifest.write_receipt(path, replace(receipt, plan=plan))
    assert asked(world, lambda: run(world.recipe, root)) == (0, 0)
    assert signed(root).counts == before.counts
    assert signed(root).recipe == before.recipe
    code, _ = asked(world, lambda: run(changed(world, tmp_path, crawl="store_side = 99"), root))
    assert code == 2


# --- what was moved aside --------------------------------------------------------------------------


@pytest.fixture
def aside(world: World, root: Path, tmp_path: Path) -> Path:
    """A crawl that was moved aside, beside another in its place."""
    recipe = changed(world, tmp_path, crawl="jpeg_quality = 80")
    assert run(recipe, root, "--refetch") == 0
    return root / TODAY


def test_a_second_one_of_a_day_has_a_name_too(world: World, aside: Path) -> None:
    assert run(world.recipe, aside.parent, "--refetch") == 0
    assert [path.name for path in keeping.aside(aside.parent)] == [TODAY, f"{TODAY}.2"]
    assert signed(aside.parent, f"{TODAY}.2").recipe["crawl"]["jpeg_quality"] == 80


def test_it_is_dropped_by_its_name_alone(aside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = aside.parent
    for name in ("crawl", "shard", "crawl.2001-01-01", "../root", f"{TODAY}/", "."):
        assert main(["drop", "--root", f"{root}", name]) == 2
        assert f"it has {TODAY}" in capsys.readouterr().err
    assert main(["drop", "--root", f"{root}", TODAY]) == 0
    assert "files" in capsys.readouterr().out
    assert not aside.exists()
    assert signed(root).stage == "crawl"
    assert main(["drop", "--root", f"{root}", TODAY]) == 2
    assert "it has none" in capsys.readouterr().err


def test_a_file_of_it_that_changed_is_found(aside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tar = aside / "unit-000000.tar"
    tar.write_bytes(tar.read_bytes()[:-1] + b"x")
    assert main(["verify", "--root", f"{aside.parent}"]) == 1
    assert f"{TODAY}/unit-000000.tar: is not what was signed" in capsys.readouterr().err


@pytest.mark.parametrize("signed_crawl", [True, False])
def test_a_take_down_reaches_what_was_moved_aside(
    signed_crawl: bool, world: World, aside: Path, tmp_path: Path
) -> None:
    """By the page, which the candidates that were moved with it name, and by the address."""
    root, part = aside.parent, aside / "frontier" / "part-000000.parquet"
    candidates = list(rows.read(part, Candidate))
    known = {row["url"]: row for row in rows.read_rows(aside / "unit-000000.parquet")}
    named = [item.url for item in candidates if known[item.url]["status"] == "success"][:2]
    page = [
        replace(item, page_url="http://page.test/p") if item.url == named[0] else item for item in candidates
    ]
    part.unlink()  # a link of the frontier's own file
    rows.write(part, Candidate, page)
    if not signed_crawl:
        (aside / "manifest.json").unlink()
    of_frontier = manifest.load(part.parent)
    assert of_frontier is not None
    files = tuple(manifest.describe(part.parent / file.name, file.rows) for file in of_frontier.files)
    by = {"crawl": "signed" if signed_crawl else ""}
    manifest.sign(part.parent, replace(of_frontier, files=files, inputs=by))
    (tmp_path / "list.txt").write_text(f"http://page.test/p\n{named[1]}\n")
    images = {url: rows_of(known[url]) for url in named}
    assert all(any(content_of(aside, *place)) for place in images.values())
    assert "images erased" in remove.remove(root, tmp_path / "list.txt")
    assert not any(any(content_of(aside, *place)) for place in images.values())
    assert main(["verify", "--root", f"{root}"]) == 0
    (receipt,) = [one for which, one in keeping.whole(aside).items() if which.unit == 0]
    assert receipt.unit == "unit-000000"


def rows_of(row: dict[str, object]) -> tuple[int, int]:
    return row["offset"], row["length"]  # type: ignore[return-value]


def content_of(home: Path, offset: int, length: int) -> bytes:
    return (home / "unit-000000.tar").read_bytes()[offset : offset + length]
