from pathlib import Path

import pytest

from benchmarks.neighbourhoods import TREATMENTS, book, limits, outcome
from benchmarks.pictures import Photo
from tests.factories import encoded, photograph
from wit_pipeline.copies.thresholds import Trusted


@pytest.fixture
def chosen(tmp_path: Path) -> list[Photo]:
    """Pictures of which no two are alike."""
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(encoded(photograph(number), "PNG"))
    return [Photo(path=path, name=path.name) for path in sorted(tmp_path.iterdir())]


def test_copies_of_a_book_are_counted(chosen: list[Photo]) -> None:
    made = book(chosen[:3], chosen[3:], 2, {})
    assert len(made.trained) == 2 * len(TREATMENTS) + 1
    found, near = limits(made, Trusted(bits=48))
    cells = [cell.strip() for cell in outcome(made, found, near).split("|")]
    assert cells[:2] == ["48", "0"]
    assert cells[2].endswith(f"of {2 * len(TREATMENTS)}")
    assert cells[4] == "0"
