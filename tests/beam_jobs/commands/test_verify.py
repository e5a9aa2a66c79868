"""`wit verify` tells of every change to a finished root, and of an unchanged one nothing."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.commands import contents, sealed, verify
from beam_jobs.engine.engine import Engine, Workers
from tests.beam_jobs import engines
from tests.beam_jobs.world import make
from wit_pipeline.crawl.journal import SUM, Journal, Made
from wit_pipeline.shard import REMOVED, ROUNDS
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.asked import Asking
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.manifest import Counts, File, Manifest

LEAST = 200
Mutation = tuple[str, Path, Callable[[Path], None]]  # its name, the file or folder, and what is done to it


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of two rounds, with a crawl that was moved aside, a take-down and a report."""
    folder = tmp_path_factory.mktemp("verify")
    world, root = make(folder / "world"), folder / "root"
    with world.web:
        command = ["build", "--recipe", str(world.recipe), "--root", str(root), "--workers", "1"]
        assert main([*command, "--to", "crawl"]) == 0
        recipe = world.recipe.read_text()
        world.recipe.write_text(recipe.replace("timeout = 5.0", "timeout = 5.0\njpeg_quality = 81"))
        assert main([*command, "--refetch"]) == 0
        (folder / "list.txt").write_text(f"{world.web.url('/2.jpg')}\n")
        assert main(["remove", "--root", str(root), "--list", str(folder / "list.txt")]) == 0
        assert main(command) == 0
        more = {"url": world.web.url("/4.jpg"), "caption": "The red dog saw the blue river"}
        with (folder / "world" / "list.jsonl").open("a") as listed:
            listed.write(f"\n{json.dumps(more)}")
        assert main(command) == 0
        assert {ROUNDS, REMOVED} < {path.name for path in (root / "shard").iterdir()}
        assert main(["report", "--root", str(root)]) == 0
    return root


def wrong(root: Path) -> list[str]:
    return [said.text for said in verify.verify(root) if said.wrong]


