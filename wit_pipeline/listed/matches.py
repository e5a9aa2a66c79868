"""What lists have found, for whoever has a duty to report it: a file outside the root, and nowhere else.

A line is a JSON object. It is written with one call, so that several processes may share a file, which only
its owner can read.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wit_pipeline.listed.lists import Match
from wit_pipeline.vocabulary.errors import RunError, UserError
from wit_pipeline.vocabulary.store import in_store

ASIDE = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class Matches:
    """Where matches are written: nowhere, of ""."""

    def __init__(self, path: str = "") -> None:
        self._path = path

    def write(self, match: Match, known: Mapping[str, Any]) -> None:
        """Write what was found, and all that is known of it. A `RunError` where it cannot be written."""
        if not self._path:
            return
        row = {
            "found_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "list": match.list,
            "kind": match.entry.kind,
            "entry": match.entry.value,
            "bits": match.bits,
            **known,
        }
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        try:
            _append(self._path, line)
        except OSError as error:
            raise RunError(f"--report-matches {self._path}: {error.strerror or error}") from None


NOWHERE = Matches()


def checked(path: Path | None, root: Path) -> str:
    """Where matches are to be written, as every process opens it; "" where nobody asked.

    A `UserError` for a file within the root, whose content others may read, and one that cannot be written.
    """
    if path is None:
        return ""
    whole = path.absolute().resolve()
    if in_store(root) is None and whole.is_relative_to(root.absolute().resolve()):
        raise UserError(f"--report-matches {path}: lies in {root}, of which matches must not be a part")
    try:
        _append(str(whole), b"")
    except OSError as error:
        raise UserError(f"--report-matches {path}: cannot be written: {error.strerror or error}") from None
    return str(whole)


def _append(path: str, line: bytes) -> None:
    descriptor = os.open(path, ASIDE, 0o600)
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    finally:
        os.close(descriptor)
