import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.made_pictures import SRGB, exif, power_space, profile
from tests.factories import photograph
from training.data.image import DEVIATION, MEAN, UNREADABLE, fast_square, normalise, square


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def stripes(width: int, height: int) -> Image.Image:
    """Red to the left, green in the middle, blue to the right, or from above."""
    thirds = np.arange(max(width, height)) * 3 // max(width, height)
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], dtype=np.uint8)[thirds]
    pixels = np.broadcast_to(colours[None] if width >= height else colours[:, None], (height, width, 3))
    return Image.fromarray(np.ascontiguousarray(pixels))


@pytest.mark.parametrize("size", [(90, 30), (30, 90)])
@pytest.mark.parametrize(("place", "colour"), [(0.0, 0), (0.5, 1), (1.0, 2)])
def test_the_square_is_cut_at_its_place_along_the_longer_side(
    size: tuple[int, int], place: float, colour: int
) -> None:
    pixels = square(encoded(stripes(*size)), 16, place)
    assert pixels.shape == (16, 16, 3)
    assert pixels.dtype == np.uint8
    assert (pixels.argmax(axis=-1) == colour).all()


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    assert square(encoded(stripes(40, 20).convert(mode), kind), 8, 0.5).shape == (8, 8, 3)


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    large = Image.linear_gradient("L").convert("RGB").resize((1600, 1200), Image.Resampling.BICUBIC)
    exact = np.asarray(large.crop((200, 0, 1400, 1200)).resize((64, 64), Image.Resampling.BICUBIC))
    assert np.abs(square(encoded(large, "JPEG"), 64, 0.5).astype(int) - exact).mean() < 2


@pytest.mark.parametrize("side", [(300, 200), (90, 200), (1500, 1100)])
@pytest.mark.parametrize("place", [0.0, 0.37, 1.0])
def test_the_fast_way_looks_the_same(side: tuple[int, int], place: float) -> None:
    """Smaller than what is asked for, as large, and large enough to be decoded at a fraction."""
    data = encoded(photograph(5, side), "JPEG")
    apart = np.abs(fast_square(data, 96, place).astype(int) - square(data, 96, place))
    assert apart.mean() < 3  # turbo's fast upsampling of colours, and whole pixels
    assert np.quantile(apart, 0.99) < 16


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_the_fast_way_reads_what_the_slow_one_reads(mode: str) -> None:
    picture = photograph(3, (120, 80)).convert(mode)
    kinds = ("JPEG", "TIFF") if mode == "CMYK" else ("JPEG", "PNG")
    for kind in kinds:
        data = encoded(picture, kind)
        assert np.abs(fast_square(data, 32, 0.5).astype(int) - square(data, 32, 0.5)).mean() < 2
    cut = encoded(picture, "JPEG")[:-200]
    with pytest.raises(UNREADABLE):
        fast_square(cut, 32, 0.5)


def test_what_is_no_image_raises_what_is_named() -> None:
    whole = encoded(stripes(90, 30), "JPEG")
    for data in (b"", b"no image", whole[: len(whole) // 2], encoded(stripes(90, 30))[:60]):
        with pytest.raises(UNREADABLE):
            square(data, 16, 0.5)
        with pytest.raises(UNREADABLE):
            fast_square(data, 16, 0.5)


@pytest.mark.parametrize("way", [square, fast_square])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "AVIF"])
def test_a_picture_is_seen_upright_and_in_srgb(way: Callable[..., NDArray[np.uint8]], format: str) -> None:
    """As the pipeline stores it: a shard of another's making holds files as cameras left them."""
    lying = stripes(90, 30).rotate(90, expand=True)  # as a camera on its side sees what stands
    linear = profile(power_space(1, 1.0))
    out = io.BytesIO()
    grey = Image.new("RGB", lying.size, (55, 55, 55))
    for picture, kept in ((lying, {"exif": b"Exif\0\0" + exif(6)}), (grey, {"icc_profile": linear})):
        out = io.BytesIO()
        picture.save(out, format, quality=95, **kept)
        pixels = way(out.getvalue(), 16, 0.0)
        if picture is lying:
            assert (pixels.argmax(axis=-1) == 0).all()
        else:
            assert np.abs(pixels.astype(int) - 128).max() <= 2


def test_a_jpeg_of_a_screens_profile_goes_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.image.square", None)
    out = io.BytesIO()
    photograph(3, (120, 80)).save(out, "JPEG", icc_profile=profile(SRGB), exif=b"Exif\0\0" + exif(1))
    assert fast_square(out.getvalue(), 32, 0.5).shape == (32, 32, 3)


@pytest.mark.parametrize("horizontal", [1, 2, 4])
@pytest.mark.parametrize("vertical", [1, 2, 4])
def test_jpegs_of_any_sampling(horizontal: int, vertical: int) -> None:
    """Of 4:4:1 simplejpeg has no name, and raises a `KeyError`."""
    plain = encoded(Image.new("RGB", (32, 32), (90, 130, 60)), "JPEG")
    at = plain.index(b"\xff\xc0") + 11
    data = plain[:at] + bytes([horizontal << 4 | vertical]) + plain[at + 1 :]
    try:
        assert fast_square(data, 16, 0.5).shape == (16, 16, 3)
    except UNREADABLE:
        assert horizontal * vertical > 8  # more blocks than a JPEG may have at once


def test_normalised_pixels_have_mean_and_deviation_taken_out() -> None:
    image_BHWC = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, 4, 4, 3)
    out_BCHW = normalise(image_BHWC)
    assert out_BCHW.shape == (2, 3, 4, 4)
    for channel, (mean, deviation) in enumerate(zip(MEAN, DEVIATION, strict=True)):
        expected_B = torch.tensor([-mean / deviation, (1 - mean) / deviation])
        torch.testing.assert_close(out_BCHW[:, channel].amin(dim=(1, 2)), expected_B)
        torch.testing.assert_close(out_BCHW[:, channel].amax(dim=(1, 2)), expected_B)
