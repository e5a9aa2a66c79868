"""The whole small world, in one folder, from a seed."""

import json
from dataclasses import dataclass
from pathlib import Path

from beam_jobs.demo.bodies import draw_posts
from beam_jobs.demo.dump import write_dump
from beam_jobs.demo.posts import Held, Post, fate, plan_held, plan_posts
from beam_jobs.demo.site import write_site

EVALUATION_SET = "coloured_shapes"


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What was made, and what is wrong with it."""

    folder: Path
    base_url: str
    posts: tuple[Post, ...]
    held: tuple[Held, ...]

    @property
    def site(self) -> Path:
        """What the web server serves."""
        return self.folder / "web"

    @property
    def evaluation(self) -> Path:
        """The evaluation set, an image folder."""
        return self.folder / "eval" / EVALUATION_SET

    @property
    def planted(self) -> list[Post]:
        return [post for post in self.posts if post.trouble is not None]


def make_world(
    folder: Path, *, images: int = 400, seed: int = 0, base_url: str, per_class: int = 20
) -> World:
    """Write dump.xml.bz2, pages-N.warc.gz, list.parquet, web/, eval/ and truth.json.

    The same arguments give the same bytes. `images` counts the sound pictures; the trouble comes on top.
    """
    held = plan_held(seed, per_class)
    posts = plan_posts(images, seed, base_url, held)
    world = World(folder=folder, base_url=base_url, posts=tuple(posts), held=tuple(held))
    world.site.mkdir(parents=True, exist_ok=True)
    write_dump(folder / "dump.xml.bz2", seed)
    draw_posts(world.posts, world.held, world.site, world.evaluation)
    write_site(world.posts, folder, world.site, seed, base_url)
    write_truth(world, seed)
    return world


def write_truth(world: World, seed: int) -> None:
    """truth.json: every planted post with the stage that must notice it and what it must say."""
    planted = [
        {
            "trouble": post.trouble,
            "stage": fate(post)[0],
            "says": fate(post)[1],
            "url": post.url,
            "caption": post.caption,
            "original": post.original,
        }
        for post in world.planted
    ]
    truth = {
        "seed": seed,
        "base_url": world.base_url,
        "sound": len(world.posts) - len(planted),
        "evaluation": {EVALUATION_SET: len(world.held)},
        "planted": planted,
    }
    text = json.dumps(truth, indent=1, ensure_ascii=False) + "\n"
    (world.folder / "truth.json").write_text(text, encoding="utf-8")
