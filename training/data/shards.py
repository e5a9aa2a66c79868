"""Which shards a pattern means, and where in them each sample lies.

A shard is a tar whose members share a name up to the first dot: KEY.jpg KEY.txt KEY.json.
"""

import hashlib
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.members import Rows, all_indexed, read_at
from training.data.remote import PIPE, copied, is_remote
from wit_pipeline.vocabulary.command import has_scheme
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.found import each_once, meant

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
    """The usable samples of some shards: 16 bytes each, one row a sample."""

    paths: Sequence[Path]
    rows: Rows  # as `members.Rows`, shard after shard
    starts: NDArray[np.int64]  # [shards + 1]: the first row of each shard, and how many there are
    unusable: dict[str, int]  # samples that lack a member, by what they lack
    broken: Sequence[str]  # what is wrong with each shard that breaks off; its whole samples are used
    digest: str  # of the shards' names and layout; equal for a copy elsewhere

    def __len__(self) -> int:
        return len(self.rows)

    def shard_of(self, sample: int) -> Path:
        """The shard that a sample lies in."""
        return self.paths[int(np.searchsorted(self.starts, sample, side="right")) - 1]

    def image(self, sample: int) -> bytes:
        """The bytes of a sample's image file."""
        block, size, _, _ = self.rows[sample].tolist()
        return read_at(self.shard_of(sample), block * tarfile.BLOCKSIZE, size)

    def caption(self, sample: int) -> str:
        """A sample's caption; bytes that are no UTF-8 become replacement characters."""
        _, _, block, size = self.rows[sample].tolist()
        return read_at(self.shard_of(sample), block * tarfile.BLOCKSIZE, size).decode("utf-8", "replace")

    def name(self, sample: int) -> str:
        """The shard and the member that hold a sample's image, as "00003.tar/000030012.jpg"."""
        path, block = self.shard_of(sample), int(self.rows[sample, 0])
        header = read_at(path, (block - 1) * tarfile.BLOCKSIZE, tarfile.LENGTH_NAME)
        return f"{path.name}/{header.split(bytes(1))[0].decode('utf-8', 'replace')}"

    def captions(self) -> Iterator[str]:
        """The captions, in order, to train a tokenizer on: of at most `TOKENIZER_CAPTIONS` samples."""
        return (self.caption(sample) for sample in range(min(len(self), TOKENIZER_CAPTIONS)))


def index(paths: Sequence[Path], max_broken: float = 0.0, kept: Path | None = None) -> Samples:
    """Where each sample of the shards lies; reads the tars' headers only, once if there is a folder `kept`.

    Of a shard that breaks off, the whole samples are taken and the one that is cut counts as unusable.
    Raises `RunError` if a larger share than `max_broken` breaks off, `UserError` if no sample is usable.
    """
    unusable: Counter[str] = Counter()
    broken: list[str] = []
    parts: list[Rows] = []
    for path, found in zip(paths, all_indexed(paths, kept), strict=True):
        parts.append(found.rows)
        unusable.update({"no_image": found.no_image, "no_caption": found.no_caption})
        if found.wrong:
            unusable["shard_broken"] += 1
            broken.append(f"{path}: is no whole tar: {found.wrong}")
        if len(broken) > max_broken * len(paths):
            allowed = (
                f"; {len(broken)} of {len(paths)} shards, more than {max_broken:g}" if max_broken else ""
            )
            raise RunError(f"{broken[-1]}{allowed}")
    starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    if not starts[-1]:
        kinds = ("no_image", "no_caption", "shard_broken")
        lacking = ", ".join(f"{unusable[kind]} with {kind}" for kind in kinds).replace("_", " ")
        raise UserError(
            f"the {len(paths)} shards hold no pair of KEY.jpg and KEY.txt (.caption, .text) to learn "
            f"from ({lacking}); the first is {paths[0]}"
        )
    table = np.concatenate(parts)
    digest = hashlib.blake2b("\0".join(path.name for path in paths).encode(), digest_size=16)
    digest.update(starts.tobytes())
    digest.update(table.data)
    return Samples(
        paths=paths,
        rows=table,
        starts=starts,
        unusable={kind: count for kind, count in unusable.items() if count},
        broken=broken,
        digest=digest.hexdigest(),
    )
