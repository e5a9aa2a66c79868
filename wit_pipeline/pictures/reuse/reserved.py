"""What an image file itself says of its reuse: `plus:DataMining` in XMP, and signed claims (C2PA, CAWG).

XMP: IPTC Photo Metadata 2023.1, with values of http://ns.useplus.org/ldf/vocab/. Each whose name holds
PROHIBITED prohibits, with or without conditions. Patterns over bytes find it: no XML parser meets a stranger.
"""

import html
import json
import re
from collections.abc import Collection, Iterator
from itertools import islice

from wit_pipeline.pictures.reuse.claims import claimed
from wit_pipeline.pictures.reuse.metadata import metadata

NO_SIGNALS = "{}"  # the raw values of nearly every file
MENTIONS = 100  # of a property in a packet that are looked at
VALUE_CHARACTERS = 256  # of a raw value that is kept
WINDOW_BYTES = 2_000  # of an element, with its markup
RIGHTS_BYTES = 1 << 20  # of a packet that are searched for what is only kept

# Patterns begin with what is literal and repeat within bounds: no text makes them slow.
PLUS = re.compile(
    rb"""xmlns(?::([\w.-]{1,64}))?\s{0,99}=\s{0,99}["']http://ns\.useplus\.org/ldf/xmp/1\.0/?["']"""
)
MINING = re.compile(rb"DataMining(?=[\s=/>])")
PREFIX = re.compile(rb"[<\s\"'](?:([\w.-]{1,64}):)?\Z")  # before the name of an element or attribute
PREFIX_BYTES = 66
QUOTED = re.compile(rb"""\s{0,99}=\s{0,99}(?:"([^"<]{0,2000})|'([^'<]{0,2000}))""")
TAG = re.compile(rb"<[^>]*>?")
RIGHTS = re.compile(rb"(dc:rights|xmpRights:UsageTerms|xmpRights:WebStatement|photoshop:Credit)(?=[\s=/>])")


def in_file(body: bytes, honoured: Collection[str]) -> tuple[str, str]:
    """The opt-out among the `honoured` signals that the file holds, or ""; a JSON object of its raw values.

    The opt-out begins with the name of its signal: "xmp: …", "c2pa: …" or "cawg: …".
    """
    held = metadata(body)
    found, values = "", dict[str, str]()
    for packet in held.xmp:
        for text in _readable(packet):
            mining = _mining(text)
            refusal = next((value for value in mining if "prohibited" in value.lower()), "")
            if refusal and "xmp" in honoured:
                found = found or f"xmp: {refusal}"
            if mining:
                values["plus:DataMining"] = refusal or mining[0]
            values = dict(_rights(text)) | values
    if b"c2pa" in held.c2pa and {"c2pa", "cawg"} & set(honoured):
        claim, raw = claimed(body, held.c2pa, honoured)
        found = found or claim
        values |= raw
    return found, json.dumps(values, ensure_ascii=False) if values else NO_SIGNALS


def _readable(packet: bytes) -> Iterator[bytes]:
    """The packet; and, in UTF-16 or 32, as it reads without the zeros between its ASCII letters."""
    yield packet
    if b"\0" in packet:
        yield packet.replace(b"\0", b"")


def _mining(text: bytes) -> list[str]:
    """The values of PLUS's DataMining, as attribute or element, under whatever prefix is PLUS's."""
    if b"DataMining" not in text:
        return []
    prefixes = {found[1] for found in islice(PLUS.finditer(text), MENTIONS)}
    values = []
    for found in islice(MINING.finditer(text), MENTIONS):
        before = PREFIX.search(text[max(found.start() - PREFIX_BYTES, 0) : found.start()])
        if before and before[1] in prefixes:
            values.append(_value(text, found.end(), (before[1] + b":" if before[1] else b"") + found[0]))
    return list(filter(None, values))


def _rights(text: bytes) -> Iterator[tuple[str, str]]:
    """Whose the picture is and on what terms, by the usual prefixes: for provenance, nothing hangs on it."""
    for found in islice(RIGHTS.finditer(text[:RIGHTS_BYTES]), MENTIONS):
        value = "" if text[found.start() - 1 : found.start()] == b"/" else _value(text, found.end(), found[1])
        if value:
            yield found[1].decode(), value


def _value(text: bytes, at: int, name: bytes) -> str:
    """What stands behind the name of a property: a quoted value, or all that its element says."""
    if quoted := QUOTED.match(text, at):
        return _plain(quoted[1] or quoted[2] or b"")
    tag, _, content = text[at : at + WINDOW_BYTES].partition(b">")
    if tag.endswith(b"/"):
        return _plain(tag.rpartition(b"=")[2].strip(b"/\"' \t\r\n"))  # rdf:resource
    return _plain(TAG.sub(b" ", content.partition(b"</" + name)[0]))


def _plain(value: bytes) -> str:
    """On one line, character references resolved."""
    text = html.unescape(value.decode("utf-8", "replace"))
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[
        :VALUE_CHARACTERS
    ]
