"""What a picture shows, decided before a pixel is drawn: a pure function of seed, name and attempt."""

from collections.abc import Sequence
from dataclasses import dataclass

from beam_jobs.demo.dice import Dice
from beam_jobs.demo.vocabulary import (
    COLOURS,
    COUNTS,
    RELATIONS,
    SHAPES,
    SIZES,
    SPOTS,
    SURFACES,
    TEXTURES,
)

SINGLE, SEVERAL = 0.78, 0.89  # shares: one thing, several alike, and the rest two things of a scene


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """A coloured shape, once or several times."""

    colour: str
    shape: str
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """All that decides a picture's pixels; `attempt` counts redraws of what came out like another one."""

    seed: int
    name: str
    attempt: int = 0
    things: tuple[Thing, ...]  # one, or two that stand in `relation`
    relation: str = ""
    spot: str = ""  # where a single thing lies
    size: str = ""
    texture: str
    surface: str
    width: int  # pixels
    height: int

    @property
    def dice(self) -> Dice:
        """Draws for what no caption tells: jitter, noise, clutter."""
        return Dice(self.seed, f"{self.name}#{self.attempt}")


def plan_picture(seed: int, name: str) -> Picture:
    """A picture for the web: one thing, several alike, or two in a relation."""
    dice = Dice(seed, name)
    thing, kind = _thing(dice, "first"), dice.share("kind")
    if kind < SINGLE:
        return _picture(dice, (thing,), spot=dice.pick("spot", tuple(SPOTS)), size=dice.pick("size", SIZES))
    if kind < SEVERAL:
        several = Thing(colour=thing.colour, shape=thing.shape, count=dice.pick("count", tuple(COUNTS)))
        return _picture(dice, (several,))
    return _picture(dice, (thing, _thing(dice, "second")), relation=dice.pick("relation", tuple(RELATIONS)))


def plan_evaluation(seed: int, colour: str, shape: str, number: int) -> Picture:
    """A held-out picture of one class. Its name, and so each of its draws, is in no web picture."""
    dice = Dice(seed, f"evaluation/{colour}_{shape}/{number}")
    things = (Thing(colour=colour, shape=shape),)
    return _picture(dice, things, spot=dice.pick("spot", tuple(SPOTS)), size=dice.pick("size", SIZES))


def _thing(dice: Dice, which: str) -> Thing:
    return Thing(
        colour=dice.pick(f"{which} colour", tuple(COLOURS)), shape=dice.pick(f"{which} shape", tuple(SHAPES))
    )


def _picture(
    dice: Dice, things: Sequence[Thing], *, relation: str = "", spot: str = "", size: str = ""
) -> Picture:
    side = round(dice.between("side", 96, 180))
    aspect = dice.between("aspect", 0.9, 1.12)
    return Picture(
        seed=dice.seed,
        name=dice.name,
        things=tuple(things),
        relation=relation,
        spot=spot,
        size=size,
        texture=dice.pick("texture", TEXTURES),
        surface=dice.pick("surface", tuple(SURFACES)),
        width=round(side * max(aspect, 1)),
        height=round(side / min(aspect, 1)),
    )
