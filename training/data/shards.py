"""Which shards a pattern means, and where in them each sample lies.

A shard is a tar whose members share a name up to the first dot: KEY.jpg KEY.txt KEY.json.
"""

import hashlib
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data import compressed
from training.data.captions import JSON, TEXTS, USUAL, keys_in, text_in, text_of
from training.data.members import Indexed, Rows, all_indexed, read_at
from training.data.remote import PIPE, copied, is_remote
from wit_pipeline.vocabulary.command import has_scheme
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.found import each_once, meant

CACHE = Path("shards")  # copies of remote shards, where no other folder is named
TOKENIZER_CAPTIONS = 1_000_000  # enough for 49,408 tokens; a shard is a random sample of the whole
KINDS_TOLD = 8  # endings of members, where no sample is found
LOOKED_AT = 100  # samples, of which one must have a caption under the key that is named
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
    is missing or compressed, and `RunError` if one cannot be copied.
    """
    found = list(dict.fromkeys(path for pattern in patterns for path in find_one(pattern)))
    for name in found:
        if not name.startswith(PIPE) and (kind := compressed.by_name(name)):
            raise UserError(f"--shards {name}: {compressed.refusal(kind, name)}")
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
    """The shards of a finished stage, as its shards.json lists them, or every tar of another folder.

    Where all are compressed, those: they are refused by name.
    """
    index = folder / "shards.json"
    if not index.exists():
        packed = (path for path in folder.iterdir() if compressed.by_name(path.name))
        return sorted(folder.glob("*.tar")) or sorted(packed)
    return [folder / shard["url"] for shard in json.loads(index.read_text())["shardlist"]]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Samples:
    """The usable samples of some shards: 16 bytes each, one row a sample."""

    paths: Sequence[Path]
    rows: Rows  # as `members.Rows`, shard after shard
    starts: NDArray[np.int64]  # [shards + 1]: the first row of each shard, and how many there are
    unusable: dict[str, int]  # samples that lack a member, by what they lack
    broken: Sequence[str]  # what is wrong with each shard that breaks off; its whole samples are used
    doubled: int  # members whose name another of their shard has had before; the last is read
    in_json: int  # of the samples without a caption, those that seem to have one in their JSON
    caption_key: str  # of the JSON that captions are in; empty: they are texts of their own
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
        """A sample's caption; empty where its JSON has none under `caption_key`."""
        data = self.caption_file(sample)
        return text_in(data, self.caption_key) if self.caption_key else text_of(data)

    def caption_file(self, sample: int) -> bytes:
        """The bytes of the member that a sample's caption is in."""
        _, _, block, size = self.rows[sample].tolist()
        return read_at(self.shard_of(sample), block * tarfile.BLOCKSIZE, size)

    def name(self, sample: int) -> str:
        """The shard and the member that hold a sample's image, as "00003.tar/000030012.jpg"."""
        path, block = self.shard_of(sample), int(self.rows[sample, 0])
        header = read_at(path, (block - 1) * tarfile.BLOCKSIZE, tarfile.LENGTH_NAME)
        return f"{path.name}/{header.split(bytes(1))[0].decode('utf-8', 'replace')}"

    def key(self, sample: int) -> str:
        """What the members of a sample share: their name up to the first dot, as "000030012"."""
        folder, slash, file = self.name(sample).partition("/")[2].rpartition("/")
        return folder + slash + file.partition(".")[0]

    def captions(self) -> Iterator[str]:
        """The captions, in order, to train a tokenizer on: of at most `TOKENIZER_CAPTIONS` samples."""
        return (self.caption(sample) for sample in range(min(len(self), TOKENIZER_CAPTIONS)))

    def notes(self) -> list[str]:
        """What is odd about the shards and yet no reason to stop, a line each."""
        said = [f"{wrong}; its whole samples are used" for wrong in self.broken]
        if self.doubled:
            said.append(f"doubled members, of which the last is read: {self.doubled:,}")
        return [*said, in_json(self.in_json)] if self.in_json else said


