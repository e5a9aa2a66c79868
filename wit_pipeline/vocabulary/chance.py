"""Chance is a hash of the record: the same draw in every retry, bundle and worker."""

import hashlib
import json
from typing import Any

SCALE = 1 << 62  # draws are whole numbers in [0, 2^62): they and their bounds fit in an int64


def draw(key: str, *, seed: int, purpose: str) -> int:
    """A whole number, uniform in [0, 2^62), that depends on nothing but its arguments.

    `purpose` keeps two decisions about one record from sharing a draw.
    """
    text = f"{seed}\0{purpose}\0{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 2


def uniform(key: str, *, seed: int, purpose: str) -> float:
    """A float, uniform in [0, 1), that depends on nothing but its arguments."""
    return (draw(key, seed=seed, purpose=purpose) >> 9) / (1 << 53)


def fingerprint(*parts: str) -> str:
    """32 hex digits (128 bits) that name a record by its text parts; "ab"+"c" is not "a"+"bc"."""
    joined = b"\0".join(
        [len(part).to_bytes(8, "big") + part.encode("utf-8", "surrogatepass") for part in parts]
    )
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def digest(value: Any) -> str:
    """32 hex digits of a JSON-able value; the order of a table's keys does not matter."""
    return fingerprint(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))
