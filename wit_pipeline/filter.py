"""Size and shape: what is too small or too long to learn from; and what may not be used any more."""

from collections.abc import Iterable, Iterator, Mapping
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


def judge(
    pairs: Iterable[Pair], refused: Mapping[str, tuple[Reason, str]], config: FilterConfig
) -> Iterator[Pair | Reject]:
    """Each pair, or the Reject that says what its image is not, or that the URL is among the `refused`."""
    for pair in pairs:
        image, found = pair.image, refused.get(pair.candidate.url)
        reason = reject_image(image, config)
        if found is not None:
            yield reject(pair.candidate, STAGE, *found)
        elif reason is not None:
            size = f"{image.original_width} x {image.original_height} pixels"
            yield reject(pair.candidate, STAGE, reason, size)
        else:
            yield pair
