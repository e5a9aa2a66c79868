"""Damage of all kinds to pictures of all kinds: both decoders take it, or refuse it as they say they do."""

import warnings

import numpy as np
import pytest

from tests.web import NO_PICTURES, PICTURES
from training.data.image import UNREADABLE, fast_square, square
from wit_pipeline.pictures.image import ImageError, decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig

LARGEST = 60_000  # bytes of a file that is damaged: others take too long
BODIES = [
    body
    for body in [*PICTURES.values(), *(body for body, _ in NO_PICTURES.values())]
    if 0 < len(body) < LARGEST
]


def damaged(chance: np.random.Generator) -> bytes:
    """One of the pictures with a few bytes of it changed, lost, doubled or made up; early ones more often."""
    body = BODIES[chance.integers(len(BODIES))]
    for _ in range(chance.integers(1, 4)):
        at = int(len(body) * chance.random() ** 3)
        length = int(2 ** chance.uniform(0, 6))
        made_up = chance.bytes(length)
        extremes = bytes(chance.choice([0, 1, 127, 128, 255], length).tolist())
        body = [
            body[:at] + made_up + body[at + length :],
            body[:at] + extremes + body[at + length :],
            body[:at] + body[at + length :],
            body[:at] + made_up + body[at:],
            body[: at + length] + body[at:],
            body[: len(body) - at],
        ][chance.integers(6)]
    return body


def tried(body: bytes) -> tuple[bool, bool, bool]:
    """Whether the pipeline's decoder, the trainer's and its fast one give a picture; nothing escapes."""
    given = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            given.append(bool(decode(body, CrawlConfig(max_pixels=4_000_000)).stored))
        except ImageError as error:
            assert error.detail  # noqa: PT017  either way is right
            given.append(False)
        for way in (square, fast_square):
            try:
                given.append(way(body, 32, 0.5).shape == (32, 32, 3))
            except UNREADABLE:
                given.append(False)
    return given[0], given[1], given[2]


@pytest.mark.parametrize(
    ("seed", "count"), [(0, 200), *(pytest.param(1 + i, 1_000, marks=pytest.mark.slow) for i in range(10))]
)
def test_damage_is_a_picture_or_is_refused(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    found = [tried(damaged(chance)) for _ in range(count)]
    assert 0.05 * count < sum(all(given) for given in found) < 0.9 * count
