"""Shards that are compressed: their samples have no place to be read from, and what to do about it."""

import re
import shlex

# By what a file begins with, and the command that unpacks it to its output.
KINDS = {
    b"\x1f\x8b": ("gzip", "gzip -dc"),
    b"BZh": ("bzip2", "bzip2 -dc"),
    b"\xfd7zXZ\0": ("xz", "xz -dc"),
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"),
}
ENDINGS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}
NAME = re.compile(r"\.(?:tar\.(gz|bz2|xz|zst)|t(gz|bz2|xz|zst))$", re.IGNORECASE)
LONGEST = max(map(len, KINDS))  # bytes to be looked at


def by_name(name: str) -> str:
    """How a shard of that name is compressed; empty: not at all.

    >>> by_name("a/00000.tar.gz"), by_name("a/00000.TGZ"), by_name("a/00000.tar")
    ('gzip', 'gzip', '')
    """
    ending = NAME.search(name.partition("?")[0])
    return ENDINGS[(ending[1] or ending[2]).lower()] if ending else ""


def by_start(data: bytes) -> str:
    """How a file is compressed that begins so; empty: not at all."""
    return next((kind for start, (kind, _) in KINDS.items() if data.startswith(start)), "")


def refusal(kind: str, name: str) -> str:
    """Why it is refused, and what to give instead."""
    command = next(command for known, command in KINDS.values() if known == kind)
    return (
        f"it is compressed ({kind}), and samples are read by their place in a tar; unpack it, "
        f'or give "pipe:{command} {shlex.quote(name)}", which keeps an unpacked copy'
    )
