"""What a trained detector makes of stored images."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.copies.evaluation import Describer, rgb
from wit_pipeline.pictures.image import seen

AT_ONCE = 256  # images whose squares are held


def descriptors(count: int, stored: Callable[[int], bytes], detector: Describer) -> NDArray[np.float32]:
    """[count, dims]: the descriptor of each stored JPEG, zeros where there is none (`stored` gives b"")."""
    made = np.zeros((count, detector.dims), np.float32)
    for first in range(0, count, AT_ONCE):
        contents = {i: stored(i) for i in range(first, min(count, first + AT_ONCE))}
        there = [i for i, content in contents.items() if content]
        if there:
            squares = [detector.prepare(rgb(seen(contents[i]))) for i in there]
            made[there] = detector.describe(np.stack(squares))
    return made
