"""Signed claims: read by c2pa-python where it is installed, by their bytes where it is not or fails."""

import asyncio
import json
import sys

import pytest

from tests.claims import claiming
from tests.web import JPEG, PICTURES, PNG
from wit_pipeline.pictures.decoders import Decoders
from wit_pipeline.pictures.image import ImageError, decode
from wit_pipeline.pictures.reuse.metadata import metadata
from wit_pipeline.pictures.reuse.reserved import in_file
from wit_pipeline.vocabulary.crawl_config import SIGNALS, CrawlConfig
from wit_pipeline.vocabulary.records import Reason

pytest.importorskip("c2pa", reason="needs the c2pa extra")
pytest.importorskip("cryptography", reason="signs with a certificate of its own")

FILES = {
    "image/jpeg": JPEG,
    "image/png": PNG,
    "image/webp": PICTURES["webp"],
    "image/gif": PICTURES["gif"],
    "image/avif": PICTURES["avif"],
}


def claim(signal: str, use: str, entry: str = "ai_training", mime: str = "image/png") -> bytes:
    return claiming(FILES[mime], mime, f"{signal}.training-mining", {f"{signal}.{entry}": use})


@pytest.fixture
def _not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)


@pytest.mark.parametrize("mime", FILES)
@pytest.mark.parametrize("signal", ["c2pa", "cawg"])
def test_every_carrier(signal: str, mime: str) -> None:
    body = claim(signal, "notAllowed", mime=mime)
    found, values = in_file(body, SIGNALS)
    assert found == f"{signal}: ai_training notAllowed"
    (raw,) = json.loads(values).items()
    assert raw[0] == f"{signal}.training-mining"
    assert json.loads(raw[1])["entries"] == {f"{signal}.ai_training": {"use": "notAllowed"}}
    with pytest.raises(ImageError) as caught:
        decode(body, CrawlConfig())
    assert caught.value.reason == Reason.OPTED_OUT


@pytest.mark.parametrize("mime", FILES)
def test_the_store_is_one_box_from_end_to_end(mime: str) -> None:
    entries = {f"c2pa.entry_{number}": "allowed" for number in range(3000)}
    store = metadata(claiming(FILES[mime], mime, "c2pa.training-mining", entries)).c2pa
    assert len(store) > 70_000  # several segments of a JPEG
    assert (int.from_bytes(store[:4], "big"), store[4:8]) == (len(store), b"jumb")


@pytest.mark.parametrize("mime", FILES)
def test_every_carrier_by_its_bytes(mime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body, allowed = claim("cawg", "notAllowed", mime=mime), claim("cawg", "allowed", mime=mime)
    monkeypatch.setitem(sys.modules, "c2pa", None)
    found, _ = in_file(body, SIGNALS)
    assert found.startswith("cawg: notAllowed (read by its bytes; pip install 'webimagetext[c2pa]'")
    assert "pip install" in json.loads(in_file(allowed, SIGNALS)[1])["c2pa"]
    assert in_file(allowed, SIGNALS)[0] == ""


@pytest.mark.parametrize(
    ("entry", "use", "refused"),
    [
        ("ai_training", "notAllowed", True),
        ("ai_training", "constrained", True),
        ("ai_training", "allowed", False),
        ("ai_generative_training", "notAllowed", True),
        ("data_mining", "constrained", True),
        ("ai_inference", "notAllowed", False),  # nobody infers here
    ],
)
def test_entries(entry: str, use: str, refused: bool) -> None:
    assert bool(in_file(claim("c2pa", use, entry), SIGNALS)[0]) == refused


def test_a_manifest_that_says_nothing_of_training() -> None:
    assert in_file(claiming(PNG, "image/png", "", {}), SIGNALS) == ("", "{}")


@pytest.mark.parametrize(
    ("honoured", "refused"), [(("c2pa",), True), (("cawg",), False), (("xmp",), False), ((), False)]
)
def test_only_what_is_honoured_refuses(honoured: tuple[str, ...], refused: bool) -> None:
    assert bool(in_file(claim("c2pa", "notAllowed"), honoured)[0]) == refused


@pytest.mark.usefixtures("_not_installed")
@pytest.mark.parametrize(("honoured", "refused"), [(("c2pa",), True), (("cawg",), False)])
def test_only_what_is_honoured_refuses_by_its_bytes(honoured: tuple[str, ...], refused: bool) -> None:
    body = PNG[:33] + b"\0\0\0\x2fcaBXjumb c2pa c2pa.training-mining x notAllowed     0000" + PNG[33:]
    assert bool(in_file(body, honoured)[0]) == refused


@pytest.mark.parametrize("mime", ["image/png", "image/webp"])
def test_a_store_that_cannot_be_read_is_decided_by_its_bytes(mime: str) -> None:
    body = claim("c2pa", "notAllowed", mime=mime)
    broken = body.replace(b"c2pa.claim", b"c2pa.cl\0im")
    assert broken != body
    assert in_file(broken, SIGNALS)[0].startswith("c2pa: notAllowed (read by its bytes; ")


def test_changed_pixels_do_not_lift_a_claim() -> None:
    body = claim("c2pa", "notAllowed")
    assert in_file(body[:-20] + bytes([body[-20] ^ 1]) + body[-19:], SIGNALS)[0]


def test_in_decoders_it_is_the_same() -> None:
    bodies = [claim("c2pa", "notAllowed"), claim("c2pa", "allowed")]

    async def ask(held: Decoders) -> list[object]:
        return await asyncio.gather(*map(held.decode, bodies), return_exceptions=True)

    with Decoders(CrawlConfig()) as held:
        refused, allowed = asyncio.run(ask(held))
    assert isinstance(refused, ImageError)
    assert refused.detail == "c2pa: ai_training notAllowed"
    assert allowed == decode(bodies[1], CrawlConfig())