def rewritten(path: Path, content: bytes) -> None:
    """Other content in the place of a file of which there may be other names."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[draw(path.name, seed=1, purpose="flip") % len(content)] ^= 1 << len(path.name) % 8
    rewritten(path, bytes(content))


def truncate(path: Path) -> None:
    rewritten(path, path.read_bytes()[: path.stat().st_size // 2])


def lengthen(path: Path) -> None:
    rewritten(path, path.read_bytes() + b"\n")


def delete(path: Path) -> None:
    path.unlink()


def rename(path: Path) -> None:
    path.rename(path.with_name(f"x{path.name}"))


def swap(path: Path) -> None:
    """With the next file of its folder that holds something else."""
    content = path.read_bytes()
    others = [one for one in sorted(path.parent.iterdir()) if one.is_file() and one.read_bytes() != content]
    other = others[draw(path.name, seed=1, purpose="swap") % len(others)]
    theirs = other.read_bytes()
    rewritten(path, theirs)
    rewritten(other, content)


def strange(folder: Path) -> None:
    (folder / "part-999999.parquet").write_bytes(b"PAR1")


def strange_within(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "file").write_bytes(b"")


def moved(folder: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}2"))


def gone(folder: Path) -> None:
    shutil.rmtree(folder)


def edited(key: str, value: object) -> Callable[[Path], None]:
    """A key of a manifest with another value, its digest and its seal as they were."""

    def edit(folder: Path) -> None:
        said = json.loads((folder / manifest.MANIFEST).read_text())
        assert said[key] != value
        rewritten(folder / manifest.MANIFEST, (json.dumps({**said, key: value}, indent=1) + "\n").encode())

    return edit


def signed_anew(change: Callable[[Manifest], Manifest]) -> Callable[[Path], None]:
    """A manifest that says something else, with digest and seal as they have to be."""

    def sign(folder: Path) -> None:
        signed = manifest.load(folder)
        assert signed is not None
        manifest.sign(folder, change(signed))

    return sign


def more_read(signed: Manifest) -> Manifest:
    counts = signed.counts
    made = Counts(read=counts.read + 1, kept=counts.kept, rejected={**counts.rejected, "empty": 1})
    return replace(signed, counts=made)


def more_kept(signed: Manifest) -> Manifest:
    return replace(
        signed, counts=replace(signed.counts, read=signed.counts.read + 1, kept=signed.counts.kept + 1)
    )


def other_rows(signed: Manifest) -> Manifest:
    return replace(signed, files=tuple(replace(file, rows=file.rows + 1) for file in signed.files))


def other_plan(signed: Manifest) -> Manifest:
    return replace(signed, plan="0" * 32)


def other_recipe(signed: Manifest) -> Manifest:
    return replace(signed, recipe={**signed.recipe, "seed": 7})


def other_inputs(signed: Manifest) -> Manifest:
    return replace(signed, inputs=dict.fromkeys(signed.inputs, "0" * 32))


def struck(folder: Path) -> None:
    """A file that is gone, and of which the manifest, signed anew, knows nothing."""
    signed = manifest.load(folder)
    assert signed is not None
    file = signed.files[draw(folder.name, seed=1, purpose="strike") % len(signed.files)]
    (folder / file.name).unlink()
    manifest.sign(folder, replace(signed, files=tuple(one for one in signed.files if one != file)))


OF_FILES = {
    "flip": flip,
    "truncate": truncate,
    "lengthen": lengthen,
    "delete": delete,
    "rename": rename,
    "swap": swap,
}
OF_STAGES: dict[str, Callable[[Path], None]] = {
    "strange": strange,
    "strange within": strange_within,
    "moved": moved,
    "counts": edited("counts", {"read": 0, "kept": 0, "rejected": {}}),
    "started": edited("started", "2020-01-01T00:00:00+00:00"),
    "another stage": edited("stage", "other"),
    "read, signed": signed_anew(more_read),
    "kept, signed": signed_anew(more_kept),
    "rows, signed": signed_anew(other_rows),
    "plan, signed": signed_anew(other_plan),
    "recipe, signed": signed_anew(other_recipe),
    "inputs, signed": signed_anew(other_inputs),
    "struck": struck,
    "gone": gone,
}


def mutations(root: Path) -> Iterator[Mutation]:
    """Every change of a stage, and of the files some: 300 of the pairs of a file and a change."""
    stages = [path for path in sorted(root.iterdir()) if (path / manifest.MANIFEST).exists()]
    for name, change in OF_STAGES.items():
        for stage in stages:
            if stage.name in ORDER:
                yield name, stage, change
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and ".work" not in path.parts]
    pairs = [(kind, path, change) for path in files for kind, change in OF_FILES.items()]
    pairs.sort(key=lambda item: draw(f"{item[0]} {item[1].relative_to(root)}", seed=0, purpose="mutation"))
    yield from pairs[:300]


ORDER = ["queries", "extract", "frontier", "crawl", "filter", "dedup", "balance", "shard", "audit"]


def test_an_unchanged_root_is_clean(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong(built) == []
    capsys.readouterr()
    assert main(["verify", "--root", str(built)]) == 0
    told = capsys.readouterr().out
    assert all(f"{stage:>8}  " in told for stage in ORDER)
    assert "files as they were when it was moved aside" in told


@pytest.mark.parametrize("each", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_every_mutation_is_told(built: Path, tmp_path: Path, each: int) -> None:
    root, told, untold = tmp_path / "root", 0, []
    for number, (name, path, change) in enumerate(mutations(built)):
        if number % each:
            continue
        shutil.copytree(built, root, copy_function=os.link)
        change(root / path.relative_to(built))
        if wrong(root):
            told += 1
        else:
            untold.append(f"{name} {path.relative_to(built)}")
        shutil.rmtree(root)
    assert untold == []
    assert told >= LEAST // each


@pytest.mark.parametrize(
    ("flags", "each"),
    [
        (["--workers", "2"], 400),
        (
            ["--", *engines.EMBEDDED, "--environment_type=LOOPBACK"],
            400,
        ),  # asked what is known each time
    ],
)
def test_whoever_reads_the_files_the_answer_is_the_same(
    flags: list[str], each: int, built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    for number, (_, path, change) in enumerate(mutations(built)):
        if number % each:
            continue
        shutil.copytree(built, root, copy_function=os.link)
        change(root / path.relative_to(built))
        here = (main(["verify", "--root", str(root)]), capsys.readouterr())
        there = (main(["verify", "--root", str(root), *flags]), capsys.readouterr())
        assert (there[0], there[1].out) == (here[0], here[1].out)
        assert here[1].err.splitlines()[-1:] == there[1].err.splitlines()[-1:] or here[0] == 0
        assert not (root / ".work" / contents.NAME).exists()
        shutil.rmtree(root)


def test_one_that_was_cut_short_goes_on_and_reads_again_what_it_would_tell(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the cut says that a file is another, which it is no more; no other is read."""
    root = tmp_path / "root"
    shutil.copytree(built, root)
    given = Engine(workers=Workers(1, ()))
    monkeypatch.setattr(contents, "remove_folder", lambda path: None)  # as a kill
    path = next((root / "shard").glob("*.tar"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with contents.all_read(root, given) as look:
        assert look(path) == contents.read(path)
    path.write_bytes(content)
    asked: list[Path] = []
    read = contents.read

    def counting(path: Path) -> File:
        asked.append(path)
        return read(path)

    monkeypatch.setattr(contents, "read", counting)
    monkeypatch.setattr(sealed, "read_file", counting)
    with contents.all_read(root, given) as look:
        assert [said.text for said in verify.verify(root, look) if said.wrong] == []
    assert asked == [path]


@pytest.mark.parametrize(
    ("cut", "place", "told"), [(0, 0, False), (5, 0, False), (0, 40, True), (0, -10, True)]
)
def test_a_journal_that_was_cut_short_is_none_that_was_changed(
    tmp_path: Path, cut: int, place: int, told: bool
) -> None:
    """A byte is changed in the first record, or in the last; or the last ones are lost, as by a kill."""
    folder = tmp_path / "root" / "crawl"
    folder.mkdir(parents=True)
    with Journal(folder, Asking(3), Made(plan="p", frontier="f")) as journal:
        for number in range(3):
            stored = b"stored" * number
            journal.put({"url": f"http://a.test/{number}", SUM: sha256(stored).hexdigest()}, stored)
    (tmp_path / "root" / ".work" / "crawl").mkdir(parents=True)
    manifest.write_json(tmp_path / "root" / ".work" / "crawl" / "plan.json", {})
    content = bytearray(journal.path.read_bytes())
    content[place] ^= 1 if place else 0
    journal.path.write_bytes(bytes(content[: len(content) - cut]))
    assert any("is damaged" in text for text in wrong(tmp_path / "root")) is told
    assert len(wrong(tmp_path / "root")) == told


def test_what_is_off_is_one_line_and_exit_1(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(built, tmp_path / "root")
    (tmp_path / "root" / "filter" / "part-000000.parquet").unlink()
    capsys.readouterr()
    assert main(["verify", "--root", str(tmp_path / "root")]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("wit: ")
    assert said.err.count("\n") == 1
    assert "filter/part-000000.parquet: is missing" in said.err
    (tmp_path / "root" / "balance" / "more").touch()
    with pytest.raises(RunError, match="things are off; the first"):
        verify.run(tmp_path / "root")
