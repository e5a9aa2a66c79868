"""Signed claims of reuse in a C2PA manifest store: `c2pa.training-mining`, and its successor of CAWG.

A claim counts whether or not its signature can be trusted: nobody forges a refusal. c2pa-python reads them
(the c2pa extra); without it, or where it fails, the bytes decide, and refuse rather too much.
"""

import io
import json
from collections.abc import Collection, Iterator
from typing import Any

from wit_pipeline.vocabulary import extras

# Of the entries of an assertion those that a data set for training falls under; "ai_inference" is another's.
ENTRIES = ("ai_training", "ai_generative_training", "data_mining")
REFUSALS = ("notAllowed", "constrained")
SIGNALS = ("c2pa", "cawg")
MIME = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png", b"RI": "image/webp", b"GI": "image/gif",
        b"\0\0": "image/avif"}  # fmt: skip
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}  # only fetch/ asks the network
RAW_CHARACTERS = 1_000
NOT_INSTALLED = f"read by its bytes; {extras.install('c2pa')} to read it exactly"


def claimed(body: bytes, store: bytes, honoured: Collection[str]) -> tuple[str, dict[str, str]]:
    """The refusal among the `honoured` signals or "", and each assertion's entries, as JSON."""
    try:
        assertions = list(_assertions(body))
    except UnreadableError as error:
        return _by_bytes(store, honoured, str(error))
    found, raw = "", dict[str, str]()
    for signal, data in assertions:
        raw[f"{signal}.training-mining"] = json.dumps(data, ensure_ascii=False)[:RAW_CHARACTERS]
        if signal in honoured:
            found = found or _refusal(signal, data)
    return found, raw


class UnreadableError(Exception):
    """A manifest store that could not be read: no package, or not by it."""


def _assertions(body: bytes) -> Iterator[tuple[str, Any]]:
    """Signal and data of each assertion on training, in every manifest: the newest and its ingredients'."""
    try:
        import c2pa
    except ImportError:
        raise UnreadableError(NOT_INSTALLED) from None
    try:
        context = c2pa.Context.from_dict(OFFLINE)
        with c2pa.Reader(MIME[body[:2]], io.BytesIO(body), context=context) as reader:
            manifests = json.loads(reader.json())["manifests"]
    except (c2pa.C2paError, LookupError, TypeError, ValueError) as error:
        raise UnreadableError(f"read by its bytes; {type(error).__name__}") from None
    for manifest in manifests.values():
        for assertion in manifest.get("assertions", ()):
            signal, _, rest = assertion["label"].partition(".")
            if signal in SIGNALS and rest.startswith("training-mining"):  # "__2" may follow
                yield signal, assertion.get("data")


def _refusal(signal: str, data: Any) -> str:
    """The first entry that refuses, as "c2pa: ai_training notAllowed", or ""."""
    entries = data.get("entries", data) if isinstance(data, dict) else {}
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        use = entry.get("use") if isinstance(entry, dict) else entry
        kind = name.rpartition(".")[2]
        if kind in ENTRIES and use in REFUSALS:
            return f"{signal}: {kind} {use}"
    return ""


def _by_bytes(store: bytes, honoured: Collection[str], why: str) -> tuple[str, dict[str, str]]:
    for signal in SIGNALS:
        if signal in honoured and f"{signal}.training-mining".encode() in store:
            use = next((use for use in REFUSALS if use.encode() in store), "")
            if use:
                return f"{signal}: {use} ({why})", {}
    return "", {"c2pa": why}
