"""WebDataset shards in img2dataset's layout: any of them is a random sample of the whole."""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from wit_pipeline.pictures.stored import Pictures
from wit_pipeline.pictures.structure import EXTENSIONS, extension
from wit_pipeline.vocabulary import rows, tar
from wit_pipeline.vocabulary.chance import draw
from wit_pipeline.vocabulary.manifest import Counts, File, aside, describe, read_json, write_json
from wit_pipeline.vocabulary.records import SUCCESS, Example, Image, Pair, Reason

STAGE = "shard"
INDEX_DIGITS = 4  # of a sample within its shard
REMOVED = "removed.parquet"  # the samples that left their shards
CHANGED = "changed.parquet"  # of samples of which their shards say something else: the rows of today
ROUNDS = "rounds.json"  # which shards each round added, where there were several


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardConfig:
    """The recipe's `[shard]`."""

    samples: int = 10_000  # a shard, the last one excepted

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= 10**INDEX_DIGITS:
            raise ValueError(f"samples is 1 to {10**INDEX_DIGITS}, as keys have {INDEX_DIGITS} digits for it")


def position(key: str, seed: int) -> tuple[int, str]:
    """Sorts pairs into the order of the dataset: a hash of the key."""
    return draw(key, seed=seed, purpose="shard:order"), key


def shard_of(key: str) -> int:
    """The shard of a sample, by its key."""
    return int(key[:-INDEX_DIGITS])


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A sample as its row of the shard's Parquet says it, and its JSON member. Nothing is ever null."""

    key: str  # 5 digits of the shard, 4 of the sample
    url: str
    caption: str
    status: str
    error_message: str
    width: int  # pixels as stored
    height: int
    original_width: int
    original_height: int
    exif: str  # JSON object
    sha256: str  # of the bytes fetched
    pair_key: str
    page_url: str
    final_url: str
    source: str
    where: str
    license: str
    attribution: str
    language: str
    text_kind: str  # where the caption stood: "alt", "figcaption", …; "" where that is unknown
    texts: str  # the image's other texts, a line each; "" where there is none
    queries: tuple[int, ...]  # ids in queries.parquet, at least one
    phash: str
    phash16: str
    weak: float
    trim_phash: str  # "" where the image has no uniform border
    trim_phash16: str
    entropy: float
    signals: str  # JSON object of what server and file say of reuse
    evaluation: str  # copies of evaluation images, "; " between; "" where there is none
    stored_sha256: str = ""  # of the image member; in the table alone, "" in those of earlier releases


TABLE_ALONE = ("stored_sha256",)  # columns that the JSON member does not have


def row_of(pair: Pair, key: str) -> Row:
    """The row of a pair that is sample `key`."""
    candidate, image = pair.candidate, pair.image
    return Row(
        key=key,
        url=candidate.url,
        caption=candidate.caption,
        status=SUCCESS,
        error_message="",
        width=image.width,
        height=image.height,
        original_width=image.original_width,
        original_height=image.original_height,
        exif=image.exif,
        sha256=image.sha256,
        pair_key=candidate.key,
        page_url=candidate.page_url,
        final_url=image.final_url,
        source=candidate.source,
        where=candidate.where,
        license=candidate.license,
        attribution=candidate.attribution,
        language=candidate.language,
        text_kind=candidate.text_kind,
        texts="\n".join(pair.texts),
        queries=candidate.queries,
        phash=image.phash,
        phash16=image.phash16,
        weak=image.weak,
        trim_phash=image.trim_phash,
        trim_phash16=image.trim_phash16,
        entropy=image.entropy,
        signals=image.signals,
        evaluation="; ".join(pair.evaluation),
        stored_sha256=image.stored_sha256,
    )


def read_bytes(image: Image, crawl: Path) -> bytes:
    """The stored bytes of an image: a ranged read of its crawl unit's tar."""
    return Pictures(crawl).read(image)


def read_unless_erased(image: Image, crawl: Path) -> bytes:
    """The same; b"" where zeros stand in its place, as it was taken down."""
    return Pictures(crawl).read_unless_erased(image)


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """The shards that one build added to those that stood."""

    first: int  # its number
    shards: int


def tables_of(files: Iterable[File]) -> list[File]:
    """The tables of a signed folder of shards, one a shard."""
    return [file for file in files if file.name.endswith(".parquet") and file.name[0].isdigit()]


