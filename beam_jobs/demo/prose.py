"""Sentences about the small world, with its words in the company that captions give them."""

from collections.abc import Mapping, Sequence

from beam_jobs.demo.dice import Dice
from beam_jobs.demo.vocabulary import (
    COLOURS,
    COUNTS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    SPOTS,
    SURFACES,
    TEXTURES,
    article,
)

SENTENCES = (
    "A {colour} {shape} on {texture} {surface} is often seen in [[{place}]].",
    "The {shape} is painted {colour}, and there is {a_shape2} {spot} of the picture.",
    "There is a {size} {colour} {shape} {spot} of the wall.",
    "In {place}, {count} {colour} {shapes} stand {relation} the {colour2} {shape2}.",
    "A photo of one {colour} {shape} against {texture} {surface} hangs in the museum of {place}.",
    "My cousin from the market at {place} sells {shapes}, {colour} and {colour2}, {size} and plain.",
    "''{texture} {surface}'' shows {a_shape} {relation} {a_shape2}.",
    'Here a group of {count} {shapes} is seen in a close-up image.<ref name="r{number}" />',
    "Children draw the [[{shape}]] in {colour} on {surface}; the picture is then hung {spot}.",
    "People of {place} say that {a_shape} painted [[{colour}]] brings luck.<ref>''Almanac of {place}''</ref>",
    "An image of a {colour2} {shape2}, taken at {place} in {year}, was found on {texture} {surface}.",
    "One {size} {shape} lies {relation} {count} {shapes2} of {colour2} {surface2}.",
)
TABLE = """{{| class="wikitable"
|-
! Shape !! Colour !! Place
|-
| {shape} || style="text-align:left" | {colour} || [[{place}]]
|-
| {shape2} || {colour2} || {place}
|}}"""
FIGURE = "[[File:{place} {shape}.jpg|thumb|left|A {colour} {shape} on {texture} {surface}]]"


def words_of(dice: Dice, fixed: Mapping[str, str]) -> dict[str, str]:
    """A word for every blank of the templates; `fixed` are what the article is about."""
    first, second = (
        fixed.get("shape") or dice.pick("shape", tuple(SHAPES)),
        dice.pick("shape2", tuple(SHAPES)),
    )
    return {
        "colour": dice.pick("colour", tuple(COLOURS)),
        "colour2": dice.pick("colour2", tuple(COLOURS)),
        "shape": first,
        "shapes": SHAPES[first],
        "a_shape": article(first),
        "shape2": second,
        "shapes2": SHAPES[second],
        "a_shape2": article(second),
        "texture": dice.pick("texture", TEXTURES),
        "surface": dice.pick("surface", tuple(SURFACES)),
        "surface2": dice.pick("surface2", tuple(SURFACES)),
        "size": dice.pick("size", SIZES),
        "spot": dice.pick("spot", tuple(SPOTS)),
        "relation": dice.pick("relation", tuple(RELATIONS)),
        "count": dice.pick("count", tuple(COUNTS.values())),
        "place": dice.pick("place", PLACES),
        "year": str(int(dice.between("year", 1850, 2020))),
        "number": str(int(dice.between("number", 1, 9))),
        **fixed,
    }


def wikitext(seed: int, title: str, fixed: Mapping[str, str], categories: Sequence[str]) -> str:
    """An article: infobox, lead, three sections with a list, a figure or a table, and its categories."""
    lead = f"{{{{Infobox thing\n| name = {title}\n| image = {title}.jpg\n}}}}\n'''{title}''' "
    parts = [lead + _sentence(seed, title, -1, fixed)]
    for number, heading in enumerate(("Description", "History", "In art")):
        body = " ".join(_sentence(seed, title, 10 * number + i, fixed) for i in range(7))
        parts.append(f"== {heading} ==\n{body}")
    words = words_of(Dice(seed, f"{title}/table"), fixed)
    parts.insert(2, FIGURE.format(**words))
    parts.append(TABLE.format(**words))
    parts.append("\n".join(f"* {_sentence(seed, title, 40 + i, fixed)}" for i in range(3)))
    parts.append("{{Reflist}}\n<!-- seen at the {{Unsplit}} -->")
    parts += [f"[[Category:{name}]]" for name in categories]
    return "\n\n".join(parts)


def _sentence(seed: int, title: str, number: int, fixed: Mapping[str, str]) -> str:
    dice = Dice(seed, f"{title}/sentence {number}")
    return dice.pick("template", SENTENCES).format(**words_of(dice, fixed))
