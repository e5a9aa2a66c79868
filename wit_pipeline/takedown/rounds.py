"""Which samples of the shards that stand a later round keeps: those whose pair stays, with the same picture.

A round asks of every pair of the balance whether it stands, and where. That is answered from sorted arrays on
disk, mapped into memory: 36 bytes a sample, which the processes of a machine share.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wit_pipeline.shard import Row, row_of, shard_of
from wit_pipeline.takedown.takedown import Removals, Removed
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import aside
from wit_pipeline.vocabulary.records import Pair, Reason
from wit_pipeline.vocabulary.store import in_store

COLUMNS = ["key", "url", "final_url", "page_url", "sha256", "stored_sha256"]  # of a pair, that are asked by
# The halves of a pair's key, its shard, and how the sums begin of what was stored and what was fetched.
ENTRY = np.dtype(
    [("high", "u8"), ("low", "u8"), ("shard", "u4"), ("stored", "u8"), ("fetched", "u8")]
)  # fmt: skip
NONE = 0  # where nothing tells a sum; one begins so once in 2^64
Entries = NDArray[Any]  # of ENTRY


def entries(shard: int, table: Path) -> Entries:
    """What is held of each sample of a shard; tables of earlier releases do not tell `stored`."""
    found = (
        (*_halves(row["pair_key"]), shard, _number(row.get("stored_sha256", "")), _number(row["sha256"]))
        for row in rows.read_rows(table)
    )
    return np.fromiter(found, ENTRY)


def taken_down(removed: Iterable[Removed]) -> Entries:
    """The same of samples that were taken down from their shards: no picture is theirs."""
    return np.fromiter(((*_halves(item.pair_key), shard_of(item.key), NONE, NONE) for item in removed), ENTRY)


def _halves(key: str) -> tuple[int, int]:
    return int(key[:16], 16), int(key[16:], 16)


def _number(digest: str) -> int:
    return int(digest[:16], 16) if digest else NONE


def write(folder: Path, parts: Iterable[Entries]) -> list[Path]:
    """Write the arrays, a field of `ENTRY` each, by key; of a pair that comes twice, the last counts."""
    found = np.concatenate([np.empty(0, ENTRY), *parts])
    found = found[np.lexsort((np.arange(len(found)), found["low"], found["high"]))]
    last = np.ones(len(found), bool)
    last[:-1] = found[["high", "low"]][1:] != found[["high", "low"]][:-1]
    paths = [folder / f"{name}.npy" for name in ENTRY.names or ()]
    for path in paths:
        with aside(path) as temporary, temporary.open("wb") as file:
            np.save(file, found[path.stem][last])
    return paths


def _loaded(path: Path) -> NDArray[Any]:
    """An array, in memory that processes share; what lies in a store is read whole."""
    found: NDArray[Any] = (
        np.load(path, mmap_mode="r") if in_store(path) is None else np.load(io.BytesIO(path.read_bytes()))
    )
    return found


class Standing:
    """Where the pairs stand in the shards of before."""

    def __init__(self, folder: Path, removals: Removals) -> None:
        self._arrays: dict[str, NDArray[Any]] = {
            name: _loaded(folder / f"{name}.npy") for name in ENTRY.names or ()
        }
        self._removals = removals

    def shard_of(self, pair: Mapping[str, Any]) -> int | None:
        """The shard in which a pair stands with its present picture, or None; `pair` is a row of `COLUMNS`.

        One that was taken down from a shard still counts there, as long as a list names it.
        """
        place = self._place(pair["key"])
        if place is None:
            return None
        stored, fetched = (self._arrays[name][place] for name in ("stored", "fetched"))
        if stored == fetched == NONE:
            stays = self._removals.names(*(pair[name] for name in COLUMNS[1:5]))
        elif stored == NONE:  # a table of a release that did not write that sum
            stays = int(fetched) == _number(pair["sha256"])
        else:
            stays = int(stored) == _number(pair["stored_sha256"])
        return int(self._arrays["shard"][place]) if stays else None

    def _place(self, key: str) -> int | None:
        high, low = map(np.uint64, _halves(key))
        place = int(np.searchsorted(self._arrays["high"], high))
        while place < len(self._arrays["high"]) and self._arrays["high"][place] == high:
            if self._arrays["low"][place] == low:
                return place
            place += 1
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What a round makes of a shard that stands."""

    gone: Mapping[str, Removed]  # samples that leave it, by key
    changed: list[Row]  # samples of which something is other than their shard says: as they are now


def compare(table: Iterable[Row], present: Mapping[str, Pair], removals: Removals) -> Kept:
    """What becomes of the samples of a shard, of which the pairs that stay are `present`, by pair key.

    Why a pair does not stay is not known here: its `reason` is `NO_LONGER_KEPT`.
    """
    gone: dict[str, Removed] = {}
    changed = []
    for row in table:
        pair = present.get(row.pair_key)
        if pair is None:
            why = Reason.NO_LONGER_KEPT
            gone[row.key] = Removed(key=row.key, pair_key=row.pair_key, entry="", list="", reason=why)
            continue
        now = row_of(pair, row.key)
        item = removals.of(now)
        if item is not None:
            gone[row.key] = item
        elif now != replace(row, stored_sha256=now.stored_sha256):
            changed.append(now)
    return Kept(gone=gone, changed=changed)
