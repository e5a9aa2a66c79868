"""What the web does to a picture: 60 ways, in groups, each the same for the same picture and name.

Every copy is encoded anew, as JPEG of quality 85 where its name says nothing else.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps
from PIL.Image import Resampling, Transpose

from wit_pipeline.vocabulary.chance import draw

Made = Callable[[Image.Image, np.random.Generator], Image.Image | bytes]


def encoded(image: Image.Image, kind: str = "JPEG", quality: int = 85) -> bytes:
    """The bytes of a file."""
    buffer = BytesIO()
    if kind == "PNG":
        image.save(buffer, kind)
    else:
        image.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def copy(image: Image.Image, name: str, key: str) -> bytes:
    """The file of a picture after one treatment; `key` is the picture's name, which decides what is drawn."""
    draws = np.random.default_rng(draw(key, seed=0, purpose=f"transforms:{name}"))
    made = ALL[name](image, draws)
    return made if isinstance(made, bytes) else encoded(made)


def _shorter(side: int, method: Resampling = Resampling.LANCZOS) -> Made:
    def made(image: Image.Image, draws: np.random.Generator) -> Image.Image:
        factor = side / min(image.size)
        return image.resize(
            (max(1, round(image.width * factor)), max(1, round(image.height * factor))), method
        )

    return made


def _centre(share: float) -> Made:
    return lambda image, draws: _part(image, share, share, 0.5, 0.5)


def _random(share: float) -> Made:
    return lambda image, draws: _part(image, share, share, draws.random(), draws.random())


def _part(image: Image.Image, wide: float, high: float, x: float, y: float) -> Image.Image:
    w, h = max(1, round(image.width * wide)), max(1, round(image.height * high))
    left, top = round((image.width - w) * x), round((image.height - h) * y)
    return image.crop((left, top, left + w, top + h))


