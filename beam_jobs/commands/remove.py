"""`wit remove`: a later take-down, from the shards and from the bytes of the crawl.

What changes: the shards that hold a named sample (tar, table, statistics), the files that describe all of
them, `removed.parquet`, and the crawl's tars, where zeros stand in place of the named images so that every
other one stays where it was. The manifests are signed anew. The audit shows pictures, so it goes.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from beam_jobs.commands.inspect import write_report
from beam_jobs.engine import lock, pending
from beam_jobs.engine.build import follow
from beam_jobs.engine.tables import write_whole
from beam_jobs.stages import keeping
from beam_jobs.stages.shard import describe_shards
from wit_pipeline.listed import marks
from wit_pipeline.listed.entries import Entry
from wit_pipeline.listed.lists import BlockList
from wit_pipeline.listed.marks import UNKNOWN, Marks
from wit_pipeline.listed.matches import NOWHERE, Matches, checked
from wit_pipeline.pictures import pdq
from wit_pipeline.pictures.stored import Pictures
from wit_pipeline.shard import CHANGED, REMOVED, ROUNDS, Row, counts_of, present, tables_of, wids_index
from wit_pipeline.takedown.takedown import (
    FOLDER,
    Removals,
    Removed,
    Stored,
    erase,
    found_of,
    lists,
    manifest_of,
    named,
    rewrite_shard,
    told_of,
)
from wit_pipeline.vocabulary import extras, manifest, rows
from wit_pipeline.vocabulary.asked import RECEIPT, asking
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.manifest import File, Manifest, describe
from wit_pipeline.vocabulary.records import SUCCESS
from wit_pipeline.vocabulary.store import place

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def run(arguments: argparse.Namespace) -> None:
    """wit remove."""
    matches = Matches(checked(arguments.report_matches, arguments.root))
    said = remove(arguments.root, arguments.list, take_over=arguments.take_over, matches=matches)
    sys.stdout.write(said + "\n")


def remove(
    root: Path, path: Path, clock: Clock = now, *, take_over: bool = False, matches: Matches = NOWHERE
) -> str:
    """Take down what a list names, and all that earlier lists name; returns what was done, in a line."""
    if not len(BlockList.read([str(path)], _open)):
        raise UserError(f"--list {path}: names nothing")
    if manifest.load(root / "crawl") is None and not keeping.aside(root):
        raise UserError(f"--root {root}: holds no signed crawl; there is nothing to remove from")
    with lock.building(root, take_over=take_over):
        pending.complete(root)
        keeping.move_on(root)
        said = _Removal(root, pending.begin(root), clock(), matches).run(path)
        if (root / "report" / "index.html").exists() and manifest.load(
            root / "crawl"
        ):  # it tells of hosts and captions, and of the audit
            write_report(root)
        return said


def _open(path: str) -> BinaryIO:
    return cast(BinaryIO, place(path).open("rb"))


class _Removal:
    """One take-down: new files wait in a folder until all are whole."""

    def __init__(self, root: Path, waiting: Path, time: datetime, matches: Matches) -> None:
        self.root = root
        self.waiting = waiting
        self.time = time
        self.matches = matches
        self.digest = ""  # of the list that was given
        self.unsummed = self.smaller = 0  # images of which less is known than lists ask for
        self.crawls = {keeping.STAGE: "frontier"}  # and where the candidates of each lie
        self.crawls |= {path.name: f"{path.name}/{keeping.CANDIDATES}" for path in keeping.aside(root)}
        self.files: list[str] = []  # in the order in which they go to their places
        self.erased = self.shards = 0
        self.gone: list[Removed] = []
        self.digests: dict[str, tuple[str, str]] = {}  # of stages that change: before and after

    def run(self, path: Path) -> str:
        self.copy_lists(path)
        self.find_sums()
        removals = Removals.read(self.waiting / FOLDER)
        self.erase_images(removals)
        self.rewrite(removals)
        self.sign_lists()
        changed = bool(self.digests)
        old = [name for name in ("audit", ".work/shard", ".work/audit") if (self.root / name).exists()]
        pending.commit(self.root, self.files, old if changed else [])
        gone = f"{len(self.gone):,} samples taken down from {self.shards:,} shards"
        done = f"{gone}, {self.erased:,} images erased{self.less()}"
        return f"{done}; run `wit audit` again" if "audit" in old and changed else done

    def less(self) -> str:
        """What could not be compared as it should have been: nobody asked for it when it was stored."""
        stored = "images were stored before a list asked"
        said = f"; {self.unsummed:,} {stored} for md5 or sha1: of these the stored bytes alone were compared"
        told = f"; {self.smaller:,} {stored} for PDQ: it was made of the stored, smaller picture"
        return (said if self.unsummed else "") + (told if self.smaller else "")

    def put(self, name: str) -> Path:
        """Where a new file of the root waits."""
        path = self.waiting / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def copy_lists(self, path: Path) -> None:
        """All lists, those of before and this one, unless it was received before."""
        kept, folder = lists(self.root / FOLDER), self.put(FOLDER)
        folder.mkdir()
        for old in kept:
            with manifest.aside(folder / old.name) as temporary:
                temporary.write_bytes(old.read_bytes())
        content = path.read_bytes()
        self.digest = hashlib.sha256(content).hexdigest()
        digest = self.digest[:16]
        if not any(old.name.endswith(f"-{digest}.txt") for old in kept):
            name = f"{FOLDER}/{self.time:%Y%m%dT%H%M%SZ}-{digest}.txt"
            with manifest.aside(self.put(name)) as temporary:
                temporary.write_bytes(content)
            self.files.append(name)

    def find_sums(self) -> None:
        """The sums of the images that each list names, beside it."""
        known = Removals.read(self.waiting / FOLDER).lists
        sums: dict[str, set[str]] = {listed.name: set() for listed in known}
        asks = frozenset[str]().union(*(listed.entries.asks for listed in known))
        for crawl, _, image, pages in self.images():
            marked = self.marks(crawl, image, asks) if image.marks.lacks(asks) else image.marks
            for listed in known:
                match = named(image, pages, marked, listed.entries)
                if match is None:
                    continue
                sums[listed.name].add(image.sha256)
                if match.list == self.digest:
                    self.matches.write(match, told_of(image, pages, marked))
        for name, found in sums.items():
            path = found_of(self.put(f"{FOLDER}/{name}"))
            before = self.root / FOLDER / path.name
            if before.exists():
                found |= set(before.read_text().split())
            text = "".join(f"{one}\n" for one in sorted(found))
            if text:
                with manifest.aside(path) as temporary:
                    temporary.write_text(text)
            if text and not (before.exists() and before.read_text() == text):
                self.files.append(f"{FOLDER}/{path.name}")

    def marks(self, crawl: str, image: Stored, asks: frozenset[str]) -> Marks:
        """What lists may know an image by of which its unit tells too little: what its stored bytes tell."""
        with Pictures(self.root / crawl) as pictures:
            stored = pictures.read_unless_erased(image)
        if not stored:
            return image.marks
        if "pdq" in asks and image.marks.pdq_quality == UNKNOWN:
            extras.needs(pdq.MODULE, "a PDQ of what was stored before a list asked for it")
            self.smaller += 1
        made = marks.completed(image.marks, stored, asks, original=image.sha256 == image.stored_sha256)
        self.unsummed += made.lacks(asks - {"pdq"})
        return made

    def sign_lists(self) -> None:
        """The manifest of ROOT/removed, where its files change."""
        new = {name.removeprefix(f"{FOLDER}/") for name in self.files if name.startswith(f"{FOLDER}/")}
        there = {path.name: path for path in (self.root / FOLDER).glob("*.txt")}
        there |= {name: self.waiting / FOLDER / name for name in new}
        signed, made = manifest.load(self.root / FOLDER), manifest_of(there.values(), self.time)
        if signed is None or signed.digest != made.digest:
            manifest.sign(self.put(f"{FOLDER}/{manifest.MANIFEST}").parent, made)
            self.files.append(f"{FOLDER}/{manifest.MANIFEST}")

    def images(self) -> Iterator[tuple[str, str, Stored, set[str]]]:
        """(crawl, unit, image, pages on which it was found) of every image of every crawl."""
        for crawl, frontier in self.crawls.items():
            for file in keeping.files_of(self.root / crawl):
                which = asking(file.name)
                if which and file.name.startswith("unit-") and file.name.endswith(".parquet"):
                    unit = file.name.removesuffix(".parquet")
                    pages = self.pages(self.root / frontier / f"part-{which.unit:06d}.parquet")
                    for image in rows.read(self.root / crawl / file.name, Stored):
                        if image.status == SUCCESS:
                            yield crawl, unit, image, pages.get(image.url, set()).union(image.page_urls)

    def pages(self, part: Path) -> dict[str, set[str]]:
        """The pages on which each URL of a unit was found."""
        found: dict[str, set[str]] = {}
        for row in rows.read_rows(part, ["url", "page_url"]) if part.exists() else ():
            found.setdefault(row["url"], set()).add(row["page_url"])
        return found

    def erase_images(self, removals: Removals) -> None:
        """Zeros over the named images in the crawls' tars; the sums of all of them are known by now."""
        spans: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for crawl, unit, image, _ in self.images():
            of_image = [Entry("sha256", image.sha256)]
            if any(listed.entries.found_sums(of_image) for listed in removals.lists):
                spans.setdefault((crawl, unit), []).append((image.offset, image.length))
        changed: dict[str, dict[str, File]] = {}
        for (crawl, unit), places in spans.items():
            name = f"{unit}.tar"
            erased = erase(self.root / crawl / name, self.put(f"{crawl}/{name}"), places)
            if erased:
                self.erased += erased
                self.files.append(f"{crawl}/{name}")
                changed.setdefault(crawl, {})[name] = describe(self.waiting / crawl / name)
                self.write_receipt(crawl, unit, changed[crawl])
        for crawl, files in changed.items():
            self.sign_crawl(crawl, files)

    def sign_crawl(self, crawl: str, changed: Mapping[str, File]) -> None:
        """Sign a crawl anew, and what reads it; nothing reads one that was moved aside."""
        signed = manifest.load(self.root / crawl)
        if signed is None:
            return
        made = replace(signed, files=tuple(changed.get(file.name, file) for file in signed.files))
        if crawl == keeping.STAGE:
            self.sign(made, signed)
            self.follow("filter")
            self.follow("dedup")
        else:
            manifest.sign(self.put(f"{crawl}/{manifest.MANIFEST}").parent, made)
            self.files.append(f"{crawl}/{manifest.MANIFEST}")

    def write_receipt(self, crawl: str, unit: str, changed: Mapping[str, File]) -> None:
        name = f"{crawl}/unit-{asking(unit)}{RECEIPT}"
        receipt = manifest.read_json(self.root / name)
        receipt["files"] = [
            asdict(changed[file["name"]]) if file["name"] in changed else file for file in receipt["files"]
        ]
        manifest.write_sealed(self.put(name), receipt)
        self.files.append(name)

    def follow(self, stage: str) -> None:
        """Sign a stage that reads what changed, and is none the worse for it."""
        signed = manifest.load(self.root / stage)
        if signed is not None:
            self.sign(signed, signed)

    def sign(self, made: Manifest, before: Manifest) -> None:
        """Sign a stage whose files, or inputs, changed; a stage that was stale before stays so."""
        inputs = {
            name: self.digests[name][1] if self.digests.get(name, ("",))[0] == value else value
            for name, value in made.inputs.items()
        }
        signed = follow(replace(made, inputs=inputs), before)
        self.digests[made.stage] = (before.digest, signed.digest)
        self.put(f"{made.stage}/{manifest.MANIFEST}")
        manifest.sign(self.waiting / made.stage, signed)
        self.files.append(f"{made.stage}/{manifest.MANIFEST}")

    def rewrite(self, removals: Removals) -> None:
        """The shards that hold a named sample, and what describes all shards."""
        shard = manifest.load(self.root / "shard")
        if shard is None:
            return

        changed: dict[str, File] = {}
        for table in tables_of(shard.files):
            name = table.name.removesuffix(".parquet")
            gone = self.named_in(table.name, removals, told=bool(shard.named(CHANGED)))
            written = rewrite_shard(self.root / "shard", name, self.put(f"shard/{name}").parent, gone)
            changed.update({file.name: file for file in written})
            self.gone += gone.values()
            self.shards += bool(written)
        if changed:
            self.sign_shard(shard, changed)
        elif "crawl" in self.digests:
            self.follow("shard")

    def named_in(self, table: str, removals: Removals, *, told: bool) -> dict[str, Removed]:
        """The samples of a shard that a list names, by key: by what is said of them, now or before."""
        home = self.root / "shard"
        both = chain(rows.read(home / table, Row), present(home, table, True) if told else ())
        found = ((row.key, removals.of(row)) for row in both)
        return {key: item for key, item in found if item is not None}

    def forget_changed(self) -> File:
        """What of the samples that go was said since their shards were written is left out as well."""
        gone, path = {item.key for item in self.gone}, self.waiting / "shard" / CHANGED
        told = rows.read(self.root / "shard" / CHANGED, Row)
        return describe(path, write_whole(path, Row, (row for row in told if row.key not in gone)))

    def sign_shard(self, shard: Manifest, changed: Mapping[str, File]) -> None:
        """removed.parquet, the files that describe all shards, and the manifest."""
        home, out = self.root / "shard", self.waiting / "shard"
        before = rows.read(home / REMOVED, Removed) if shard.named(REMOVED) else ()
        files = {file.name: changed.get(file.name, file) for file in shard.files}
        tars = [file for name, file in files.items() if name.endswith(".tar")]
        tables = [files[file.name] for file in tables_of(shard.files)]
        parts = wids_index(out, [file for file in tars if file.name in changed])["shardlist"]
        entries = {entry["url"]: entry for entry in parts}
        index = manifest.read_json(home / "shards.json")
        index["shardlist"] = [entries.get(entry["url"], entry) for entry in index["shardlist"]]
        rounds = bool(shard.named(ROUNDS))
        indexes = describe_shards(self.root, out, tars, tables, index, [*before, *self.gone], rounds=rounds)
        if shard.named(CHANGED):
            indexes = (*indexes, self.forget_changed())
        files.update({file.name: file for file in indexes})
        self.files += [f"shard/{name}" for name in (*changed, *(file.name for file in indexes))]
        counts = counts_of(shard.counts.read, sum(file.rows for file in tars))
        made = replace(
            shard,
            files=tuple(files[name] for name in sorted(files)),
            counts=counts,
            finished=self.time.isoformat(timespec="seconds"),
        )
        self.sign(made, shard)
