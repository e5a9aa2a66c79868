"""The templates, and what they all need."""

from base64 import b64encode
from functools import cache
from io import BytesIO

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL import Image as Pillow

THUMBNAIL = 160  # pixels of the longer side
QUALITY = 60  # of WebP: some 2.5 KB a picture, so that a page may draw thousands


@cache
def environment() -> Environment:
    """Jinja with autoescape in HTML; a name that a page does not get is an error, not a blank."""
    found = Environment(
        loader=PackageLoader("wit_pipeline.report", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["commas"] = lambda number: f"{number:,}"
    found.filters["percent"] = lambda share: f"{100 * share:.2f} %"
    return found


def picture(image: bytes) -> str:
    """An image as a data: URI of a small WebP, for a page that loads nothing; small images are enlarged."""
    with Pillow.open(BytesIO(image)) as opened:
        small = opened.convert("RGB")
        factor = THUMBNAIL / max(small.size)
        size = tuple(max(1, round(side * factor)) for side in small.size)
        method = Pillow.Resampling.NEAREST if factor > 2 else Pillow.Resampling.LANCZOS
        small = small.resize((size[0], size[1]), method)
    buffer = BytesIO()
    small.save(buffer, "WEBP", quality=QUALITY, method=2)
    return "data:image/webp;base64," + b64encode(buffer.getvalue()).decode("ascii")
