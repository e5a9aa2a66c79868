"""Whatever is done to a root, in whatever order: what holds of it, after each act and in the end."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.stages import crawl
from tests.beam_jobs.world import World, make
from tests.web import Endpoint, whole
from wit_pipeline.shard import Row, tables_of
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.chance import draw

FIRST, MORE = 12, 3  # pictures of the list at first, and how many an act adds
MOST = 4  # times that what has no final answer is asked for, by a crawl and by --again
BAD = "/bad.jpg"


class Killed(RuntimeError):  # as Beam makes one of what it does not know
    """The process is no more."""


class Life:
    """A root to which things are done, and what its servers have seen."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.world: World = make(folder / "world")
        self.world.web.endpoints[BAD] = Endpoint(whole(b"", status="503 Busy"), "")
        self.folder, self.root, self.seed = folder, folder / "root", seed
        self.lines = self.listed.read_text().splitlines()[: FIRST + 40]
        self.count, self.per_query, self.quality, self.killed, self.since = FIRST, 20, 90, 0, 0
        self.times_again = 0
        self.gone: set[str] = set()
        self.given: dict[str, str] = {}  # pair by key, of the samples of all shards since they were dealt
        self.recipe = self.world.recipe.read_text()

    @property
    def listed(self) -> Path:
        return self.world.recipe.parent / "list.jsonl"

    def number(self, purpose: str, most: int) -> int:
        """A number below `most`, by chance."""
        return draw(f"{self.seed}:{purpose}", seed=0, purpose="acts") % most

    def wit(self, *arguments: str) -> int:
        crawl.client.cache_clear()  # as in a process of its own
        lines = [
            *self.lines[: self.count],
            json.dumps({"url": self.world.web.url(BAD), "caption": "A red dog"}),
        ]
        self.listed.write_text("\n".join(lines))
        keys = f"[crawl]\nretries = 0\npassing = 0.9\nagain_after = 0.0\njpeg_quality = {self.quality}\n"
        balance = f"[balance]\nper_query = {self.per_query}\n[train]\n"
        text = self.recipe.replace("[crawl]\n", keys).replace("[train]\n", balance)
        self.world.recipe.write_text(text)
        where = ["--root", str(self.root)]
        if arguments[0] in ("build", "crawl"):
            where += ["--recipe", str(self.world.recipe), "--workers", "1"]
        return main([*arguments, *where])

    def build(self, *more: str) -> None:
        assert self.wit("build", *more) == 0

    def rows(self) -> None:
        self.count += MORE
        self.build()

    def remove(self) -> None:
        self.gone.add(f"/{self.number(f'remove {len(self.gone)}', FIRST)}.jpg")
        path = self.folder / "list.txt"
        path.write_text("\n".join(map(self.world.web.url, sorted(self.gone))))
        assert self.wit("remove", "--list", str(path)) == 0
        self.build()

    def again(self) -> None:
        self.times_again += 1
        assert self.wit("crawl", "--again") == 0
        self.build()

    def fewer(self) -> None:
        self.per_query = 5
        self.build()

    def many(self) -> None:
        self.per_query = 30
        self.build()

    def refetch(self) -> None:
        self.quality = 175 - self.quality  # 90, 85, 90
        assert self.wit("build") == 2  # not by itself
        self.build("--refetch")
        self.since, self.killed, self.times_again = len(self.world.web.log.paths), 0, 0

    def reshard(self) -> None:
        self.given = {}
        self.build("--reshard")

    def kill(self) -> None:
        """In the middle of what three rows more lead to, at a file that is not written."""
        self.count += MORE
        self.killed += 1
        calls, last = itertools.count(), self.number(f"kill {self.killed} {self.count}", 120)
        real = manifest._to_disk

        def stopped(path: Path) -> None:
            if next(calls) == last:
                raise Killed("Killed")
            real(path)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(manifest, "_to_disk", stopped)
            try:
                self.wit("build")
            except RuntimeError as error:
                assert "Killed" in repr(error)  # noqa: PT017
        self.build()

    def samples(self) -> Iterator[Row]:
        signed = manifest.load(self.root / "shard")
        assert signed is not None
        for table in tables_of(signed.files):
            yield from rows.read(self.root / "shard" / table.name, Row)

    def check(self) -> None:
        """What holds between any two acts."""
        asked = Counter(path for path in self.world.web.log.paths[self.since :] if ".jpg" in path)
        # A kill may come between an answer and its place in the journal; of one worker that is two a host.
        assert sum(asked.values()) - len(asked) - asked[BAD] <= 2 * self.killed
        assert asked[BAD] <= min(MOST, 1 + self.times_again) + self.killed
        live = {row.key: row.pair_key for row in self.samples()}
        assert not {row.url for row in self.samples()} & set(map(self.world.web.url, self.gone))
        left = self.root / "shard" / "removed.parquet"
        told = {row["key"]: row["pair_key"] for row in rows.read_rows(left)} if left.exists() else {}
        assert not live.keys() & told.keys()
        for key, pair in self.given.items():
            assert {**told, **live}[key] == pair
        self.given |= live


ALL: dict[str, Callable[[Life], None]] = {
    name: getattr(Life, name)
    for name in ("rows", "remove", "again", "fewer", "many", "refetch", "reshard", "kill")
}


@pytest.mark.parametrize(
    ("seed", "acts"),
    [(0, 3), *(pytest.param(seed, len(ALL), marks=pytest.mark.slow) for seed in range(1, 9))],
)
def test_what_holds_of_a_root_whatever_is_done_to_it(seed: int, acts: int, tmp_path: Path) -> None:
    """No URL is asked for twice within a plan, no key names two pairs, what was taken down stays away."""
    life = Life(tmp_path, seed)
    names = sorted(ALL, key=lambda name: life.number(f"act {name}", 1 << 60))[:acts]
    with life.world.web:
        life.build()
        life.check()
        for name in names:
            ALL[name](life)
            life.check()
        assert life.wit("verify") == 0, names
