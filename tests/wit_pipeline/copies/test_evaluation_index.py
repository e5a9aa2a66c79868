from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tests.factories import encoded, flip, image, photograph
from wit_pipeline.copies import evaluation
from wit_pipeline.copies.decoys import NOTHING
from wit_pipeline.copies.evaluation import AuditConfig, EvaluationImage, views
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.sightings import MIRRORED, VIEWS, By, Way
from wit_pipeline.vocabulary.crawl_config import CrawlConfig


class Brightness:
    """A detector that sees 4 × 4 pixels."""

    digest, dims, trusted = "0" * 64, 48, 0.99

    def prepare(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rows, columns = (np.linspace(0, side - 1, 4).astype(int) for side in rgb.shape[:2])
        small: NDArray[np.uint8] = rgb[rows][:, columns]
        return small

    def describe(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        flat = squares.reshape(len(squares), -1).astype(np.float32) - 128
        unit: NDArray[np.float32] = flat / np.linalg.norm(flat, axis=1, keepdims=True)
        return unit


DETECTOR = Brightness()
PICTURES = [photograph(i) for i in range(4)]
KNOWN = [
    evaluation.describe("eval", f"{i}.png", encoded(picture, "PNG"), CrawlConfig(), DETECTOR)
    for i, picture in enumerate(PICTURES)
]
INDEX = Evaluation(KNOWN, AuditConfig(sets={"eval": "x"}))


def described(row: int, view: int = 0) -> NDArray[np.float32]:
    """What the detector says of a copy of an evaluation image in one of its views."""
    return np.frombuffer(KNOWN[row].views, np.float16).reshape(8, -1)[view : view + 1].astype(np.float32)


FAR = {"phash": "0" * 16, "phash16": "0" * 64, "weak": 0.1, "sha256": "f" * 64}


def test_views_are_the_picture_turned_and_its_mirror_image_turned() -> None:
    square = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    found = views(square)
    assert (found[0] == square).all()
    assert (found[MIRRORED][:, ::-1] == square).all()
    assert len({view.tobytes() for view in found}) == len(found) == VIEWS


def test_a_copy_that_codes_miss_is_found_in_any_view() -> None:
    for view in range(8):
        pairs = INDEX.look([image(**FAR)], described(2, view)).pairs
        (place,) = np.flatnonzero(pairs.apart <= 2)
        assert (pairs.row[place], pairs.way[place]) == (2, Way.LEARNED)
        expected = min(
            (int("0" * 64, 16) ^ int(code, 16)).bit_count()
            for code in (KNOWN[2].phash16, KNOWN[2].mirror_phash16)
        )
        assert pairs.bits[place] == expected


def test_the_mirror_image_is_the_decoy() -> None:
    own = INDEX.look([image(**FAR)], described(1)).reached[By.LEARNED, :, 1]
    decoy = INDEX.look([image(**FAR)], described(1, MIRRORED)).reached[By.LEARNED, :, 1]
    assert (own[0], decoy[1]) == (0, 0)
    assert own[1] > 0
    assert decoy[0] > 0


def test_the_detector_judges_what_codes_find() -> None:
    near = image(phash=KNOWN[3].phash, phash16=flip(KNOWN[3].phash16, 70), weak=0.1)
    for row in (3, 0):
        look = INDEX.look([near], described(row))
        place = int(np.flatnonzero(look.pairs.row == 3)[0])
        assert (look.pairs.bits[place], look.pairs.way[place]) == (70, Way.PLAIN)
        assert (look.pairs.apart[place] <= 2) == (row == 3)
        cosines = np.concatenate([described(3, turn) for turn in range(MIRRORED)]) @ described(row)[0]
        expected = np.rint((1 - cosines.max().astype(np.float64)) * 1000)
        assert look.reached[By.JUDGED, 0, 3] == np.clip(expected, 0, NOTHING)
        assert look.reached[By.JUDGED, 1, 3] == NOTHING


def test_flat_images_are_not_looked_up_by_the_detector() -> None:
    assert len(INDEX.look([image(**{**FAR, "weak": 0.36})], described(2)).pairs) == 0


def test_without_descriptors_codes_decide() -> None:
    same = image(phash=KNOWN[0].phash, phash16=KNOWN[0].phash16, weak=0.1)
    look = INDEX.look([same])
    assert look.pairs.apart.tolist() == [NOTHING]
    assert (look.reached[By.LEARNED] == NOTHING).all()


def test_the_nearest_of_a_group_are_kept_and_the_others_counted() -> None:
    same = [image(phash=KNOWN[0].phash, phash16=flip(KNOWN[0].phash16, bits), weak=0.1) for bits in (9, 3, 5)]
    pairs = INDEX.look(same).pairs
    kept = pairs.nearest(pairs.row, 2)
    assert sorted(pairs.bits[kept].tolist()) == [3, 5]
    assert [(item.image, item.distance, item.count) for item in INDEX.cut(pairs[~kept])] == [("0.png", 9, 1)]


def test_pairs_are_counted_by_set_and_distance_and_decoys_among_them() -> None:
    """A mirrored copy, a plain one and an unlike picture: what codes see, and what the detector."""
    mirrored = image(phash=KNOWN[0].mirror_phash, phash16=flip(KNOWN[0].mirror_phash16, 7), weak=0.1)
    plain = image(phash=KNOWN[1].phash, phash16=flip(KNOWN[1].phash16, 3), weak=0.1)
    look = INDEX.look([mirrored, plain], np.concatenate([described(0, MIRRORED), described(1)]))
    told = {(item.by, item.distance): (item.pairs, item.decoys) for item in INDEX.spread(look.spread)}
    assert told[By.CODES, 7] == (1, 1)
    assert told[By.CODES, 3] == (1, 0)
    assert told[By.JUDGED, 0] == told[By.LEARNED, 0] == (2, 1)
    assert {item.set for item in INDEX.spread(look.spread)} == {"eval"}


def test_how_near_pictures_of_a_set_are_to_one_another() -> None:
    """Near ones of the same set count; the image itself, a copy of it and a mirrored one do not."""
    first = KNOWN[0]

    def also(name: str, bits: int, set_: str = "eval", code: str = "") -> EvaluationImage:
        plain = {"phash": code or first.phash, "phash16": flip(first.phash16, bits)}
        far = {"mirror_phash": KNOWN[3].mirror_phash, "mirror_phash16": KNOWN[3].mirror_phash16}
        return replace(first, set=set_, image=name, sha256=name, **plain, **far)  # type: ignore[arg-type]

    mirrored = replace(also("m", 0, code=first.mirror_phash), phash16=first.mirror_phash16)
    known = [first, also("near", 30), also("copy", 5), also("elsewhere", 20, "other"), mirrored, KNOWN[1]]
    index = Evaluation(known, AuditConfig(sets={"eval": "x", "other": "y"}))
    assert len(index) == 6
    told = {item.image: item.codes for item in [*index.own(0, 4), *index.own(4, 9)]}
    assert told == {"0.png": 30, "near": 25, "copy": 25, "elsewhere": 1000, "m": 1000, "1.png": 1000}
    assert list(index.own(6, 12)) == []
