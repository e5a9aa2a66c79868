"""Small lists for tests, in every format and packing."""

import bz2
import gzip
import hashlib
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.factories import records_of, world
from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.vocabulary.records import Raw, Reject

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def source(**fields: Any) -> ListSource:
    return ListSource(path=("x",), **fields)


def read(content: bytes, name: str, **fields: Any) -> list[Raw | Reject]:
    return records_of(source(**fields), name, world({name: content}))


def facts(items: list[Raw | Reject]) -> list[tuple[str, str]]:
    return [(item.url, item.text) if isinstance(item, Raw) else ("", item.reason) for item in items]


def parquet(rows: Sequence[Mapping[str, object]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), buffer, **options)
    return buffer.getvalue()


ROWS = [{"url": f"http://a.test/{i}", "caption": f"dog {i}"} for i in range(5)]


EXPECTED = [(f"http://a.test/{i}", f"dog {i}") for i in range(5)]


CSV = "url,caption\n" + "".join(f"{row['url']},{row['caption']}\n" for row in ROWS)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".bz2": lambda content: bz2.compress(content, 1),  # blocks of 100 kB
    ".zst": zstd.compress,
}


def hash_of(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()
