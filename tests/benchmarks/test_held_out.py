from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.held_out import held_out, is_held_out

GOLDEN = ["00002", "00003", "00004", "00006", "00007", "00008"]  # detectors were trained by it


def test_a_bit_more_than_a_third_is_held_out_and_always_the_same_pictures() -> None:
    names = [f"images/{number:05d}.jpg" for number in range(10_000)]
    chosen = [name for name in names if is_held_out(name)]
    assert len(chosen) == 3_460
    assert [Path(name).stem for name in chosen[:6]] == GOLDEN


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_pictures_that_are_one_stand_on_the_same_side(tmp_path: Path, suffix: str) -> None:
    names = [f"{number}{suffix}" for number in range(200)]
    for name in names:
        (tmp_path / name).touch()
    alone = {path.name for path in held_out(tmp_path)}
    chains = [names[i : i + 3] for i in range(0, 198, 3)]
    assert any(0 < len(alone & set(chain)) < 3 for chain in chains), "the table decides something"
    rows = [f"{one}\t{other}" for chain in chains for one, other in pairwise(chain)]
    (tmp_path / "near_dups_within.tsv").write_text("\n".join(["file_a\tfile_b", *rows]))
    together = {path.name for path in held_out(tmp_path)}
    assert all(len(together & set(chain)) in (0, 3) for chain in chains)
    assert 0 < len(together) < 200


def test_other_files_are_no_pictures(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}.txt").touch()
    assert held_out(tmp_path) == []
