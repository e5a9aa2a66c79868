"""Size and shape: what is too small or too long to learn from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wit_pipeline.vocabulary.records import Image, Pair, Reason, Reject, reject

STAGE = "filter"


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterConfig:
    """The recipe's `[filter]`, on the image as it was fetched, EXIF orientation applied."""

    min_side: int = 64  # pixels of the shorter side
    max_aspect: float = 4.0  # longer side over shorter

    def __post_init__(self) -> None:
        if self.max_aspect < 1:
            raise ValueError(f"max_aspect is at least 1, found {self.max_aspect}")


def reject_image(image: Image, config: FilterConfig) -> Reason | None:
    """Why an image is not kept, or None."""
    short, long = sorted((image.original_width, image.original_height))
    if short < config.min_side:
        return Reason.IMAGE_TOO_SMALL
    if long > config.max_aspect * short:
        return Reason.IMAGE_TOO_LONG
    return None


def judge(pairs: Iterable[Pair], config: FilterConfig) -> Iterator[Pair | Reject]:
    """Each pair, or the Reject that says what its image is not."""
    for pair in pairs:
        reason = reject_image(pair.image, config)
        if reason is None:
            yield pair
        else:
            size = f"{pair.image.original_width} x {pair.image.original_height} pixels"
            yield reject(pair.candidate, STAGE, reason, size)
