import pytest

from tests.factories import image, pair
from wit_pipeline.filter import FilterConfig, judge, reject_image
from wit_pipeline.vocabulary.records import Reason, Reject


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (64, 64, None),
        (63, 200, Reason.IMAGE_TOO_SMALL),
        (200, 63, Reason.IMAGE_TOO_SMALL),
        (256, 64, None),
        (257, 64, Reason.IMAGE_TOO_LONG),
        (64, 257, Reason.IMAGE_TOO_LONG),
    ],
)
def test_both_sides_of_each_bound(width: int, height: int, reason: Reason | None) -> None:
    assert reject_image(image(original_width=width, original_height=height), FilterConfig()) == reason


def test_a_dropped_pair_says_its_size() -> None:
    good, bad = pair(), pair(original_width=10, original_height=20)
    kept, dropped = judge([good, bad], {}, FilterConfig())
    assert kept == good
    assert isinstance(dropped, Reject)
    assert dropped.detail == "10 x 20 pixels"


def test_nonsense_is_refused() -> None:
    assert FilterConfig() == FilterConfig(min_side=64, max_aspect=4)
    with pytest.raises(ValueError, match=r"max_aspect is at least 1, found 0\.5"):
        FilterConfig(max_aspect=0.5)


def test_the_least_that_makes_sense_is_taken() -> None:
    config = FilterConfig(max_aspect=1)
    assert reject_image(image(original_width=64, original_height=64), config) is None
    assert reject_image(image(original_width=65, original_height=64), config) == Reason.IMAGE_TOO_LONG
