from collections.abc import Sequence

import numpy as np
import pytest

from tests.factories import pair
from wit_pipeline.text.repeated import CaptionLimit, drawn, judge, limits, number_of
from wit_pipeline.vocabulary.records import Pair, Reason, Reject, reject


def posts(count: int, caption: str = "Image for post") -> list[Pair]:
    return [pair(f"http://a.test/{i}.jpg", caption) for i in range(count)]


def judged(items: Sequence[Pair | Reject], most: int, seed: int = 0) -> list[Pair | Reject]:
    known = {limit.caption: limit for limit in limits(drawn(items, seed), most)}
    return list(judge(items, known, "dedup", most, seed))


@pytest.mark.parametrize(("count", "most"), [(5, 5), (6, 5), (100, 1)])
def test_of_too_many_as_many_stay_as_may(count: int, most: int) -> None:
    found = judged(posts(count), most)
    assert sum(isinstance(item, Pair) for item in found) == min(count, most)
    for item in found:
        if isinstance(item, Reject):
            assert item.reason == Reason.REPEATED_CAPTION
            assert item.detail == f"one of {count} images with this caption, of which {most} stay"


def test_who_stays_depends_on_the_seed_and_on_no_order() -> None:
    def kept(seed: int, step: int) -> set[str]:
        found = judged(posts(40)[::step], 10, seed)
        return {item.key for item in found if isinstance(item, Pair)}

    assert kept(0, 1) == kept(0, -1)
    assert kept(0, 1) != kept(1, 1)


def test_case_and_blanks_make_no_other_caption_and_words_do() -> None:
    assert number_of("Image  for\tPOST ") == number_of("image for post") != number_of("image for posts")
    several = [*posts(3), *posts(3, "image  for post"), *posts(4, "a red dog")]
    found = judged(several, 4)
    assert sum(isinstance(item, Pair) for item in found) == 8


def test_what_is_rejected_counts_for_nothing_and_stays_as_it_is() -> None:
    gone = reject(posts(1)[0].candidate, "dedup", Reason.DUPLICATE, "kept another")
    items: list[Pair | Reject] = [gone, *posts(4)[1:]]
    assert judged(items, 3) == items


def test_nothing_to_limit() -> None:
    assert list(limits(drawn([], 0), 1)) == []
    assert list(judge(posts(2), {}, "dedup", 1, 0)) == posts(2)


def test_limits_say_how_many_there_are() -> None:
    (limit,) = limits(drawn([*posts(7), *posts(2, "a red dog")], 0), 2)
    draws = np.sort(drawn(posts(7), 0)["draw"])
    assert limit == CaptionLimit(caption=number_of("image for post"), images=7, limit=int(draws[2]))