def present(home: Path, table: str, changed: bool) -> list[Row]:
    """The rows of a shard's table as they are today, which `changed.parquet` tells where it was `changed`."""
    found = list(rows.read(home / table, Row))
    if not changed or not found:
        return found
    key = pc.field("key")
    told = rows.table(home / CHANGED, where=(key >= found[0].key) & (key <= found[-1].key))
    now = {row["key"]: rows.from_row(Row, row) for row in told.to_pylist()}
    return [now.get(row.key, row) for row in found]


class Stored:
    """The stored images of a shard, by sample. The tar is opened when the first is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._closing = ExitStack()

    @cached_property
    def _archive(self) -> tarfile.TarFile:
        return self._closing.enter_context(
            tarfile.open(fileobj=self._closing.enter_context(self._path.open("rb")))
        )

    @cached_property
    def _members(self) -> dict[str, str]:
        names = (name.partition(".") for name in self._archive.getnames())
        return {key: f"{key}.{ending}" for key, _, ending in names if ending in EXTENSIONS.values()}

    def image(self, key: str) -> bytes:
        """The bytes of a sample's image."""
        content = self._archive.extractfile(self._members[key])
        assert content is not None, "a sample's image is a file"
        return content.read()

    def __enter__(self) -> "Stored":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


def write_shard(
    pairs: Iterable[Pair],
    fetch: Callable[[Image], bytes],
    *,
    folder: Path,
    shard: int,
    seed: int,
    tick: Callable[[int], None] = lambda count: None,
    blocked: Callable[[Row], bool] = lambda row: False,
) -> tuple[Counts, tuple[File, ...]]:
    """Write NNNNN.tar, NNNNN.parquet and NNNNN_stats.json; the pairs are put in the dataset's order.

    What is `blocked` is left out, and its key with it: the keys of all others are what they would be.
    """
    ordered = sorted(pairs, key=lambda pair: position(pair.key, seed))
    tar_path, table_path = folder / f"{shard:05d}.tar", folder / f"{shard:05d}.parquet"
    stats_path = folder / f"{shard:05d}_stats.json"
    with (
        aside(tar_path) as tar_aside,
        aside(table_path) as table_aside,
        tar.Summed(tar_aside) as archive,
        rows.Writer(table_aside, Row) as table,
    ):
        for index, pair in enumerate(ordered):
            row = row_of(pair, f"{shard:05d}{index:0{INDEX_DIGITS}d}")
            if not blocked(row):
                add_sample(archive, row, Example(pair=pair, stored=fetch(pair.image)))
                table.write(row)
            tick(1)
    count = table.count
    write_json(stats_path, stats(count, archive.md5))
    files = (describe(tar_path, count), describe(table_path, count), describe(stats_path))
    return counts_of(len(ordered), count), files


def counts_of(read: int, kept: int) -> Counts:
    """What became of a shard's pairs: those that are not kept were taken down."""
    return Counts(read=read, kept=kept, rejected={Reason.TAKEN_DOWN: read - kept} if read > kept else {})


def add_sample(archive: tar.Writer, row: Row, example: Example) -> None:
    """Append a sample's three members."""
    archive.add(f"{row.key}.{extension(example.stored)}", example.stored)
    archive.add(f"{row.key}.txt", row.caption.encode())
    said = {name: value for name, value in rows.to_row(row).items() if name not in TABLE_ALONE}
    text = json.dumps({**said, "queries": list(row.queries)}, ensure_ascii=False, indent=1)
    archive.add(f"{row.key}.json", text.encode())


def stats(count: int, md5: str) -> dict[str, Any]:
    """A shard's statistics under img2dataset's names, without its times; `md5` is the tar's, for indexes."""
    return {
        "count": count,
        "successes": count,
        "failed_to_download": 0,
        "failed_to_resize": 0,
        "status_dict": {SUCCESS: count},
        "md5": md5,
    }


def wids_index(folder: Path, shards: Sequence[File]) -> dict[str, Any]:
    """The index that webdataset's `wids` reads: each shard with its number of samples, size and MD5."""
    return {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "shardlist": [
            {
                "url": file.name,
                "nsamples": file.rows,
                "filesize": file.bytes,
                "md5sum": read_json(folder / file.name.replace(".tar", "_stats.json"))["md5"],
            }
            for file in shards
        ],
    }


def md5(path: Path) -> str:
    """The MD5 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
