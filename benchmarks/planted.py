"""Copies of evaluation pictures planted among distractors, and what `wit build` and its audit find of them.

    python -m benchmarks.planted [--detector FILE] [--workers 2] [--out data/planted]

Two evaluation sets of real pictures: 700 of the textbooks' (one size of many), 300 of CIFAR-10's (32 × 32).
Of each picture one copy is planted, after one of the treatments of `benchmarks.transforms` in turn. Of the
10,000 distractors none is of an evaluation picture: the other textbook photographs, dishes, Open Images,
satellite pictures, and CIFAR-10's test pictures, small ones four times as large. All lie in WebDataset
shards, each with a caption that names it, so that every pair of the audit can be told true or false.
Pictures that are known to be one (`benchmarks/same_pictures.tsv`, the folder's table) are all evaluation
pictures' or none; real duplicates in CIFAR-10 that nobody listed count as false.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.clock import say
from benchmarks.held_out import components
from benchmarks.pictures import DATA, Photo, opened, photos, same
from benchmarks.transforms import ALL, GROUPS, copy, encoded
from wit_pipeline.audit.audit import Overlap
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.records import Pair

BOOKS, THINGS, DISTRACTORS = 700, 300, 10_000
LARGER = 4  # times, of pictures with sides below SMALL
SMALL = 100  # pixels
SHARD = 1000  # pictures
RECIPE = """
[queries]
wikipedia = ["{dump}"]
min_count = 100

[[extract.sources]]
kind = "webdataset"
path = ["{root}/web/*.tar"]

[crawl]
user_agent = "wit-planted/0.1 (+https://example.org/wit)"

[audit]
{detector}
[audit.sets]
{sets}
"""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A copy: of which evaluation picture, after which treatment."""

    of: tuple[str, str]  # set, picture
    treatment: str


def drawn(found: Sequence[Photo], count: int) -> list[Photo]:
    """Some of them, the same ones always."""
    return sorted(found, key=lambda photo: draw(photo.name, seed=0, purpose="benchmarks:planted"))[:count]


def pictures() -> tuple[dict[str, list[Photo]], list[Photo]]:
    """The evaluation sets, and the distractors; pictures that are one are all on one side."""
    books = DATA / "pairs_openstax_ccby"
    twins = {name: group for group in components(same([books], look_alikes=True)) for name in group}
    every = photos(books, whole=True)
    first = drawn([photo for photo in every if photo.name == twins.get(photo.name, [photo.name])[0]], BOOKS)
    chosen = {name for photo in first for name in twins.get(photo.name, [photo.name])}
    sets = {
        "books": first,
        "things": drawn(photos(DATA / "eval_cifar10/train", whole=True), THINGS),
    }
    others = [photo for photo in every if photo.name not in chosen]
    for folder in ("pairs_recipes_webp", "pairs_openimages_ccby18"):
        others += photos(DATA / folder, whole=True)
    others += drawn(photos(DATA / "eval_eurosat", whole=True), 1250)
    others += drawn(photos(DATA / "eval_cifar10/test", whole=True), DISTRACTORS - len(others))
    return sets, others


def enlarged(image: Image.Image) -> Image.Image:
    """Small pictures as large as pages have them."""
    if min(image.size) >= SMALL:
        return image
    return image.resize((LARGER * image.width, LARGER * image.height), Image.Resampling.BICUBIC)


def web(root: Path) -> dict[str, Planted]:
    """Write sets and shards; returns what is planted, by caption."""
    sets, others = pictures()
    for name, chosen in sets.items():
        (root / name).mkdir(parents=True)
        for number, photo in enumerate(chosen):
            shutil.copyfile(photo.path, root / name / f"{number:04d}{photo.path.suffix.lower()}")
    planted: dict[str, Planted] = {}
    bodies: list[tuple[str, bytes]] = []
    treatments = list(ALL)
    for name, chosen in sets.items():
        for number, photo in enumerate(chosen):
            treatment = treatments[len(planted) % len(treatments)]
            caption = f"a picture of the city, number {len(bodies)}"
            image = f"{number:04d}{photo.path.suffix.lower()}"
            planted[caption] = Planted(of=(name, image), treatment=treatment)
            bodies.append((caption, copy(enlarged(opened(photo)), treatment, photo.name)))
    for photo in others:
        caption = f"a picture of the city, number {len(bodies)}"
        bodies.append((caption, encoded(enlarged(opened(photo)), quality=90)))
    bodies.sort(key=lambda item: draw(item[0], seed=0, purpose="benchmarks:planted"))
    (root / "web").mkdir()
    for number, first in enumerate(range(0, len(bodies), SHARD)):
        write_shard(root / "web" / f"{number:05d}.tar", bodies[first : first + SHARD])
    return planted