def _square(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    return ImageOps.fit(image, (min(image.size),) * 2)


def _random_resized(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    """As trainers crop: 20 to 100 % of the area, 3:4 to 4:3, at 224."""
    area, aspect = draws.uniform(0.2, 1.0), np.exp(draws.uniform(np.log(3 / 4), np.log(4 / 3)))
    wide = min(1.0, float(np.sqrt(area * aspect)))
    high = min(1.0, float(np.sqrt(area / aspect)))
    return _part(image, wide, high, draws.random(), draws.random()).resize((224, 224), Resampling.BILINEAR)


def _centre_224(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    small = _shorter(256, Resampling.BILINEAR)(image, draws)
    assert isinstance(small, Image.Image)
    return ImageOps.fit(small, (224, 224), centering=(0.5, 0.5))


def _rotated(degrees: float, *, cropped: bool = False) -> Made:
    def made(image: Image.Image, draws: np.random.Generator) -> Image.Image:
        turned = image.rotate(degrees * draws.choice([-1, 1]), Resampling.BICUBIC, fillcolor=(0, 0, 0))
        shrunk = 1 - 2 * np.sin(np.deg2rad(degrees)) * max(image.size) / min(image.size) / 2
        return _part(turned, shrunk, shrunk, 0.5, 0.5) if cropped else turned

    return made


def _bordered(share: float, colour: str) -> Made:
    def made(image: Image.Image, draws: np.random.Generator) -> Image.Image:
        return ImageOps.expand(image, max(1, round(min(image.size) * share)), fill=colour)

    return made


def _letterbox(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    bar = max(1, round(image.height * 0.12))
    made = Image.new("RGB", (image.width, image.height + 2 * bar))
    made.paste(image, (0, bar))
    return made


def _pillars(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    bar = max(1, round(image.width * 0.12))
    made = Image.new("RGB", (image.width + 2 * bar, image.height), "white")
    made.paste(image, (bar, 0))
    return made


def _written(text: str, where: tuple[float, float], size: float, colour: str, opacity: int = 255) -> Made:
    def made(image: Image.Image, draws: np.random.Generator) -> Image.Image:
        over = Image.new("RGBA", image.size, (0, 0, 0, 0))
        font = ImageFont.load_default(max(6, round(min(image.size) * size)))
        place = (image.width * where[0], image.height * where[1])
        ImageDraw.Draw(over).text(place, text, font=font, fill=colour)
        over.putalpha(over.getchannel("A").point(lambda value: value * opacity // 255))
        return Image.alpha_composite(image.convert("RGBA"), over).convert("RGB")

    return made


def _banner(share: float) -> Made:
    def made(image: Image.Image, draws: np.random.Generator) -> Image.Image:
        over = image.copy()
        top = round(image.height * (1 - share))
        pen = ImageDraw.Draw(over)
        pen.rectangle((0, top, image.width, image.height), fill=(200, 20, 20))
        font = ImageFont.load_default(max(6, round(image.height * share * 0.6)))
        pen.text((image.width * 0.05, top), "BREAKING NEWS", font=font, fill="white")
        return over

    return made


def _box(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    over = image.copy()
    x, y = draws.uniform(0.05, 0.7, 2)
    corner = (image.width * x, image.height * y)
    far = (image.width * (x + 0.25), image.height * (y + 0.2))
    ImageDraw.Draw(over).rectangle((*corner, *far), fill=tuple(int(v) for v in draws.integers(0, 256, 3)))
    return over


def _logo(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    over, side = image.copy(), min(image.size) * 0.18
    pen = ImageDraw.Draw(over)
    pen.ellipse((4, 4, 4 + side, 4 + side), fill="white", outline="black", width=2)
    pen.text(
        (4 + side * 0.3, 4 + side * 0.2), "W", font=ImageFont.load_default(max(6, side * 0.5)), fill="navy"
    )
    return over


def _noise(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image).astype(np.float32) + draws.normal(0, 12, (image.height, image.width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _gamma(power: float) -> Made:
    table = [round(255 * (value / 255) ** power) for value in range(256)] * 3
    return lambda image, draws: image.point(table)


def _hue(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    return Image.merge("HSV", (hue.point(lambda v: (v + 18) % 256), saturation, value)).convert("RGB")


def _sepia(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    return ImageOps.colorize(image.convert("L"), "#301808", "#fff0d0")


def _retoned_thumbnail(image: Image.Image, draws: np.random.Generator) -> bytes:
    part = ImageEnhance.Contrast(_part(image, 0.95, 0.95, draws.random(), draws.random())).enhance(1.3)
    part.thumbnail((200, 200))
    return encoded(ImageEnhance.Color(part).enhance(1.4), quality=60)


def _screenshot(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    """The picture on a page: a bar above, white beside it."""
    wide, high = round(image.width * 1.2), round(image.height * 1.25)
    made = Image.new("RGB", (wide, high), "white")
    ImageDraw.Draw(made).rectangle((0, 0, wide, round(high * 0.1)), fill=(60, 60, 70))
    made.paste(image, ((wide - image.width) // 2, round(high * 0.14)))
    return made


def _meme(image: Image.Image, draws: np.random.Generator) -> Image.Image:
    part = _part(image, 0.85, 0.85, draws.random(), draws.random())
    made = _written("WHEN THE DATA", (0.08, 0.02), 0.1, "white")(part, draws)
    assert isinstance(made, Image.Image)
    written = _written("IS CLEAN", (0.2, 0.86), 0.1, "white")(made, draws)
    assert isinstance(written, Image.Image)
    return written


def _scaled(wide: float, high: float) -> Made:
    return lambda image, draws: image.resize(
        (max(1, round(image.width * wide)), max(1, round(image.height * high)))
    )


def _as(kind: str, quality: int = 85) -> Made:
    return lambda image, draws: encoded(image, kind, quality)


def _plain(change: Callable[[Image.Image], Image.Image]) -> Made:
    return lambda image, draws: change(image)


GROUPS: dict[str, dict[str, Made]] = {
    "re-encode": {
        "png": _as("PNG"),
        "jpeg 75": _as("JPEG", 75),
        "jpeg 50": _as("JPEG", 50),
        "jpeg 30": _as("JPEG", 30),
        "webp 60": _as("WEBP", 60),
    },
    "resize": {
        "to 256": _shorter(256),
        "to 128": _shorter(128),
        "to 64": _shorter(64),
        "to 32": _shorter(32),
        "2 x": _scaled(2, 2),
        "squashed": _scaled(1, 0.7),
    },
    "nearest neighbour": {
        "to 128 nearest": _shorter(128, Resampling.NEAREST),
        "to 64 nearest": _shorter(64, Resampling.NEAREST),
    },
    "blur, sharpen, noise": {
        "blur 1": _plain(lambda image: image.filter(ImageFilter.GaussianBlur(1))),
        "blur 3": _plain(lambda image: image.filter(ImageFilter.GaussianBlur(3))),
        "sharpen": _plain(lambda image: image.filter(ImageFilter.UnsharpMask(2, 150))),
        "noise": _noise,
    },
    "tone, colour": {
        "brighter": _plain(lambda image: ImageEnhance.Brightness(image).enhance(1.4)),
        "darker": _plain(lambda image: ImageEnhance.Brightness(image).enhance(0.6)),
        "contrast up": _plain(lambda image: ImageEnhance.Contrast(image).enhance(1.5)),
        "contrast down": _plain(lambda image: ImageEnhance.Contrast(image).enhance(0.6)),
        "gamma 0.6": _gamma(0.6),
        "gamma 1.6": _gamma(1.6),
        "saturated": _plain(lambda image: ImageEnhance.Color(image).enhance(1.8)),
        "hue": _hue,
        "grey": _plain(lambda image: image.convert("L").convert("RGB")),
        "sepia": _sepia,
        "autocontrast": _plain(lambda image: ImageOps.autocontrast(image, cutoff=2)),
    },
    "overlay": {
        "watermark": _written("SAMPLE PHOTO", (0.1, 0.4), 0.14, "white", 110),
        "banner 10 %": _banner(0.10),
        "banner 15 %": _banner(0.15),
        "text": _written("see more at example.org", (0.05, 0.88), 0.07, "yellow"),
        "logo": _logo,
        "box": _box,
    },
    "border, letterbox": {
        "border 5 % white": _bordered(0.05, "white"),
        "border 5 % black": _bordered(0.05, "black"),
        "border 10 % white": _bordered(0.10, "white"),
        "border 10 % blue": _bordered(0.10, "navy"),
        "letterbox": _letterbox,
        "pillars": _pillars,
        "screenshot": _screenshot,
    },
    "crop to 90 %": {
        "centre 95 %": _centre(0.95),
        "centre 90 %": _centre(0.90),
        "random 90 %": _random(0.90),
        "re-toned thumbnail": _retoned_thumbnail,
    },
    "crop to 80-50 %": {
        "centre 80 %": _centre(0.80),
        "centre 70 %": _centre(0.70),
        "random 80 %": _random(0.80),
        "random 70 %": _random(0.70),
        "random 50 %": _random(0.50),
        "meme": _meme,
    },
    "square, trainers' crops": {
        "square": _square,
        "centre 224": _centre_224,
        "random resized": _random_resized,
    },
    "mirror": {
        "mirror": _plain(lambda image: image.transpose(Transpose.FLIP_LEFT_RIGHT)),
        "mirror, jpeg 50": lambda image, draws: encoded(
            image.transpose(Transpose.FLIP_LEFT_RIGHT), quality=50
        ),
    },
    "rotation 2-10": {
        "rotated 2": _rotated(2),
        "rotated 5": _rotated(5),
        "rotated 5 cropped": _rotated(5, cropped=True),
        "rotated 10": _rotated(10),
    },
    "quarter turns": {
        "turned 90": _plain(lambda image: image.transpose(Transpose.ROTATE_90)),
        "turned 180": _plain(lambda image: image.transpose(Transpose.ROTATE_180)),
        "turned 270": _plain(lambda image: image.transpose(Transpose.ROTATE_270)),
    },
    "invert": {"invert": _plain(ImageOps.invert)},
}
ALL = {name: made for group in GROUPS.values() for name, made in group.items()}
