"""The whole way: pictures, a net, an ONNX file, descriptors; and what each of them promises."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from tests.factories import encoded, photograph
from training.__main__ import main
from training.detector.augment import compressed, overlaid, planes, resized, strong, toned, weak
from training.detector.calibrate import tail_line, unlike
from training.detector.collect import LEAST, collect
from training.detector.drawn import FAMILY, families
from training.detector.export import export, folded
from training.detector.frame import framed, trimmed
from training.detector.hard import Company, company
from training.detector.net import Net
from training.detector.train import DetectorConfig, batch, chosen, contrastive, rate, train
from wit_pipeline.copies.detector import METADATA, Detector, square
from wit_pipeline.copies.neardup import phash16_words
from wit_pipeline.pictures.codes import codes_of
from wit_pipeline.pictures.grey import grey
from wit_pipeline.vocabulary.errors import UserError

TOLD = {"size": 64, "dims": 128, "trusted": 0.9}


def noise(count: int, side: int = 64, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def trembling() -> Net:
    """A net with no parameter at its start value, so that none can be left out unseen."""
    torch.manual_seed(1)
    net = Net()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return net.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Net, Path]:
    path = tmp_path_factory.mktemp("detector") / "detector.onnx"
    net = trembling()
    export(net, 64, TOLD, path)
    return net, path


def test_the_file_says_what_the_net_says(exported: tuple[Net, Path]) -> None:
    net, path = exported
    squares = noise(5)
    with torch.no_grad():
        expected = net(torch.from_numpy(squares)).numpy()
    found = Detector(path)
    assert np.abs(found.describe(squares) - expected).max() < 1e-5
    assert (found.size, found.dims, found.trusted) == (64, 128, 0.9)
    assert np.allclose(np.linalg.norm(found.describe(squares), axis=1), 1, atol=1e-5)


def test_a_descriptor_depends_on_no_other_picture(exported: tuple[Net, Path]) -> None:
    found, squares = Detector(exported[1]), noise(70)
    whole = found.describe(squares)
    assert (found.describe(squares[3:4]) == whole[3:4]).all()
    assert (found.describe(squares[60:]) == whole[60:]).all()
    assert found.describe(squares[:0]).shape == (0, 128)


def test_a_folded_net_is_the_net(exported: tuple[Net, Path]) -> None:
    squares = torch.from_numpy(noise(3))
    with torch.no_grad():
        assert torch.allclose(folded(exported[0])(squares), exported[0](squares), atol=1e-6)


def test_no_picture_of_a_batch_changes_another_s_descriptor() -> None:
    net, squares = trembling(), torch.from_numpy(noise(4))
    with torch.no_grad():
        assert torch.allclose(net(squares)[:1], net(squares[:1]), atol=1e-6)


@pytest.mark.parametrize("content", [None, b"nothing", b""])
def test_what_is_no_detector_is_the_users(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "detector.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"detector\.onnx: (no detector can be read|is no detector that)"):
        Detector(path)


def test_another_model_is_no_detector(exported: tuple[Net, Path], tmp_path: Path) -> None:
    model = onnx.load(str(exported[1]))
    assert [entry.key for entry in model.metadata_props] == [METADATA]
    del model.metadata_props[:]
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(UserError, match="is no detector that `wit-clip detector` wrote"):
        Detector(tmp_path / "other.onnx")


def sources(count: int = 32) -> NDArray[np.uint8]:
    return np.stack([np.asarray(photograph(i, (128, 128))) for i in range(count)])


def test_treatments_change_pictures_and_keep_their_form() -> None:
    source, overlays = sources(), planes(sources(4))
    whole = torch.nn.functional.interpolate(planes(source), (64, 64), mode="area")
    draws = np.random.default_rng(0)
    for made in (
        strong(source, 64, overlays, draws),
        weak(source, 64, draws),
        planes(framed(source, 64, draws)),
        planes(trimmed(source, 64, draws)),
        overlaid(whole, overlays, draws, share=0.5),
        toned(whole, draws),
        resized(whole, draws, share=0.5),
        compressed(whole, draws, share=0.5, worst=20),
    ):
        assert made.shape == (32, 3, 64, 64)
        assert made.isfinite().all()
        assert made.min() >= -1
        assert made.max() <= 256
        changed = (made - whole).abs().amax(dim=(1, 2, 3)) > 2
        assert changed.any()
    untouched = overlaid(whole, overlays, draws, share=0.0)
    assert (untouched == whole).all()


def test_treatments_are_drawn_by_the_seed() -> None:
    overlays = planes(sources(4))
    one, same, other = (strong(sources(), 64, overlays, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_near_company_is_no_copy() -> None:
    pictures = sources(24)
    copies = np.concatenate([pictures, pictures[:4]])
    codes = phash16_words([codes_of(grey(picture)).phash16 for picture in copies])
    found = company(trembling(), copies, codes, 32, np.random.default_rng(0))
    assert found.pictures.tolist() == list(range(28))
    bits = np.bitwise_count(codes[found.nearest] ^ codes[:, None]).sum(axis=2)
    itself = found.nearest == found.pictures[:, None]
    assert (itself | (bits > 64)).all()
    assert itself.any()  # in place of the copies, which any net thinks near
    assert not itself.all()


def test_what_a_net_takes_for_one_another_stands_in_one_batch() -> None:
    twos = Company(np.arange(100), (np.arange(100) ^ 1)[:, None])
    rows = chosen(1000, 64, twos, np.random.default_rng(0))
    assert len(set(rows.tolist())) == len(rows) == 64
    beside = sum(row < 100 and row ^ 1 in rows for row in rows.tolist())
    assert beside >= 30  # of some 38; few by chance
    assert len(set(chosen(1000, 64, None, np.random.default_rng(0)).tolist())) == 64
    assert len(chosen(10, 64, twos, np.random.default_rng(0))) == 64


def test_a_family_has_one_look_and_other_words() -> None:
    for family in families(6, np.random.default_rng(0)):
        assert len(family) == FAMILY
        assert len({image.tobytes() for image in family}) == FAMILY
        assert len({image.getpixel((0, 0)) for image in family}) == 1


def test_a_batch_holds_mirror_images_as_pictures_of_their_own() -> None:
    learnt, pool = noise(300, 8), noise(400, 8, seed=1)
    made = batch(learnt, pool, 64, None, np.random.default_rng(0))
    assert made.shape == (64, 8, 8, 3)
    known = {picture.tobytes() for picture in made}
    assert len(known) == 64
    mirrored = [picture for picture in made if np.ascontiguousarray(picture[:, ::-1]).tobytes() in known]
    assert len(mirrored) == 16  # each beside the one it mirrors


def test_the_loss_is_least_where_views_of_one_picture_agree() -> None:
    one = torch.nn.functional.normalize(torch.randn(8, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    agreeing, shuffled = torch.cat([one, one]), torch.cat([one, one.roll(1, 0)])
    assert contrastive(agreeing) < contrastive(shuffled)
    assert contrastive(agreeing) < contrastive(torch.ones(16, 16) / 4)


@pytest.mark.parametrize(("step", "share"), [(100, 0.5), (200, 1.0), (1700, 0.5), (3200, 0.0)])
def test_the_learning_rate(step: int, share: float) -> None:
    assert rate(step, DetectorConfig(steps=3200)) == pytest.approx(share)


def test_rare_rates_are_read_off_the_tails_line() -> None:
    pairs = 1_000_000
    rates = np.arange(1, 1001) / pairs
    line = tail_line((-0.1 * np.log10(rates)).astype(np.float32), pairs)  # 0.1 a decade
    assert line(1e-4) == pytest.approx(0.4, abs=1e-6)  # of 100 pairs
    assert line(1e-6) == pytest.approx(0.6, abs=1e-4)
    assert line(1e-9) == pytest.approx(0.9, abs=1e-4)


def test_pictures_that_may_be_one_calibrate_nothing() -> None:
    pictures = [np.asarray(photograph(i, (64, 64))) for i in range(8)]
    assert unlike(np.stack(pictures)).all()
    copy = np.asarray(photograph(3, (60, 60)).resize((64, 64)))
    assert np.flatnonzero(~unlike(np.stack([*pictures, copy]))).tolist() == [3, 8]


def write_pictures(folder: Path, count: int) -> str:
    folder.mkdir()
    for i in range(count):
        (folder / f"{i:04d}.jpg").write_bytes(encoded(photograph(i, (40, 30)), quality=90))
    return str(folder)


def test_what_teaches_nothing_is_left_out(tmp_path: Path) -> None:
    folder = Path(write_pictures(tmp_path / "a", LEAST))
    (folder / "bad.jpg").write_bytes(b"nothing")
    (folder / "flat.png").write_bytes(encoded(Image.new("RGB", (40, 40), "red"), "PNG"))
    (folder / "again.jpg").write_bytes((folder / "0000.jpg").read_bytes())
    found = collect([str(folder)], 32, 10_000, tmp_path / "squares")
    assert found.left_out == {"copies": 1, "unreadable": 1, "flat": 1}
    assert len(found.learnt) + len(found.held_out) == LEAST
    assert len(found.held_out) == LEAST // 20


def test_of_many_pictures_some_are_drawn(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "a", LEAST + 30)
    one, same = (collect([folder], 32, LEAST, tmp_path / name) for name in ("x", "y"))
    assert len(one.learnt) + len(one.held_out) == LEAST
    assert (one.learnt == same.learnt).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "{folder}", "--steps", "1"], "3 pictures to learn from (none was left out); wants 500"),
        (["--images", "{folder}/none"], "--images: {folder}/none is not there"),
        (["--images", "{folder}", "--size", "50"], "size is a multiple of 32"),
        (["--images", "{folder}", "--batch", "8"], "batch is 32 or more"),
        (["--images", "{folder}", "--steps", "0"], "'0' is no whole number from 1"),
        ([], "required: --images"),
    ],
)
def test_what_a_user_gets_wrong(
    tmp_path: Path, arguments: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "a", 3)
    given = [argument.format(folder=folder) for argument in arguments]
    assert main(["detector", *given, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said.format(folder=folder) in line
    assert not list(tmp_path.glob("out/*"))


SMALL: dict[str, Any] = {"batch": 32, "steps": 30, "warm_up": 5, "size": 32, "pool": 20}


def test_a_training_is_repeated_to_the_bit(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "a", LEAST)
    one, same, other = (
        train(
            [folder], tmp_path / name, DetectorConfig(**SMALL | {"steps": 4}, seed=seed), Console(quiet=True)
        )
        for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert one.read_bytes() == same.read_bytes() != other.read_bytes()


def test_a_short_training_tells_copies_apart(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "a", LEAST)
    path = train([folder], tmp_path / "one", DetectorConfig(**SMALL), Console(quiet=True))
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["detector.onnx", "metrics.jsonl"]
    rows = [json.loads(line) for line in (tmp_path / "one" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 31))
    first, last = (np.mean([row["loss"] for row in part]) for part in (rows[:10], rows[-10:]))
    assert last < first - 0.2
    told = Detector(path).metadata
    assert (told["size"], told["pictures"], told["steps"]) == (32, LEAST - LEAST // 20, 30)
    assert told["1e-04"] <= told["1e-06"] <= told["trusted"] < 1


def test_a_square_forgets_a_pictures_shape() -> None:
    wide = np.asarray(photograph(0, (120, 40)))
    assert square(wide, 32).shape == (32, 32, 3)
    assert square(square(wide, 32), 32) is not None
    assert (square(square(wide, 32), 32) == square(wide, 32)).all()