def write_shard(path: Path, bodies: Sequence[tuple[str, bytes]]) -> None:
    """A WebDataset shard of captions and pictures."""
    with tarfile.open(path, "w") as shard:
        for caption, body in bodies:
            key = caption.split()[-1]
            facts = json.dumps({"url": f"http://h{int(key) % 50}.test/{key}.jpg"})
            for suffix, data in (("jpg", body), ("txt", caption.encode()), ("json", facts.encode())):
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(data)
                shard.addfile(member, BytesIO(data))


def build(root: Path, sets: Sequence[str], detector: Path | None, workers: int, more: str = "") -> None:
    """`wit build` of what lies in a folder's `web`, with evaluation sets that lie beside it."""
    recipe = RECIPE.format(
        root=root,
        dump=DATA / "wiki_dumps/gensim/enwiki-latest-pages-articles1*.bz2",
        detector=f'detector = "{detector.absolute()}"' if detector else "",
        sets="\n".join(f'{name} = "{root}/{name}"' for name in sets),
    )
    (root / "recipe.toml").write_text(f"{recipe}\n{more}")
    arguments = ["--recipe", f"{root}/recipe.toml", "--root", f"{root}/build", "--workers", str(workers)]
    subprocess.run([sys.executable, "-m", "beam_jobs", "build", *arguments], check=True)


def captions(root: Path) -> set[str]:
    """The captions of all that dedup kept."""
    parts = sorted((root / "build" / "dedup").glob("part-*.parquet"))
    return {pair.candidate.caption for part in parts for pair in rows.read(part, Pair)}


def outcome(root: Path, planted: dict[str, Planted]) -> None:
    """Print what the audit says beside the truth."""
    said = json.loads((root / "build/audit/results.json").read_text())["sets"]
    overlaps = list(rows.read(root / "build/audit/overlap.parquet", Overlap))
    there = captions(root)
    say(f"{len(there):,} images in the set, {sum(caption in there for caption in planted):,} of them planted")
    columns = ["images", "planted", "found", "recall", "pairs", "true", "precision", "decoys: false", "bits"]
    say(f"| set | {' | '.join(columns)} |\n|---|" + "---:|" * len(columns))
    lost: list[str] = []
    for name, stated in said.items():
        own = {caption: item for caption, item in planted.items() if item.of[0] == name and caption in there}
        pairs = [item for item in overlaps if item.set == name]
        true = {item.caption for item in pairs if is_true(item, planted)}
        right = sum(is_true(item, planted) for item in pairs)
        lost += [item.treatment for caption, item in own.items() if caption not in true]
        decoys = stated["decoys_within"] / max(1, stated["targets_within"])
        recall, precision = len(true) / len(own), right / max(1, len(pairs))
        cells = [
            stated["images"],
            len(own),
            len(true),
            f"{recall:.3f}",
            len(pairs),
            right,
            f"{precision:.4f}",
        ]
        say(f"| {name} | {' | '.join(map(str, cells))} | {decoys:.4f} | {stated['threshold']} |")
        for item in pairs:
            if not is_true(item, planted):
                say(f"false\t{item.set}/{item.image}\t{item.distance} bits\t{item.method}\t{item.caption}")
    every = Counter(item.treatment for caption, item in planted.items() if caption in there)
    missed = Counter(lost)
    for group, names in GROUPS.items():
        total, gone = (sum(counts[name] for name in names) for counts in (every, missed))
        say(f"{group}: {total - gone} of {total}")


def is_true(item: Overlap, planted: dict[str, Planted]) -> bool:
    """Whether an audit's pair is one that was planted."""
    return item.caption in planted and planted[item.caption].of == (item.set, item.image)


def asked(argv: Sequence[str] | None, about: str | None, out: Path) -> argparse.Namespace | None:
    """What the command line wants, its folder empty; None where there is nothing to plant."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=out)
    given = parser.parse_args(argv)
    if not DATA.is_dir():
        say(f"{DATA} is absent: nothing to plant")
        return None
    shutil.rmtree(given.out, ignore_errors=True)
    return given


def main(argv: Sequence[str] | None = None) -> int:
    """Plant, build, compare."""
    given = asked(argv, __doc__, Path("data/planted"))
    if given is None:
        return 0
    root = given.out.absolute()
    planted = web(root)
    build(root, ["books", "things"], given.detector, given.workers)
    outcome(root, planted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
