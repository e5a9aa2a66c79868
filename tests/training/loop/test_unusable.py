import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from training.config import TrainConfig
from training.data.shards import find, index
from training.loop import unusable
from training.loop.train import train
from training.loop.unusable import Unusable, plain, read
from wit_pipeline.vocabulary.errors import RunError

MakeShards = Callable[..., Path]


def told(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_run_names_what_it_left_out_once_and_tells_where(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    folder, out = make_shards(count=48, broken=[7, 30], empty=[41]), tmp_path / "run"
    config = replace(recipe, steps=6, max_bad_share=0.5)  # two epochs
    train(config, [str(folder)], out, console=console)
    lines = (out / "unusable.tsv").read_text().splitlines()
    assert lines[0] == "shard\tkey\treason\tsaid"
    rows = sorted(line.split("\t") for line in lines[1:])
    assert [row[:3] for row in rows] == [
        [f"{folder}/00000.tar", "000000007", "image_unreadable"],
        [f"{folder}/00001.tar", "000000030", "image_unreadable"],
        [f"{folder}/00001.tar", "000000041", "caption_empty"],
    ]
    assert "0x" not in "".join(lines)
    assert f"named in {out / 'unusable.tsv'}: 3" in told(console)

    train(replace(config, steps=9), [str(folder)], out, console=console)  # goes on
    assert (out / "unusable.tsv").read_text().splitlines() == lines
    train(replace(config, steps=1), [str(folder)], out, console=console, resume="never")
    assert (out / "before-1" / "unusable.tsv").read_text().splitlines() == lines


def test_a_run_that_too_many_stop_has_named_them(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    with pytest.raises(RunError, match="more than max_bad_share"):
        train(recipe, [str(make_shards(broken=range(16)))], tmp_path / "run", console=console)
    assert "could not be used are named in" in told(console)
    assert len(read(tmp_path / "run" / "unusable.tsv")) > 1


def test_a_run_that_left_nothing_out_has_no_such_file(
    recipe: TrainConfig, make_shards: MakeShards, tmp_path: Path, console: Console
) -> None:
    train(replace(recipe, steps=1), [str(make_shards())], tmp_path / "run", console=console)
    assert not (tmp_path / "run" / "unusable.tsv").exists()
    assert "named in" not in told(console)


def test_only_the_first_are_named(
    make_shards: MakeShards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unusable, "MOST", 3)
    samples, said = index(find([str(make_shards())])), list[str]()
    for first in (0, 4):
        with Unusable(tmp_path, 0, samples, said.append) as named:
            named.add((i, "image_unreadable", "") for i in range(first, first + 4))
    assert [row[1] for row in read(tmp_path / "unusable.tsv")] == [f"{i:09d}" for i in range(3)]
    path = tmp_path / "unusable.tsv"
    assert said == [f"samples that could not be used are named in {path}, the first 3: 3"] * 2


def test_a_line_that_a_kill_cut_short_costs_that_line_alone(make_shards: MakeShards, tmp_path: Path) -> None:
    samples = index(find([str(make_shards())]))
    path = tmp_path / "unusable-2.tsv"
    for samples_named in ([0], [1], [0, 2]):
        with Unusable(tmp_path, 2, samples, lambda text: None) as named:
            named.add((i, "caption_empty", "") for i in samples_named)
        if samples_named == [1]:
            path.write_bytes(path.read_bytes()[:-20])
    assert [row[1] for row in read(path)] == [f"{i:09d}" for i in (0, 2)]


def test_where_it_cannot_be_written_the_run_goes_on_and_says_so(
    make_shards: MakeShards, tmp_path: Path
) -> None:
    samples, said = index(find([str(make_shards())])), list[str]()
    with Unusable(tmp_path / "gone", 0, samples, said.append) as named:
        named.add([(0, "caption_empty", "")])
    assert said == [
        f"{tmp_path}/gone/unusable.tsv: samples that could not be used are not all named: "
        "No such file or directory"
    ]


@pytest.mark.parametrize(
    ("text", "field"), [("a b", "a b"), ("Käse", "Käse"), ("a\tb\nc", "a\\tb\\nc"), ("\x1b[31m", "\\x1b[31m")]
)
def test_a_field_is_one_line_without_tabs(text: str, field: str) -> None:
    assert plain(text) == field
