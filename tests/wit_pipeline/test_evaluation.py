from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import ImageOps

from tests.factories import encoded, flip, image, photograph
from wit_pipeline import evaluation
from wit_pipeline.errors import RunError, UserError
from wit_pipeline.evaluation import AuditConfig, Evaluation, EvaluationImage
from wit_pipeline.fetch.config import CrawlConfig
from wit_pipeline.image import decode
from wit_pipeline.records import Image

CONFIG = AuditConfig(sets={"eval": "folder"}, distance=48)
PICTURE = photograph(1)
KNOWN = evaluation.describe("eval", "a/1.png", encoded(PICTURE, "PNG"), CrawlConfig())


def crawled(body: bytes) -> Image:
    decoded = decode(body, CrawlConfig())
    return image(
        sha256=sha256(body).hexdigest(), phash=decoded.phash, phash16=decoded.phash16, weak=decoded.weak
    )


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
    found = Evaluation([KNOWN], CONFIG).copies(crawled(body))
    assert [copy.method for copy in found] == methods


def test_a_copy_without_the_borders_of_an_evaluation_image_is_found() -> None:
    framed = ImageOps.expand(PICTURE, 30, fill=(0, 0, 0))
    known = evaluation.describe("eval", "a/1.png", encoded(framed, "PNG"), CrawlConfig())
    found = Evaluation([known], CONFIG).copies(crawled(encoded(PICTURE, quality=80)))
    assert [copy.method for copy in found] == ["trim"]
    assert KNOWN.trim_phash16 == ""
    flat = Evaluation([replace(known, trim_weak=0.36)], CONFIG)
    assert flat.copies(crawled(encoded(PICTURE, quality=80))) == []


@pytest.mark.parametrize(("bits", "found"), [(48, 1), (49, 0)])
def test_both_sides_of_the_distance(bits: int, found: int) -> None:
    near = image(phash=KNOWN.phash, phash16=flip(KNOWN.phash16, bits), weak=0.0)
    assert len(Evaluation([KNOWN], CONFIG).copies(near)) == found


@pytest.mark.parametrize(("weak", "found"), [(0.35, 1), (0.36, 0)])
def test_flat_images_are_compared_by_their_bytes_alone(weak: float, found: int) -> None:
    flat = image(phash=KNOWN.phash, phash16=KNOWN.phash16, weak=weak)
    assert len(Evaluation([KNOWN], CONFIG).copies(flat)) == found
    same = image(sha256=KNOWN.sha256, phash=KNOWN.phash, phash16=KNOWN.phash16, weak=weak)
    assert [copy.method for copy in Evaluation([KNOWN], CONFIG).copies(same)] == ["exact"]


def test_an_image_stored_undecoded_is_found_by_its_bytes_alone(tmp_path: Path) -> None:
    body = encoded(PICTURE, "PNG")
    (tmp_path / "1.png").write_bytes(body)
    raw = CrawlConfig(store="raw")
    (known,) = evaluation.read("eval", tmp_path, [tmp_path / "1.png"], raw)
    assert known.phash16 == KNOWN.phash16
    undecoded = decode(body, raw)
    copies = Evaluation([known], CONFIG).copies(undecoded)
    assert [copy.method for copy in copies] == ["exact"]
    assert Evaluation([known], CONFIG).copies(replace(undecoded, sha256="0" * 64)) == []


def test_a_flat_evaluation_image_is_found_by_its_bytes_alone() -> None:
    flat = Evaluation([replace(KNOWN, weak=0.36)], CONFIG)
    assert flat.copies(image(phash=KNOWN.phash, phash16=KNOWN.phash16)) == []
    assert len(flat.copies(image(sha256=KNOWN.sha256))) == 1


def test_what_cannot_be_read_has_no_codes() -> None:
    broken = evaluation.describe("eval", "b.png", b"nothing", CrawlConfig())
    assert broken.phash == ""
    evaluation.check_readable([KNOWN, broken], ["eval"])
    with pytest.raises(RunError, match="not one of its images can be read"):
        evaluation.check_readable([broken], ["eval"])


def test_a_sets_images_are_listed(tmp_path: Path) -> None:
    for name in ("b/2.PNG", "a/1.jpg", "readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(PICTURE, "PNG"))
    paths = evaluation.images("eval", tmp_path)
    assert [path.name for path in paths] == ["1.jpg", "2.PNG"]
    found = list(evaluation.read("eval", tmp_path, paths, CrawlConfig()))
    assert [item.image for item in found] == ["a/1.jpg", "b/2.PNG"]
    assert found[0] == EvaluationImage(
        set="eval",
        image="a/1.jpg",
        sha256=KNOWN.sha256,
        phash=KNOWN.phash,
        phash16=KNOWN.phash16,
        weak=KNOWN.weak,
        mirror_phash=KNOWN.mirror_phash,
        mirror_phash16=KNOWN.mirror_phash16,
    )


def test_a_set_that_is_not_there_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a folder"):
        evaluation.images("eval", tmp_path / "none")
    with pytest.raises(UserError, match="no image lies in"):
        evaluation.images("eval", tmp_path)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="distance is 0 to 90 bits"):
        AuditConfig(distance=91)
