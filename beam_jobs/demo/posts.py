"""Every image that the web shows, planned: its URL, its caption, what is wrong with it. No pixel yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from beam_jobs.demo import captions
from beam_jobs.demo.dice import Dice
from beam_jobs.demo.pictures import SUFFIXES, format_of
from beam_jobs.demo.plan import Picture, plan_evaluation, plan_picture
from beam_jobs.demo.troubles import COPIES, EVALUATION, FATES, FOLDERS, Trouble, how_many
from beam_jobs.demo.vocabulary import EVALUATION_COLOURS, EVALUATION_SHAPES

JPEG_ONLY = (Trouble.TRUNCATED, Trouble.HTML, Trouble.TOO_SMALL, Trouble.TOO_LONG, Trouble.NEAR_COPY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """An image as a page or a list shows it."""

    url: str
    path: str  # on the site, "images/00001.jpg"; "" where nothing of its own lies there
    caption: str
    picture: Picture
    format: str  # JPEG PNG WEBP GIF
    trouble: Trouble | None = None
    original: str = ""  # the URL of which this is a copy, or the evaluation image's path


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A picture of the evaluation set."""

    path: str  # "red_circle/003.png"
    picture: Picture


def plan_posts(images: int, seed: int, base_url: str, held: Sequence[Held]) -> list[Post]:
    """`images` sound posts, and the trouble; some of it shows pictures that are `held` out."""
    troubles = [trouble for trouble in Trouble for _ in range(how_many(trouble, images))]
    copied = sum(trouble in COPIES for trouble in troubles)
    sound = [_post(f"web/{number}", None, number < copied, seed, base_url) for number in range(images)]
    copied_held = Dice(seed, "world").shuffled("held", held)
    return [*sound, *_planted(troubles, sound, copied_held, seed, base_url)]


def plan_held(seed: int, per_class: int) -> list[Held]:
    """The evaluation set: `per_class` pictures of each colour and shape."""
    return [
        Held(path=f"{colour}_{shape}/{number:03d}.png", picture=plan_evaluation(seed, colour, shape, number))
        for colour in EVALUATION_COLOURS
        for shape in EVALUATION_SHAPES
        for number in range(per_class)
    ]


def _planted(
    troubles: Sequence[Trouble], sound: Sequence[Post], held: Sequence[Held], seed: int, base_url: str
) -> Iterator[Post]:
    originals, held_out = iter(sound), iter(held)
    for number, trouble in enumerate(troubles):
        name = f"planted/{number}"
        if trouble in COPIES:
            yield _copy(next(originals), trouble, name, base_url)
        elif trouble in EVALUATION:
            yield _evaluation_copy(next(held_out), trouble, name, base_url)
        else:
            yield _post(name, trouble, True, seed, base_url)


def _post(name: str, trouble: Trouble | None, tail: bool, seed: int, base_url: str) -> Post:
    """A picture of its own. `tail` gives its caption a rare word, so that no balance drops it."""
    picture, dice = plan_picture(seed, name), Dice(seed, name)
    if trouble is Trouble.TOO_SMALL:
        picture = replace(picture, width=picture.width // 5, height=picture.height // 5)
    if trouble is Trouble.TOO_LONG:
        picture = replace(picture, width=480, height=80)
    format = "JPEG" if trouble in JPEG_ONLY else format_of(picture)
    path = f"{FOLDERS.get(trouble, 'images')}/{name.replace('/', '-')}.{SUFFIXES[format]}"
    url = f"http://10.0.0.1/{path}" if trouble is Trouble.PRIVATE_ADDRESS else f"{base_url}/{path}"
    return Post(
        url=url,
        path="" if trouble in (Trouble.PRIVATE_ADDRESS, Trouble.NOT_FOUND) else path,
        caption=_caption(picture, dice, trouble, tail),
        picture=picture,
        format=format,
        trouble=trouble,
    )


def _caption(picture: Picture, dice: Dice, trouble: Trouble | None, tail: bool) -> str:
    if trouble is Trouble.NO_CAPTION:
        return ""
    if trouble is Trouble.CAMERA_CAPTION:
        return captions.camera_name(dice)
    if trouble is Trouble.NO_QUERY:
        return captions.filler(dice)
    return captions.caption(picture, tail=tail)


def _copy(original: Post, trouble: Trouble, name: str, base_url: str) -> Post:
    """A sound post again: the pair, the image under another caption, its bytes or its look elsewhere."""
    other = captions.caption(original.picture, variant=" again", tail=True)
    post = replace(original, trouble=trouble, original=original.url, path="")
    if trouble is Trouble.REPEATED_PAIR:
        return post
    if trouble is Trouble.SECOND_CAPTION:
        return replace(post, caption=other if other != original.caption else f"{other} today")
    format = "JPEG" if trouble is Trouble.NEAR_COPY else original.format
    path = f"images/{name.replace('/', '-')}.{SUFFIXES[format]}"
    return replace(post, url=f"{base_url}/{path}", path=path, caption=other, format=format)


def _evaluation_copy(held: Held, trouble: Trouble, name: str, base_url: str) -> Post:
    path = f"images/{name.replace('/', '-')}.jpg"
    class_name = held.path.split("/", 1)[0].replace("_", " ")
    return Post(
        url=f"{base_url}/{path}",
        path=path,
        caption=captions.evaluation_caption(held.picture, class_name),
        picture=held.picture,
        format="JPEG",
        trouble=trouble,
        original=held.path,
    )


def fate(post: Post) -> tuple[str, str]:
    """The stage that must notice a planted post, and what it must say."""
    assert post.trouble is not None
    return FATES[post.trouble].stage, FATES[post.trouble].says
