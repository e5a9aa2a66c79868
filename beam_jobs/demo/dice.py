"""Named draws for one thing of the world: the same in every process and order of drawing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from wit_pipeline.vocabulary.chance import draw, uniform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dice:
    """Draws about the thing `name`. Two draws of one purpose are one draw."""

    seed: int
    name: str

    def share(self, purpose: str) -> float:
        """A float, uniform in [0, 1)."""
        return uniform(self.name, seed=self.seed, purpose=f"demo:{purpose}")

    def between(self, purpose: str, low: float, high: float) -> float:
        """A float, uniform in [low, high)."""
        return low + (high - low) * self.share(purpose)

    def pick(self, purpose: str, options: Sequence[T]) -> T:
        """One of `options`."""
        return options[int(self.share(purpose) * len(options))]

    def shuffled(self, purpose: str, items: Sequence[T]) -> list[T]:
        """All of `items`, in an order drawn by position."""
        places = sorted(
            range(len(items)), key=lambda i: draw(f"{self.name}/{i}", seed=self.seed, purpose=purpose)
        )
        return [items[place] for place in places]

    def generator(self, purpose: str) -> np.random.Generator:
        """A generator for arrays of noise."""
        return np.random.default_rng(draw(self.name, seed=self.seed, purpose=f"demo:{purpose}"))
