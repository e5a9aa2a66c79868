"""The records of a WARC or ARC file, packed or not, or of those that begin in a range of it.

A range owns the records that begin in it: of a packed file those of the members that do. A reader finds its
first record by what it looks like; the reader before it goes on to that very record, so that together they
read each record once, wherever the ranges part. What is damaged belongs to the reader that runs into it.
"""

from collections.abc import Iterator
from itertools import pairwise

from wit_pipeline.sources.archives.members import Damage, Packed, packing_of
from wit_pipeline.sources.archives.packed import Members
from wit_pipeline.sources.archives.plain import Plain
from wit_pipeline.sources.archives.tape import ENDLESS, Bytes, Stored
from wit_pipeline.sources.archives.walk import Broken, Record, Wanted
from wit_pipeline.sources.source import WHOLE, Range, World
from wit_pipeline.vocabulary.errors import UserError

SPLIT_BYTES = 128 << 20  # as stored


def ranges(path: str, world: World) -> list[Range]:
    """Ranges of a file's bytes, about `SPLIT_BYTES` each. A `UserError` for an empty file."""
    size = world.size(path)
    if not size:
        raise UserError(f"{path}: is empty; a source needs at least one record")
    count = size // SPLIT_BYTES
    edges = [size * number // count for number in range(count + 1)] if count > 1 else []
    return list(pairwise(edges)) or [WHOLE]


def records(stream: Bytes, first: int, last: int, wanted: Wanted) -> Iterator[Record | Broken]:
    """The wanted records that begin in a range, and what is broken between them.

    A `last` of 0 is the end of the file.
    """
    stored = Stored(stream)
    try:
        packing = packing_of(stored)
    except Damage as damage:
        if first == 0:
            yield Broken(where=f"{damage.offset}", detail=damage.detail)
        return
    walk = Members(Packed(stored, packing)) if packing else Plain(stored)
    yield from walk.records(first, last or ENDLESS, wanted)
