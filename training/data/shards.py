"""Which shards a pattern means, and where in them each sample lies.

A shard is a tar whose members share a name up to the first dot: KEY.jpg KEY.txt KEY.json.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.remote import PIPE, copied, is_remote
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.found import each_once, meant
from wit_pipeline.vocabulary.paths import has_scheme

IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "avif")
CACHE = Path("shards")  # copies of remote shards, where no other folder is named
TOKENIZER_CAPTIONS = 1_000_000  # enough for 49,408 tokens; a shard is a random sample of the whole
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")


def expand(pattern: str) -> list[str]:
    """`pattern` with its braces written out.

    >>> expand("{00..02}.tar")
    ['00.tar', '01.tar', '02.tar']
    >>> expand("{a,b}/0.tar")
    ['a/0.tar', 'b/0.tar']
    """
    braces = BRACES.search(pattern)
    if not braces:
        return [pattern]
    if span := RANGE.fullmatch(braces[1]):
        first, last = span.groups()
        parts = [str(i).zfill(len(first)) for i in range(int(first), int(last) + 1)]
    else:
        parts = braces[1].split(",")
    head, tail = pattern[: braces.start()], pattern[braces.end() :]
    return [path for part in parts for path in expand(head + part + tail)]


def find(patterns: Iterable[str], cache: Path = CACHE) -> list[Path]:
    """The tars that the patterns mean: braces, globs, folders of shards, URLs. Each stands once, in order.

    Remote ones are copied to `cache` first. Raises `UserError` if a pattern matches nothing or a named shard
    is missing, and `RunError` if one cannot be copied.
    """
    found = list(dict.fromkeys(path for pattern in patterns for path in find_one(pattern)))
    remote = [name for name in found if is_remote(name)]
    copies = dict(zip(remote, copied(remote, cache), strict=True))
    return [copies.get(name, Path(name)) for name in found]


def find_one(pattern: str) -> list[str]:
    """Paths and URLs that a pattern means."""
    names: list[str] = []
    for name in expand(pattern):
        path = Path(name)
        if is_remote(name):
            if name.endswith("/") or (has_magic(name.partition("?")[0]) and not name.startswith(PIPE)):
                raise UserError(
                    f"--shards {pattern}: a store is not searched; write braces: {{00000..00099}}.tar"
                )
            names.append(name)
        elif has_scheme(name):
            raise UserError(f"--shards {pattern}: wants paths, s3://, gs:// or pipe:COMMAND")
        elif has_magic(name) and not path.exists():
            names += [found.path for found in each_once(meant(name, f"--shards {pattern}"))]
        elif path.is_dir():
            names += map(str, shards_in(path))
        elif path.exists():
            names.append(name)
        else:
            raise UserError(f"--shards {pattern}: there is no {path}")
    if not names:
        raise UserError(f"--shards {pattern}: matches no shard; give tars, as 'shard/{{00000..00003}}.tar'")
    return names


def shards_in(folder: Path) -> list[Path]:
    """The shards of a finished stage, as its shards.json lists them, or every tar of another folder."""
    index = folder / "shards.json"
    if not index.exists():
        return sorted(folder.glob("*.tar"))
    return [folder / shard["url"] for shard in json.loads(index.read_text())["shardlist"]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Samples:
    """The usable samples of some shards: offsets and sizes in bytes, one row a sample."""

    paths: Sequence[Path]
    rows: NDArray[np.int64]  # [samples, 5]: shard, image's offset and size, caption's offset and size
    unusable: dict[str, int]  # samples that lack a member, by what they lack
    broken: Sequence[str]  # what is wrong with each shard that breaks off; its whole samples are used
    digest: str  # of the shards' names and layout; equal for a copy elsewhere

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, sample: int) -> bytes:
        """The bytes of a sample's image file."""
        shard, offset, size, _, _ = self.rows[sample].tolist()
        return read_at(self.paths[shard], offset, size)

    def caption(self, sample: int) -> str:
        """A sample's caption; bytes that are no UTF-8 become replacement characters."""
        shard, _, _, offset, size = self.rows[sample].tolist()
        return read_at(self.paths[shard], offset, size).decode("utf-8", "replace")

    def name(self, sample: int) -> str:
        """The shard and the member that hold a sample's image, as "00003.tar/000030012.jpg"."""
        shard, offset, *_ = self.rows[sample].tolist()
        header = read_at(self.paths[shard], offset - tarfile.BLOCKSIZE, tarfile.LENGTH_NAME)
        return f"{self.paths[shard].name}/{header.split(bytes(1))[0].decode('utf-8', 'replace')}"

    def captions(self) -> Iterator[str]:
        """The captions, in order, to train a tokenizer on: of at most `TOKENIZER_CAPTIONS` samples."""
        return (self.caption(sample) for sample in range(min(len(self), TOKENIZER_CAPTIONS)))


def read_at(path: Path, offset: int, size: int) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise RunError(f"{path}: cannot be read any more: {error.strerror}") from None


def index(paths: Sequence[Path], max_broken: float = 0.0) -> Samples:
    """Where each sample of the shards lies; reads the tars' headers only, some 20 µs a member.

    Of a shard that breaks off, the whole samples are taken and the one that is cut counts as unusable.
    Raises `RunError` if a larger share than `max_broken` breaks off, `UserError` if no sample is usable.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    unusable = {"no_image": 0, "no_caption": 0, "shard_broken": 0}
    broken: list[str] = []
    for shard, path in enumerate(paths):
        samples, wrong = members_of(path)
        if wrong:
            unusable["shard_broken"] += 1
            broken.append(f"{path}: is no whole tar: {wrong}")
        if len(broken) > max_broken * len(paths):
            allowed = (
                f"; {len(broken)} of {len(paths)} shards, more than {max_broken:g}" if max_broken else ""
            )
            raise RunError(f"{broken[-1]}{allowed}")
        for members in samples.values():
            image = next((members[kind] for kind in IMAGES if kind in members), None)
            caption = members.get("txt")
            if image is None:
                unusable["no_image"] += 1
            elif caption is None:
                unusable["no_caption"] += 1
            else:
                rows.append((shard, *image, *caption))
    if not rows:
        found = ", ".join(f"{count} with {kind}" for kind, count in unusable.items()).replace("_", " ")
        raise UserError(
            f"the {len(paths)} shards hold no pair of KEY.jpg and KEY.txt to learn from ({found}); "
            f"the first is {paths[0]}"
        )
    table = np.array(rows, dtype=np.int64)
    names = "\0".join(path.name for path in paths)
    return Samples(
        paths=paths,
        rows=table,
        unusable={kind: count for kind, count in unusable.items() if count},
        broken=broken,
        digest=hashlib.blake2b(names.encode() + b"\0\0" + table.tobytes(), digest_size=16).hexdigest(),
    )


def members_of(path: Path) -> tuple[dict[str, dict[str, tuple[int, int]]], str]:
    """Offset and size of each whole member, by key and by what stands after the key's dot; and what is wrong
    with the tar, if it breaks off.
    """
    samples: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        length = path.stat().st_size
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                folder, _, name = member.name.rpartition("/")
                key, _, kind = name.partition(".")
                place = member.offset_data, member.size
                if key and member.isfile() and sum(place) <= length:  # shadows of macOS have none
                    samples.setdefault(f"{folder}/{key}", {})[kind.lower()] = place
        if read_at(path, tar.offset, tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            return samples, "no end mark after the last whole member"  # tarfile just stops there
    except (OSError, tarfile.TarError) as error:
        return samples, str(error)
    return samples, ""
