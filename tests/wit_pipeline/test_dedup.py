from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import pair
from wit_pipeline.copies.self_join import VERDICT
from wit_pipeline.copies.sightings import Sighting
from wit_pipeline.dedup import DedupConfig, Verdict, judge, read_codes, verdicts_of
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Pair, Reason, Reject


def coded(folder: Path, *pairs: Pair, **fields: Any) -> Any:
    """What dedup reads of some pairs."""
    path = folder / "part.parquet"
    rows.write(path, Pair, pairs)
    return read_codes(path, 7, DedupConfig(**fields))


def test_an_image_is_one_row_however_many_texts_it_has(tmp_path: Path) -> None:
    poor, rich = pair(queries=(1,)), pair(caption="a red dog and a cat", queries=(1, 2))
    other = pair("http://b.test/1.jpg", phash16="f" * 64)
    found = coded(tmp_path, poor, other, rich)
    names = [f"{row['high']:016x}{row['low']:016x}" for row in found]
    assert names == [other.key, rich.key]
    assert found["queries"].tolist() == [1, 2]
    assert found["pixels"].tolist() == [400 * 300] * 2
    assert found["part"].tolist() == [7, 7]
    assert [f"{int(row['sha256'][1]):016x}" for row in found] == [rich.image.sha256[16:32]] * 2
    assert found["phash16"][0].tolist() == found["inside"][0].tolist() == [(1 << 64) - 1] * 4


@pytest.mark.parametrize(
    ("entropy", "near", "reach"), [(3.99, 32, 16), (4.0, 32, 32), (0.0, 8, 8), (7.0, 64, 64)]
)
def test_how_near_is_a_copy_of_a_picture_of_few_greys(
    tmp_path: Path, entropy: float, near: int, reach: int
) -> None:
    found = coded(tmp_path, pair(entropy=entropy), near_distance=near)
    assert found["reach"].tolist() == [reach]


def test_what_is_inside_borders_is_compared_too(tmp_path: Path) -> None:
    bordered, plain = pair(trim_phash16="0" * 63 + "7"), pair("http://b.test/1.jpg")
    found = coded(tmp_path, bordered, plain)
    assert found["inside"].tolist() == [[0, 0, 0, 7], found["phash16"][1].tolist()]


def test_the_texts_of_an_image_share_its_fate() -> None:
    poor, rich = pair(queries=(1,)), pair(caption="a red dog and a cat", queries=(1, 2))
    verdicts = {rich.key: Verdict(rich.key, Reason.DUPLICATE, "k" * 32, 0)}
    gone = list(judge([poor, rich], verdicts, {}, DedupConfig()))
    assert [(item.reason, item.key) for item in gone if isinstance(item, Reject)] == [
        (Reason.DUPLICATE, rich.key),
        (Reason.DUPLICATE, poor.key),
    ]
    stays = list(judge([poor, rich], {}, {}, DedupConfig()))
    assert {item.key for item in stays if isinstance(item, Pair)} == {poor.key, rich.key}


@pytest.mark.parametrize(
    ("near", "weak", "phash16", "compared"),
    [
        (True, 0.35, "0" * 64, True),
        (True, 0.36, "0" * 64, False),  # flat
        (False, 0.1, "0" * 64, False),
        (True, 0.0, "", False),  # stored undecoded
    ],
)
def test_what_is_compared_by_its_codes(
    tmp_path: Path, near: bool, weak: float, phash16: str, compared: bool
) -> None:
    found = coded(tmp_path, pair(phash=phash16[:16], phash16=phash16, weak=weak), near=near)
    assert found["coded"].tolist() == [compared]


def test_a_part_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "part.parquet").write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"part\.parquet: cannot be read as Parquet"):
        read_codes(tmp_path / "part.parquet", 0, DedupConfig())


def test_a_part_without_pairs(tmp_path: Path) -> None:
    assert len(coded(tmp_path)) == 0


def sighting(key: str, bits: int = 0, apart: int = 1000, method: str = "exact") -> Sighting:
    return Sighting(set="eval", image="cat/1.png", key=key, distance=bits, apart=apart, method=method)


