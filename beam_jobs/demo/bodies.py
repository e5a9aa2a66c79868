"""The bytes of every image file, drawn by all cores, no two alike but those planted so."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from beam_jobs.demo.pictures import encode, render
from beam_jobs.demo.plan import Picture
from beam_jobs.demo.posts import Held, Post
from beam_jobs.demo.troubles import Trouble
from wit_pipeline.copies.neardup import phash16_words, phash_word
from wit_pipeline.pictures.codes import Codes, codes
from wit_pipeline.vocabulary.errors import RunError

CLEAR8, CLEAR16 = 13, 56  # bits of 64 and of 256, one of which lies between two pictures at least ...
# ... where within 4 and 32 dedup sees a copy, and within 10 and 48 the audit.
NOT_FLAT = 0.3  # share of weak coefficients, at most: dedup calls 0.35 flat
SIMILAR = 16  # bits of 256 between a picture and its planted near-copy, at most
ATTEMPTS = 20  # drawings of a picture, at most; one in a thousand needs a second
ALONE = 200  # files below which a pool of processes costs more than it saves
HTML = b"<!doctype html><title>Gone</title><p>This picture has moved. <a href='/'>Start page</a>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A file to draw."""

    path: Path
    picture: Picture
    format: str
    trouble: Trouble | None = None


class Drawn(NamedTuple):
    """The codes of a picture, and of its mirror image: the audit looks for both."""

    plain: Codes
    mirrored: Codes


def draw_posts(posts: Sequence[Post], held: Sequence[Held], site: Path, evaluation: Path) -> None:
    """Write the image files of the site and of the evaluation set."""
    own = [post for post in posts if post.path and not post.original]
    orders = [_order(post, site) for post in own]
    orders += [Order(path=evaluation / item.path, picture=item.picture, format="PNG") for item in held]
    for order in orders:
        order.path.parent.mkdir(parents=True, exist_ok=True)
    settled = {order.picture.name: order.picture for order in _draw_apart(orders)}
    copies = [post for post in posts if post.path and post.original]
    _in_processes(draw, [_order(replace(post, picture=settled[post.picture.name]), site) for post in copies])


def _order(post: Post, site: Path) -> Order:
    return Order(path=site / post.path, picture=post.picture, format=post.format, trouble=post.trouble)


def _draw_apart(orders: Sequence[Order]) -> list[Order]:
    """The orders as drawn in the end: what came out flat or like another one was drawn again."""
    settled = list(orders)
    found = _in_processes(draw, settled)
    for attempt in range(1, ATTEMPTS):
        again = too_near(found)
        if not again:
            return settled
        for place in again:
            picture = replace(settled[place].picture, attempt=attempt)
            settled[place] = replace(settled[place], picture=picture)
            found[place] = draw(settled[place])
    raise RunError(f"{ATTEMPTS} drawings of {settled[too_near(found)[0]].path} are flat or like another")


def too_near(found: Sequence[Drawn]) -> list[int]:
    """Positions of pictures that are flat, or near an earlier one or its mirror image."""
    sides = ([item.plain for item in found], [item.mirrored for item in found])
    short = np.array([[phash_word(item.phash) for item in side] for side in sides], dtype=np.uint64)
    long = np.stack([phash16_words([item.phash16 for item in side]) for side in sides])
    near = [i for i, item in enumerate(found) if item.plain.weak > NOT_FLAT]
    for i in range(1, len(found)):
        near8 = np.bitwise_count(short[:, :i] ^ short[0, i]) < CLEAR8
        near16 = np.bitwise_count(long[:, :i] ^ long[0, i]).sum(axis=2) < CLEAR16
        if (near8 & near16).any():
            near.append(i)
    return sorted(set(near))


def _in_processes(work: Callable[[Order], Drawn], orders: Sequence[Order]) -> list[Drawn]:
    if len(orders) < ALONE:
        return [work(order) for order in orders]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, orders, chunksize=32))


def draw(order: Order) -> Drawn:
    """Write one file; returns the codes of the picture, as it was before anything was done to it."""
    image = render(order.picture)
    order.path.write_bytes(body(image, order))
    return Drawn(plain=codes(image), mirrored=codes(ImageOps.mirror(image)))


def body(image: Image.Image, order: Order) -> bytes:
    """What lies at a path: the picture, or what its trouble makes of it."""
    match order.trouble:
        case Trouble.HTML:
            return HTML
        case Trouble.TRUNCATED:
            whole = encode(image, order.format)
            return whole[: len(whole) // 2]
        case Trouble.NEAR_COPY:
            return next(filter(_is_like(image), _copies(image)))
        case Trouble.EVALUATION_COPY:
            manners = (encode(image, "PNG"), *_copies(image))
            return order.picture.dice.pick("manner", manners[:3])
        case Trouble.EVALUATION_MIRROR:
            return encode(ImageOps.mirror(image), "JPEG")
        case _:
            return encode(image, order.format)


def _copies(image: Image.Image) -> Iterable[bytes]:
    """Copies as the web makes them, the roughest first."""
    small = image.resize((image.width * 4 // 5, image.height * 4 // 5), Image.Resampling.LANCZOS)
    yield encode(small, "JPEG", quality=75)
    yield encode(image, "JPEG", quality=60)
    yield encode(image, "JPEG", quality=93)


def _is_like(image: Image.Image) -> Callable[[bytes], bool]:
    expected = codes(image)

    def like(copy: bytes) -> bool:
        with Image.open(BytesIO(copy)) as opened:
            found = codes(opened)
        far = (int(found.phash16, 16) ^ int(expected.phash16, 16)).bit_count()
        return far <= SIMILAR and (int(found.phash, 16) ^ int(expected.phash, 16)).bit_count() <= 3

    return like
