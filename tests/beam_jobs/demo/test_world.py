"""The small world: same seed same bytes, and every planted thing where the truth says."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from beam_jobs.demo.bodies import NOT_FLAT, Drawn, too_near
from beam_jobs.demo.captions import caption
from beam_jobs.demo.dump import entries, write_dump
from beam_jobs.demo.outlines import OUTLINES
from beam_jobs.demo.pictures import encode, render
from beam_jobs.demo.plan import plan_picture
from beam_jobs.demo.posts import Post, plan_held, plan_posts
from beam_jobs.demo.troubles import EVALUATION, FATES, LEAST, Trouble, how_many
from beam_jobs.demo.vocabulary import COLOURS, FILLER, PLACES, SHAPES, SURFACES, TEXTURES
from beam_jobs.demo.world import World, make_world
from queries.dumps.wikipedia import Page, article, pages
from queries.dumps.wikitext import plain
from tests.factories import bits_between, local_world, records_of
from wit_pipeline.pictures.codes import Codes, codes
from wit_pipeline.sources.warc import WarcSource
from wit_pipeline.text.text import words
from wit_pipeline.vocabulary.records import Raw, Reason, Reject

BASE = "http://127.0.0.1:8000"
IMAGES = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"), images=IMAGES, base_url=BASE, per_class=1)


def sums(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def of(world: World, trouble: Trouble) -> list[Post]:
    return [post for post in world.posts if post.trouble is trouble]


def code(path: Path, *, mirror: bool = False) -> Codes:
    with Image.open(path) as image:
        return codes(ImageOps.mirror(image.convert("RGB")) if mirror else image)


def shown(world: World) -> list[Raw | Reject]:
    found = []
    for path in sorted(world.folder.glob("pages-*.warc.gz")):
        found += records_of(WarcSource(path=("*",)), str(path), local_world())
    return found


def listed(world: World) -> list[tuple[str, str]]:
    table = pq.read_table(world.folder / "list.parquet").to_pylist()
    return [(row["url"], row["caption"]) for row in table]


def test_same_seed_same_bytes(world: World, tmp_path: Path) -> None:
    again = make_world(tmp_path, images=IMAGES, base_url=BASE, per_class=1)
    assert sums(again.folder) == sums(world.folder)


def test_another_seed_shares_no_picture(world: World) -> None:
    for number in range(5):
        one, other = (render(plan_picture(seed, f"web/{number}")) for seed in (0, 1))
        assert encode(one, "JPEG") != encode(other, "JPEG")


def test_pages_and_list_show_every_post_once(world: World) -> None:
    on_pages = [item for item in shown(world) if isinstance(item, Raw)]
    pairs = [(item.url, item.text) for item in on_pages] + listed(world)
    opted_out = {post.url for post in of(world, Trouble.PAGE_OPT_OUT)}
    wanted = [(post.url, post.caption) for post in world.posts if post.url not in opted_out]
    assert sorted(pairs) == sorted(wanted)
    assert min(len(on_pages), len(listed(world))) > IMAGES / 4


def test_pages_that_opt_out_give_none_of_their_images(world: World) -> None:
    rejects = [item for item in shown(world) if isinstance(item, Reject)]
    assert {item.reason for item in rejects} == {Reason.PAGE_OPTED_OUT}
    assert sorted(item.url for item in rejects) == sorted(
        post.url for post in of(world, Trouble.PAGE_OPT_OUT)
    )


def test_truth_lists_each_kind_of_trouble(world: World) -> None:
    truth = json.loads((world.folder / "truth.json").read_text())
    assert Counter(item["trouble"] for item in truth["planted"]) == dict.fromkeys(Trouble, LEAST)
    assert truth["sound"] == IMAGES
    assert all((item["stage"], item["says"]) == (FATES[item["trouble"]].stage, FATES[item["trouble"]].says)
               for item in truth["planted"])  # fmt: skip


def test_trouble_grows_with_the_web() -> None:
    assert how_many(Trouble.NOT_FOUND, 60) == LEAST
    assert how_many(Trouble.NOT_FOUND, 3000) == 60


def test_every_file_is_there_but_what_is_not_found(world: World) -> None:
    for post in world.posts:
        assert not post.path or (world.site / post.path).is_file()
    gone = [*of(world, Trouble.NOT_FOUND), *of(world, Trouble.PRIVATE_ADDRESS)]
    assert not any(post.path for post in gone)
    assert all(post.url.startswith("http://10.0.0.1/") for post in of(world, Trouble.PRIVATE_ADDRESS))


def test_broken_files_are_broken(world: World) -> None:
    for post in of(world, Trouble.TRUNCATED):
        with Image.open(world.site / post.path) as image, pytest.raises(OSError, match="truncated"):
            image.load()
    for post in of(world, Trouble.HTML):
        assert (world.site / post.path).read_bytes().startswith(b"<!doctype html>")


def test_sizes_are_on_either_side_of_the_bounds(world: World) -> None:
    for post in world.posts:
        if post.path and post.trouble not in (Trouble.HTML,):
            with Image.open(world.site / post.path) as image:
                short, long = sorted(image.size)
            assert (short < 64) == (post.trouble is Trouble.TOO_SMALL)
            assert (long > 4 * short) == (post.trouble is Trouble.TOO_LONG)


def test_copies_are_copies(world: World) -> None:
    sound = {post.url: post for post in world.posts if post.trouble is None}
    for post in of(world, Trouble.SAME_BYTES):
        original = sound[post.original]
        assert (world.site / post.path).read_bytes() == (world.site / original.path).read_bytes()
    for post in of(world, Trouble.NEAR_COPY):
        copy, original_code = code(world.site / post.path), code(world.site / sound[post.original].path)
        assert bits_between(copy.phash16, original_code.phash16) <= 32
        assert (world.site / post.path).read_bytes() != (world.site / sound[post.original].path).read_bytes()
    assert all(post.caption != sound[post.original].caption for post in of(world, Trouble.SECOND_CAPTION))
    assert all(post.caption == sound[post.original].caption for post in of(world, Trouble.REPEATED_PAIR))


def test_evaluation_copies_are_near_the_held_out_picture(world: World) -> None:
    for trouble in EVALUATION:
        for post in of(world, trouble):
            held = code(world.evaluation / post.original)
            copy = code(world.site / post.path, mirror=trouble is Trouble.EVALUATION_MIRROR)
            assert bits_between(held.phash16, copy.phash16) <= 32


def test_no_two_sound_pictures_are_near(world: World) -> None:
    files = [world.site / post.path for post in world.posts if post.trouble is None]
    found = [code(path) for path in [*files, *sorted(world.evaluation.rglob("*.png"))]]
    assert all(item.weak < 0.35 for item in found)
    near16 = [pair for pair in combinations(found, 2) if bits_between(pair[0].phash16, pair[1].phash16) <= 48]
    assert not [pair for pair in near16 if bits_between(pair[0].phash, pair[1].phash) <= 10]


def test_the_dump_reads_as_a_dump(tmp_path: Path) -> None:
    write_dump(tmp_path / "dump.xml.bz2", 0)
    with (tmp_path / "dump.xml.bz2").open("rb") as stream:
        read = [item for item in pages(stream, "dump") if isinstance(item, Page)]
    assert [page.title for page in read] == [entry.title for entry in entries(0)]
    assert {page.namespace for page in read} == {0, 1, 10, 14}
    assert sum(page.redirect != "" for page in read) == len([e for e in entries(0) if e.redirect])
    counts = Counter(word for page in read if article(page) for word in words(plain(page.text)))
    named = [*COLOURS, *SHAPES, *SHAPES.values(), *TEXTURES, *SURFACES, *map(str.lower, PLACES)]
    assert min(counts[word] for word in named) >= 20
    assert not set(FILLER) & set(counts)
    assert not {"infobox", "almanac", "wikitable"} & set(counts)


def test_captions_name_what_is_shown() -> None:
    for number in range(50):
        picture = plan_picture(0, f"web/{number}")
        text = caption(picture).lower()
        assert all(thing.colour in text and thing.shape in text for thing in picture.things)


def test_captions_vary() -> None:
    held = plan_held(0, 1)
    posts = plan_posts(400, 0, BASE, held)
    assert len({post.caption for post in posts}) > 0.8 * len(posts)


@pytest.mark.parametrize("shape", sorted(OUTLINES))
def test_outlines_reach_about_1(shape: str) -> None:
    assert 0.95 < np.linalg.norm(OUTLINES[shape](), axis=1).max() < 1.25


def test_what_is_flat_or_like_an_earlier_picture_is_drawn_again() -> None:
    images = [render(plan_picture(0, f"web/{number}")) for number in range(3)]
    sound, other, third = (Drawn(codes(image), codes(ImageOps.mirror(image))) for image in images)
    flat = third._replace(plain=replace(third.plain, weak=NOT_FLAT + 0.01))
    assert too_near([sound, other, third]) == []
    assert too_near([sound, flat, other, sound]) == [1, 3]
    assert too_near([sound, Drawn(sound.mirrored, sound.plain), other]) == [1]