@pytest.mark.parametrize(
    ("mode", "dropped", "flags"),
    [("drop", True, ()), ("flag", False, ("eval/cat/1.png 0 exact",)), ("keep", False, ())],
)
def test_copies_of_evaluation_images(mode: str, dropped: bool, flags: tuple[str, ...]) -> None:
    copy = pair()
    (found,) = judge([copy], {}, {copy.key: [sighting(copy.key)]}, DedupConfig(evaluation=mode))  # type: ignore[arg-type]
    assert isinstance(found, Reject) == dropped
    if isinstance(found, Pair):
        assert found.evaluation == flags
    else:
        assert (found.reason, found.detail) == (Reason.EVALUATION_COPY, "eval/cat/1.png 0 exact")


def test_a_flag_names_distance_cosine_and_way() -> None:
    assert str(sighting("k", 12, 1000, "trim")) == "eval/cat/1.png 12 trim"
    assert str(sighting("k", 101, 127, "learned")) == "eval/cat/1.png 101 0.873 learned"


def test_a_duplicate_names_what_stays() -> None:
    copy = pair()
    verdict = Verdict(copy.key, Reason.NEAR_DUPLICATE, "k" * 32, 12)
    (found,) = judge([copy], {copy.key: verdict}, {}, DedupConfig())
    assert isinstance(found, Reject)
    assert (found.reason, found.detail) == (Reason.NEAR_DUPLICATE, f"kept {'k' * 32}, 12 of 256 bits away")


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="near_distance is 0 to 64 bits"):
        DedupConfig(near_distance=65)
    with pytest.raises(ValueError, match="drawn_distance is 0 to 64 bits, found -1"):
        DedupConfig(drawn_distance=-1)
    with pytest.raises(ValueError, match="drawn is 0 to 8 bits of entropy, found 9"):
        DedupConfig(drawn=9)
    with pytest.raises(ValueError, match="per_caption is 1 or more, or 0 for no limit"):
        DedupConfig(per_caption=-1)


def test_the_knobs_as_they_stand() -> None:
    plain = DedupConfig()
    assert (plain.near, plain.near_distance, plain.per_caption, plain.evaluation) == (True, 32, 1000, "flag")
    assert (plain.drawn_distance, plain.drawn, plain.mirrored, plain.bands) == (16, 4.0, True, 12)


@pytest.mark.parametrize(
    ("knob", "right", "wrong"),
    [
        ("near_distance", (0, 64), (-1, 65)),
        ("drawn_distance", (0, 64), (-1, 65)),
        ("drawn", (0, 8), (-0.1, 8.1)),
        ("per_caption", (0, 1), (-1,)),
    ],
)
def test_both_sides_of_what_a_knob_may_be(knob: str, right: tuple[int, ...], wrong: tuple[int, ...]) -> None:
    for value in right:
        assert getattr(DedupConfig(**{knob: value}), knob) == value  # type: ignore[arg-type]
    for value in wrong:
        with pytest.raises(ValueError, match=f"{knob} is .* found {value}"):
            DedupConfig(**{knob: value})  # type: ignore[arg-type]


def test_a_verdict_says_whether_bytes_or_codes_are_alike_in_order_of_keys() -> None:
    found = np.zeros(2, VERDICT)
    found["high"], found["near"], found["bits"] = (2, 1), (True, False), (9, 0)
    found["kept"]["low"] = 3
    assert list(verdicts_of(found)) == [
        Verdict(f"{1:016x}{0:016x}", Reason.DUPLICATE, f"{0:016x}{3:016x}", 0),
        Verdict(f"{2:016x}{0:016x}", Reason.NEAR_DUPLICATE, f"{0:016x}{3:016x}", 9),
    ]


def test_a_copy_that_is_dropped_names_the_nearest() -> None:
    one = pair()
    near, far = (sighting(one.key, bits, method="plain") for bits in (1, 9))
    (gone,) = judge([one], {}, {one.key: (near, far)}, DedupConfig(evaluation="drop"))
    assert isinstance(gone, Reject)
    assert (gone.reason, gone.detail) == (Reason.EVALUATION_COPY, str(near))
