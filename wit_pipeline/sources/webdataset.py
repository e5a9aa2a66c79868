"""WebDataset shards: images that somebody fetched before, with their texts, in img2dataset's layout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, BinaryIO, Literal

from wit_pipeline.sources.lists.columns import Row, Unfit, records_of, single, value_of
from wit_pipeline.sources.lists.json_lines import object_of
from wit_pipeline.sources.lists.names import FIELDS, recognise
from wit_pipeline.sources.packed import NEEDS_ROW, Damaged, head_of, opened, packing
from wit_pipeline.sources.source import WHOLE, Range, Split, World, needs_path
from wit_pipeline.sources.tar_members import Member, members
from wit_pipeline.vocabulary.config import how
from wit_pipeline.vocabulary.errors import UserError
from wit_pipeline.vocabulary.records import Raw, Reject, unreadable

IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "avif")
TEXTS = ("txt", "caption")  # the first that is there
JSON = "json"
MAX_MEMBER = 1 << 20  # bytes of a text or a JSON member
MARKED = 1 << 16  # bytes of a shard that tell it from others
READ = frozenset({*IMAGES, *TEXTS, JSON})
UNNAMED: dict[str, str] = dict.fromkeys(FIELDS, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebdatasetSource:
    """`kind = "webdataset"`: shards of images and texts."""

    kind: Literal["webdataset"] = "webdataset"
    path: tuple[str, ...] = how()  # globs of .tar
    texts: tuple[str, ...] = ()  # further fields of the JSON member: each text gives a record of its own

    def __post_init__(self) -> None:
        needs_path(self.path)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The members of one key, by suffix."""

    key: str
    members: dict[str, Member] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A shard that is being read."""

    split: Split
    stream: BinaryIO

    @cached_property
    def name(self) -> str:
        """Names it among all: other folders have namesakes, with other images under the same keys."""
        self.stream.seek(0)
        return f"{self.split.place}@{sha256(self.stream.read(MARKED)).hexdigest()[:16]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Torn:
    """The sample in which a tar breaks: what is missing of it might be its licence."""

    key: str
    detail: str


def splits(config: WebdatasetSource, path: str, world: World) -> list[Range]:
    """A shard is one split. A `UserError` where it is packed, no tar, or empty."""
    with opened(path, world) as stream:
        if packing(stream):
            raise UserError(f"{path}: is packed, and images are read from where they lie; unpack it to .tar")
        head_of(stream, path)
        try:
            if next(members(stream, world.size(path)), None) is None:
                raise UserError(f"{path}: holds no file; {NEEDS_ROW}")
        except Damaged as error:
            raise UserError(f"{path}: cannot be read as a tar: {error}") from None
    return [WHOLE]


def read(config: WebdatasetSource, split: Split, world: World) -> Iterator[Raw | Reject]:
    """The texts of each sample; where the tar breaks, those before it, and a Reject that says so."""
    with opened(split.path, world) as stream:
        shard = Shard(split=split, stream=stream)
        for sample in _samples(stream, world.size(split.path)):
            if isinstance(sample, Sample):
                yield from _read_sample(sample, shard, config)
            else:
                yield unreadable(f"{split.place}#{sample.key}", sample.detail)


def _samples(stream: BinaryIO, size: int) -> Iterator[Sample | Torn]:
    """Neighbours of one key; the same suffix again begins another sample."""
    sample = Sample(key="")
    try:
        for member in members(stream, size):
            key, suffix = key_of(member.name)
            if not key:  # macOS's shadow of the member that follows, ".DS_Store" and their like
                continue
            if sample.key != key or suffix in sample.members:
                yield sample
                sample = Sample(key=key)
            if suffix in READ:  # of others there may be too many to hold
                sample.members[suffix] = member
    except Damaged as error:
        yield Torn(key=sample.key, detail=f"{error}")
    else:
        yield sample


def key_of(name: str) -> tuple[str, str]:
    """The key of a member, up to the first dot of its file's name, and the suffix; ("", "") for one without.

    >>> key_of("./train/0001.seg.PNG"), key_of("train/._0001.jpg")
    (('./train/0001', 'seg.png'), ('', ''))
    """
    folder, slash, file = name.rpartition("/")
    key, _, suffix = file.partition(".")
    return (folder + slash + key, suffix.lower()) if key and suffix else ("", "")


def _read_sample(sample: Sample, shard: Shard, config: WebdatasetSource) -> Iterator[Raw | Reject]:
    if not sample.key:
        return
    split = shard.split
    where = f"{split.place}#{sample.key}"
    image = next((sample.members[suffix] for suffix in IMAGES if suffix in sample.members), None)
    if image is None:
        yield unreadable(where, "no image is among the sample's members")
        return
    try:
        row = _row(sample, shard, config.texts)
    except Unfit as error:
        yield unreadable(where, f"{error}")
        return
    held = f"{split.source}:{split.place}#{image.offset}+{image.length}"
    for found in records_of(row, where, config.texts):
        yield found._replace(held=held) if isinstance(found, Raw) else found


def _row(sample: Sample, shard: Shard, texts: Sequence[str]) -> Row:
    """What the members of a sample say of its image."""
    facts = _facts(sample, shard.stream)
    named = {name: facts.get(column, "") for name, column in _columns(tuple(facts)).items()}
    text = next((sample.members[suffix] for suffix in TEXTS if suffix in sample.members), None)
    return (
        single(named["url"]) or f"wds:{shard.name}/{sample.key}",
        value_of(named["text"]) if text is None else _content(text, shard.stream),
        *(single(named[name]) for name in FIELDS[2:]),
        *(value_of(facts.get(name)) for name in texts),
    )


def _facts(sample: Sample, stream: BinaryIO) -> dict[str, Any]:
    if JSON not in sample.members:
        return {}
    found = object_of(_content(sample.members[JSON], stream).encode())
    if isinstance(found, dict):
        return found
    raise Unfit("the JSON member is no object")


@lru_cache(maxsize=256)  # the samples of a shard have the same fields
def _columns(names: tuple[str, ...]) -> dict[str, str]:
    return recognise(names, UNNAMED)


def _content(member: Member, stream: BinaryIO) -> str:
    if member.length > MAX_MEMBER:
        raise Unfit(f"{member.name[:80]} has {member.length} bytes")
    stream.seek(member.offset)
    return stream.read(member.length).decode("utf-8", "replace")