def index(
    paths: Sequence[Path], max_broken: float = 0.0, kept: Path | None = None, caption_key: str = ""
) -> Samples:
    """Where each sample of the shards lies; reads the tars' headers only, once if there is a folder `kept`.

    With a `caption_key` captions are what each sample's JSON has there. Of a shard that breaks off, the whole
    samples are taken and the one that is cut counts as unusable. Raises `RunError` if a larger share than
    `max_broken` breaks off, `UserError` if no sample is usable, or no JSON has the key.
    """
    broken: list[str] = []
    parts: list[Indexed] = []
    for path, found in zip(paths, all_indexed(paths, kept, (JSON,) if caption_key else TEXTS), strict=True):
        parts.append(found)
        if found.wrong:
            broken.append(f"{path}: is no whole tar: {found.wrong}")
        if len(broken) > max_broken * len(paths):
            allowed = (
                f"; {len(broken)} of {len(paths)} shards, more than {max_broken:g}" if max_broken else ""
            )
            raise RunError(f"{broken[-1]}{allowed}")
    unusable = {
        "no_image": sum(found.no_image for found in parts),
        "no_caption": sum(found.no_caption for found in parts),
        "shard_broken": len(broken),
    }
    starts = np.cumsum([0, *(len(found.rows) for found in parts)], dtype=np.int64)
    if not starts[-1]:
        raise UserError(nothing_in(paths, parts, unusable, caption_key))
    table = np.concatenate([found.rows for found in parts])
    digest = hashlib.blake2b("\0".join(path.name for path in paths).encode(), digest_size=16)
    digest.update(starts.tobytes())
    digest.update(table.data)
    samples = Samples(
        paths=paths,
        rows=table,
        starts=starts,
        unusable={kind: count for kind, count in unusable.items() if count},
        broken=broken,
        doubled=sum(found.doubled for found in parts),
        in_json=0 if caption_key else sum(found.in_json for found in parts),
        caption_key=caption_key,
        digest=digest.hexdigest(),
    )
    if caption_key:
        check_key(samples)
    return samples


def nothing_in(
    paths: Sequence[Path], parts: Sequence[Indexed], unusable: Mapping[str, int], caption_key: str
) -> str:
    """What is said of shards without a usable sample: what was looked for, and what was found."""
    wanted = "KEY.json" if caption_key else "KEY.txt (.caption, .text)"
    lacking = ", ".join(f"{count} with {kind}" for kind, count in unusable.items()).replace("_", " ")
    kinds: Counter[str] = sum((Counter(found.kinds) for found in parts), Counter())
    found = ", ".join(f"{count:,} {named(kind)}" for kind, count in kinds.most_common(KINDS_TOLD))
    hint = sum(part.in_json for part in parts)
    return (
        f"the {len(paths)} shards hold no pair of KEY.jpg and {wanted} to learn from ({lacking}); "
        f"found {found or 'no member'}; the first is {paths[0]}"
        + (f"; {in_json(hint)}" if hint and not caption_key else "")
    )


def named(kind: str) -> str:
    """A member's ending, as it is told."""
    return f".{repr(kind)[1:-1]}" if kind else "without an ending"


def in_json(count: int) -> str:
    """What to do about captions that are in JSON alone."""
    return (
        f"{count:,} samples without a text have a JSON, with {USUAL!r} in the first: "
        f'caption_key = "{USUAL}" in [train] reads those (--caption-key {USUAL} of other commands)'
    )


def check_key(samples: Samples) -> None:
    """Raise `UserError` if none of the first samples has a caption under the key that is named."""
    first = range(min(len(samples), LOOKED_AT))
    if not any(samples.caption(sample).strip() for sample in first):
        raise UserError(
            f"caption_key {samples.caption_key!r}: none of the first {len(first)} JSONs has a text there; "
            f"texts in the first: {keys_in(samples.caption_file(0))}"
        )
