"""Captions as people write alternative text: many templates, mostly true to what the picture shows."""

from beam_jobs.demo.dice import Dice
from beam_jobs.demo.plan import Picture, Thing
from beam_jobs.demo.vocabulary import COUNTS, FILLER, PLACES, SHAPES, article

SINGLE = (
    "{a_thing}",
    "{thing}",
    "a photo of {a_thing}",
    "a photo of {a_thing} on {ground}",
    "picture of one {thing}",
    "the {shape} is {colour}",
    "a {size} {thing}",
    "there is {a_thing} {spot}",
    "{a_shape} painted {colour} on {surface}",
    "close-up of {a_thing}",
    "an image of the {thing}",
    "my {thing} from the market",
)
SEVERAL = (
    "{count} {things} on {ground}",
    "a photo of {count} {things}",
    "{count} {things}",
    "a group of {count} {things} on {surface}",
    "there are {count} {things} here",
)
PAIR = (
    "{a_thing} {relation} {a_second}",
    "{a_thing} {relation} {a_second} on {ground}",
    "a photo of {a_thing} {relation} {a_second}",
    "{thing} and {second} on {ground}",
    "the {thing} is {relation} the {second}",
)
TAILS = (", seen in {place}", ", {place}", " ({place})", " at the {place} market", ", museum of {place}")
CAMERAS = (
    "IMG_{:04d}.jpg",
    "DSC_{:04d}.JPG",
    "DSCN{:04d}.jpg",
    "image-{:04d}.png",
    "2019-06-12 10.{:04d}.jpg",
)
TAIL_SHARE = 0.15  # of captions name a place


def caption(picture: Picture, *, variant: str = "", tail: bool = False) -> str:
    """A sentence on a picture; `variant` asks for another one, `tail` for one that names a place."""
    dice = Dice(picture.seed, f"{picture.name}/caption{variant}")
    thing = picture.things[0]
    templates = PAIR if picture.relation else SEVERAL if thing.count > 1 else SINGLE
    text = dice.pick("template", templates).format(**_words(picture))
    if tail or dice.share("tail") < TAIL_SHARE:
        text += dice.pick("tail kind", TAILS).format(place=dice.pick("place", PLACES))
    return text[0].upper() + text[1:] if dice.share("capital") < 0.4 else text


def evaluation_caption(picture: Picture, class_name: str) -> str:
    """What the page says that shows a copy of an evaluation picture."""
    dice = Dice(picture.seed, f"{picture.name}/caption")
    return f"a photo of {article(class_name)}, {dice.pick('place', PLACES)}"


def camera_name(dice: Dice) -> str:
    """What a camera calls a file: no caption."""
    return dice.pick("camera", CAMERAS).format(int(dice.between("number", 1000, 10_000)))


def filler(dice: Dice) -> str:
    """Words of placeholder text that name no query."""
    return " ".join(dice.shuffled("filler", FILLER)[:5])


def _words(picture: Picture) -> dict[str, str]:
    first, last = picture.things[0], picture.things[-1]
    return {
        "thing": _name(first),
        "a_thing": article(_name(first)),
        "things": f"{first.colour} {SHAPES[first.shape]}",
        "second": _name(last),
        "a_second": article(_name(last)),
        "shape": first.shape,
        "a_shape": article(first.shape),
        "colour": first.colour,
        "count": COUNTS.get(first.count, "one"),
        "size": picture.size,
        "spot": picture.spot,
        "relation": picture.relation,
        "surface": picture.surface,
        "ground": f"{picture.texture} {picture.surface}",
    }


def _name(thing: Thing) -> str:
    return f"{thing.colour} {thing.shape}"
