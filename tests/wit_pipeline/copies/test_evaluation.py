from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from tests.factories import encoded, flip, image, photograph
from wit_pipeline.copies import evaluation
from wit_pipeline.copies.evaluation import AuditConfig, EvaluationImage
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.picture_sets import pictures
from wit_pipeline.copies.sightings import WIDEST, Coded, Sighting
from wit_pipeline.pictures.image import decode
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.errors import RunError
from wit_pipeline.vocabulary.records import Image

CONFIG = AuditConfig(sets={"eval": "folder"})
PICTURE = photograph(1)
KNOWN = evaluation.describe("eval", "a/1.png", encoded(PICTURE, "PNG"), CrawlConfig())


def crawled(body: bytes) -> Image:
    decoded = decode(body, CrawlConfig())
    return image(
        sha256=sha256(body).hexdigest(),
        phash=decoded.phash,
        phash16=decoded.phash16,
        weak=decoded.weak,
        trim_phash=decoded.trim_phash,
        trim_phash16=decoded.trim_phash16,
    )


def sightings(known: EvaluationImage, seen: Coded) -> list[Sighting]:
    index = Evaluation([known], CONFIG)
    return list(index.sightings(index.look([seen]).pairs, ["k"]))


def ways(known: EvaluationImage, seen: Coded) -> list[str]:
    return [item.method for item in sightings(known, seen)]


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        (encoded(PICTURE, "PNG"), ["exact"]),
        (encoded(PICTURE, quality=60), ["plain"]),
        (encoded(PICTURE.resize((100, 75)), quality=80), ["plain"]),
        (encoded(ImageOps.mirror(PICTURE), quality=90), ["mirror"]),
        (encoded(photograph(2), quality=90), []),
    ],
)
def test_copies_are_found_and_how(body: bytes, methods: list[str]) -> None:
    assert ways(KNOWN, crawled(body)) == methods


FRAMED = ImageOps.expand(PICTURE, 30, fill=(0, 0, 0))


@pytest.mark.parametrize(
    ("evaluated", "trained", "way"),
    [
        (FRAMED, PICTURE, "trim"),
        (PICTURE, FRAMED, "trim"),
        (ImageOps.expand(PICTURE, 20, fill=(250, 250, 250)), FRAMED, "trim"),
        (PICTURE, ImageOps.mirror(FRAMED), "mirror"),
        (ImageOps.mirror(FRAMED), PICTURE, "mirror"),
    ],
)
def test_borders_of_either_hide_no_copy(evaluated: Pillow.Image, trained: Pillow.Image, way: str) -> None:
    known = evaluation.describe("eval", "a/1.png", encoded(evaluated, "PNG"), CrawlConfig())
    (found,) = sightings(known, crawled(encoded(trained, quality=80)))
    assert (found.method, found.distance <= 40) == (way, True)


@pytest.mark.parametrize(("bits", "found"), [(WIDEST, 1), (WIDEST + 1, 0)])
def test_both_sides_of_what_is_within_reach(bits: int, found: int) -> None:
    near = image(phash=KNOWN.phash, phash16=flip(KNOWN.phash16, bits), weak=0.0)
    assert len(sightings(KNOWN, near)) == found


@pytest.mark.parametrize(("weak", "found"), [(0.35, 1), (0.36, 0)])
def test_flat_images_are_compared_by_their_bytes_alone(weak: float, found: int) -> None:
    flat = image(phash=KNOWN.phash, phash16=KNOWN.phash16, weak=weak)
    assert len(sightings(KNOWN, flat)) == found
    same = image(sha256=KNOWN.sha256, phash=KNOWN.phash, phash16=KNOWN.phash16, weak=weak)
    assert ways(KNOWN, same) == ["exact"]


def test_an_image_stored_undecoded_is_found_by_its_bytes_alone(tmp_path: Path) -> None:
    body = encoded(PICTURE, "PNG")
    (tmp_path / "1.png").write_bytes(body)
    raw = CrawlConfig(store="raw")
    (known,) = evaluation.read("eval", pictures("eval", tmp_path), raw)
    assert known.phash16 == KNOWN.phash16
    undecoded = decode(body, raw)
    assert ways(known, undecoded) == ["exact"]
    assert ways(known, replace(undecoded, sha256="0" * 64)) == []


def test_a_flat_evaluation_image_is_found_by_its_bytes_alone() -> None:
    flat = replace(KNOWN, weak=0.36)
    assert sightings(flat, image(phash=KNOWN.phash, phash16=KNOWN.phash16)) == []
    assert len(sightings(flat, image(sha256=KNOWN.sha256))) == 1


def test_a_border_around_one_colour_is_no_code() -> None:
    blank = Pillow.new("RGB", (120, 90), (200, 30, 30))
    framed = ImageOps.expand(blank, 20, fill=(0, 0, 0))
    assert decode(encoded(framed, "PNG"), CrawlConfig()).trim_phash == ""


def test_what_cannot_be_read_has_no_codes() -> None:
    broken = evaluation.describe("eval", "b.png", b"nothing", CrawlConfig())
    assert broken.phash == ""
    evaluation.check_readable([KNOWN, broken], ["eval"])
    with pytest.raises(RunError, match="not one of its images can be read"):
        evaluation.check_readable([broken], ["eval"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fdr": 0.0}, "fdr is a share between 0 and 1"),
        ({"fdr": 1.0}, "fdr is a share between 0 and 1"),
        ({"distances": {"other": 3}}, "other is none of the sets"),
        ({"distances": {"eval": 81}}, "eval is 0 to 80 bits"),
        ({"distances": {"eval": -2}}, "eval is 0 to 80 bits"),
        ({"pairs_kept": 0}, "pairs_kept is 1 or more"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AuditConfig(sets={"eval": "x"}, **given)
