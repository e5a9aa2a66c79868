"""What Chromium shows, and whether we see the same: by tables of its answers, asked again where it is."""

import json

import numpy as np
import pytest

from benchmarks.as_browsers import browser, screenshots, seen
from tests.web.browser import ANSWERS, COLOURED, COLOURS, CORNERS, ORIENTED, SIDE
from wit_pipeline.pictures import exif, shown

# Levels by which dark colours may be off, made bright: of lossy files, and of greys by littleCMS's table.
OFF = {"jpeg": 14, "nclx": 14, "grey": 5}


def turn_of(shot: np.ndarray) -> int:
    """Which orientation puts the four colours where they are."""
    apart = {}
    for turn in range(1, 9):
        right = shown.turned(CORNERS, turn).astype(int)
        there = shot[: right.shape[0], : right.shape[1]]
        apart[turn] = float(np.abs(there - right).mean()) if there.shape == right.shape else 255.0
    best = min(apart, key=lambda turn: apart[turn])
    assert apart[best] < 8
    return best


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damage that it can repair
@pytest.mark.parametrize("name", ORIENTED)
def test_upright_as_chromium_has_it(name: str) -> None:
    body = ORIENTED[name]
    with shown.opened(body) as image:
        assert exif.orientation(image, body) == ANSWERS["upright"][name]
    assert turn_of(seen(body)) == ANSWERS["upright"][name]


@pytest.mark.parametrize("name", COLOURED)
def test_colours_as_chromium_has_them(name: str) -> None:
    expected = np.array(ANSWERS["colours"][name])
    apart = np.abs(seen(COLOURED[name])[4] - expected)
    assert apart.max() <= OFF.get(name.partition("_")[0], 1)
    assert apart.mean() < 1


def answers() -> dict[str, dict[str, object]]:
    """What the browser here says."""
    upright = screenshots([*ORIENTED.values()], SIDE)
    colours = screenshots([*COLOURED.values()], SIDE)
    return {
        "upright": {name: turn_of(shot) for name, shot in zip(ORIENTED, upright, strict=True)},
        "colours": {
            name: shot[4, : len(COLOURS)].tolist() for name, shot in zip(COLOURED, colours, strict=True)
        },
    }


@pytest.mark.slow
def test_chromium_still_says_so() -> None:
    if not browser():
        pytest.skip("no Chromium here")
    assert answers() == ANSWERS


if __name__ == "__main__":
    print(json.dumps(answers(), separators=(",", ":")).replace('},"', '},\n"').replace(']],"', ']],\n"'))  # noqa: T201
