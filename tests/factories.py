"""Small records for tests: every field has a value, and a test names the ones it is about."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from wit_pipeline.sources import KINDS
from wit_pipeline.sources.source import Split, World
from wit_pipeline.vocabulary.records import Candidate, Image, Kind, Pair, Query, Raw, Reject, pair_key


def query(query_id: int, text: str, **fields: Any) -> Query:
    return Query(**{"query_id": query_id, "query": text, "kind": Kind.WORD, **fields})


def candidate(url: str = "http://a.test/1.jpg", caption: str = "a red dog", **fields: Any) -> Candidate:
    return Candidate(
        **{"key": pair_key(url, caption), "url": url, "caption": caption, "queries": (0,), **fields}
    )


def image(**fields: Any) -> Image:
    plain = Image(
        final_url="http://a.test/1.jpg",
        sha256=sha256(b"1").hexdigest(),
        stored_sha256=sha256(b"2").hexdigest(),
        bytes_fetched=1000,
        format="JPEG",
        original_width=400,
        original_height=300,
        width=341,
        height=256,
        phash="0123456789abcdef",
        phash16="0123456789abcdef" * 4,
        weak=0.1,
        trim_phash="",
        trim_phash16="",
        entropy=7.0,
        exif="{}",
        signals="{}",
        unit=0,
        offset=512,
        length=900,
    )
    return replace(plain, **fields)


def pair(url: str = "http://a.test/1.jpg", caption: str = "a red dog", **fields: Any) -> Pair:
    """A pair; fields of the image by name, `queries` of the candidate."""
    queries = fields.pop("queries", (0,))
    return Pair(candidate=candidate(url, caption, queries=queries), image=image(**fields))


def flip(code: str, bits: int) -> str:
    """A hex code with its lowest `bits` bits turned over."""
    return f"{int(code, 16) ^ ((1 << bits) - 1):0{len(code)}x}"


def bits_between(one: str, other: str) -> int:
    """Bits in which two hex codes differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def photograph(seed: int, size: tuple[int, int] = (200, 150)) -> Pillow.Image:
    """A smooth random picture, unlike every other seed's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Pillow.fromarray(coarse).resize(size, Pillow.Resampling.BICUBIC)


def encoded(picture: Pillow.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def world(files: Mapping[str, bytes], **fields: Any) -> World:
    """A world whose files are in memory."""
    return World(open=lambda path: BytesIO(files[path]), size=lambda path: len(files[path]), **fields)


def local_world(**fields: Any) -> World:
    """A world whose files are this machine's."""
    return World(
        open=lambda path: Path(path).open("rb"), size=lambda path: Path(path).stat().st_size, **fields
    )


def records_of(config: Any, path: str, where: World) -> list[Raw | Reject]:
    """All records of a file of a source, split by split."""
    kind = KINDS[config.kind]
    splits = [
        Split(source=0, path=path, first=first, last=last) for first, last in kind.splits(config, path, where)
    ]
    return [item for split in splits for item in kind.read(config, split, where)]


def spots(number: int) -> bytes:
    """A PNG like no other: noise of a few large spots."""
    noise = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    out = BytesIO()
    Pillow.fromarray(noise).resize((64, 64), Pillow.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()
