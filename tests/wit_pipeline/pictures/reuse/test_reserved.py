import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.claims import (
    PLUS,
    VOCABULARY,
    in_gif,
    in_jpeg,
    in_jpeg_extended,
    in_png,
    in_webp,
    jpeg_segment,
    mining,
    packet,
    png_chunk,
)
from tests.web import JPEG, PICTURES, PNG, encoded, picture
from wit_pipeline.pictures.image import ImageError, decode
from wit_pipeline.pictures.reuse import reserved
from wit_pipeline.pictures.reuse.metadata import PARTS
from wit_pipeline.pictures.reuse.reserved import MENTIONS, RIGHTS_BYTES, in_file
from wit_pipeline.vocabulary.crawl_config import SIGNALS, CrawlConfig
from wit_pipeline.vocabulary.records import Reason

PROHIBITED = "DMI-PROHIBITED-AIMLTRAINING"
CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "jpeg": lambda xmp: in_jpeg(JPEG, xmp),
    "jpeg, extended": lambda xmp: in_jpeg_extended(JPEG, xmp),
    "png": lambda xmp: in_png(PNG, xmp),
    "png, compressed": lambda xmp: in_png(PNG, xmp, compressed=True),
    "webp": lambda xmp: in_webp(PICTURES["webp"], xmp),
    "gif": lambda xmp: in_gif(PICTURES["gif"], xmp),
    "avif": lambda xmp: encoded(picture(), "AVIF", speed=10, xmp=xmp),
}


def opt_out(xmp: bytes) -> str:
    return in_file(in_jpeg(JPEG, xmp), SIGNALS)[0]


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_every_carrier_in_every_encoding(carrier: str, encoding: str) -> None:
    body = CARRIERS[carrier](mining(PROHIBITED).decode().encode(encoding))
    found, values = in_file(body, SIGNALS)
    assert found == f"xmp: {VOCABULARY}{PROHIBITED}"
    assert json.loads(values) == {"plus:DataMining": VOCABULARY + PROHIBITED}
    with pytest.raises(ImageError) as caught:
        decode(body, CrawlConfig())
    assert (caught.value.reason, caught.value.detail) == (Reason.OPTED_OUT, found)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_is_allowed_is_decoded_and_kept_as_a_fact(carrier: str) -> None:
    body = CARRIERS[carrier](mining("DMI-ALLOWED"))
    assert json.loads(decode(body, CrawlConfig()).signals) == {"plus:DataMining": VOCABULARY + "DMI-ALLOWED"}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_signal_that_is_not_honoured_is_a_fact_alone(carrier: str) -> None:
    others = tuple(set(SIGNALS) - {"xmp"})
    decoded = decode(CARRIERS[carrier](mining(PROHIBITED)), CrawlConfig(opt_outs=others))
    assert json.loads(decoded.signals) == {"plus:DataMining": VOCABULARY + PROHIBITED}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_that_say_nothing(name: str) -> None:
    assert in_file(PICTURES[name], SIGNALS) == ("", "{}")


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        ("DMI-PROHIBITED", True),
        ("DMI-PROHIBITED-AIMLTRAINING", True),
        ("DMI-PROHIBITED-GENAIMLTRAINING", True),
        ("DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING", True),
        ("DMI-PROHIBITED-SEECONSTRAINT", True),
        ("DMI-UNSPECIFIED", False),
        ("DMI-ALLOWED", False),
        ("", False),
    ],
)
def test_values(value: str, refused: bool) -> None:
    assert bool(opt_out(mining(value))) == refused


DECLARED = f'xmlns:plus="{PLUS}"'
VALUE = VOCABULARY + PROHIBITED


@pytest.mark.parametrize(
    "xmp",
    [
        mining(PROHIBITED, prefix="other-1"),
        packet(attributes=f"xmlns:plus = '{PLUS}'\n plus:DataMining\n=\n'{VALUE}'"),
        packet(f"<plus:DataMining>{VALUE}</plus:DataMining>", DECLARED),
        packet(f"<plus:DataMining>\n{VALUE}\n</plus:DataMining>", DECLARED),
        packet(f'<plus:DataMining rdf:resource="{VALUE}"/>', DECLARED),
        packet(f"<plus:DataMining {DECLARED}>{VALUE}</plus:DataMining>"),
        packet(f'<DataMining xmlns="{PLUS}">{VALUE}</DataMining>'),
        packet(
            f'<plus:DataMining><rdf:Alt><rdf:li xml:lang="de">{VALUE}</rdf:li></rdf:Alt></plus:DataMining>',
            DECLARED,
        ),
        packet("<plus:DataMining>&#68;MI&#x2D;PROHIBITE&#x44;</plus:DataMining>", DECLARED),
        packet(attributes=f'{DECLARED} plus:DataMining="DMI-ALLOWED" x:y="" plus:DataMining="{VALUE}"'),
        packet(attributes=f'{DECLARED} plus:DataMining="{VALUE}'),  # cut short
    ],
)
def test_ways_to_write_it(xmp: bytes) -> None:
    assert opt_out(xmp).lower().startswith("xmp: ")


@pytest.mark.parametrize(
    "xmp",
    [
        packet(attributes=f'xmlns:plus="http://example.org/" plus:DataMining="{VALUE}"'),
        packet(attributes=f'{DECLARED} other:DataMining="{VALUE}"'),
        packet(attributes=f'{DECLARED} plus:DataMiningNot="{VALUE}"'),
        packet(attributes=f'{DECLARED} plus:NoDataMining="{VALUE}"'),
        packet(f"<plus:DataMining>DMI-ALLOWED</plus:DataMining><a>{VALUE}</a>", DECLARED),
        packet(f"<plus:DataMining/><a>{VALUE}</a>", DECLARED),
        packet(attributes=f'{DECLARED} plus:DataMining="" a:b="{VALUE}"'),
        packet(f"<a>{VALUE}</a>", DECLARED),
    ],
)
def test_what_is_no_refusal(xmp: bytes) -> None:
    assert opt_out(xmp) == ""


def test_words_outside_of_metadata_are_no_refusal() -> None:
    assert in_file(JPEG + mining(PROHIBITED), SIGNALS) == ("", "{}")


def test_whose_it_is_and_on_what_terms() -> None:
    xmp = packet(
        '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Ada &amp; Co</rdf:li></rdf:Alt></dc:rights>'
        "<photoshop:Credit>Ada</photoshop:Credit>",
        'xmpRights:WebStatement="https://example.org/terms" xmpRights:UsageTerms=""',
    )
    _, signals = in_file(in_jpeg(JPEG, xmp), SIGNALS)
    assert "©" in signals
    assert json.loads(signals) == {
        "dc:rights": "© Ada & Co",
        "photoshop:Credit": "Ada",
        "xmpRights:WebStatement": "https://example.org/terms",
    }


def test_of_several_values_the_one_that_refuses_counts_and_else_the_first() -> None:
    allowed, no = f"{VOCABULARY}DMI-ALLOWED", f"{VOCABULARY}{PROHIBITED}"
    for values, kept in (((allowed, "x"), allowed), ((allowed, no), no), ((no, allowed), no)):
        xmp = packet("".join(f"<plus:DataMining>{value}</plus:DataMining>" for value in values), DECLARED)
        found, signals = in_file(in_jpeg(JPEG, xmp), SIGNALS)
        assert found == ("" if kept == allowed else f"xmp: {no}")
        assert json.loads(signals) == {"plus:DataMining": kept}


def test_an_element_that_is_closed_is_no_other_one() -> None:
    xmp = packet("<dc:rights>Ada</dc:rights>: <dc:title>all</dc:title> <xmpRights:UsageTerms/>")
    assert json.loads(in_file(in_jpeg(JPEG, xmp), SIGNALS)[1]) == {"dc:rights": "Ada"}


def test_terms_far_down_a_packet_are_not_looked_for() -> None:
    for space, found in ((RIGHTS_BYTES - 200, True), (RIGHTS_BYTES, False)):
        xmp = packet(" " * space + "<dc:rights>Ada</dc:rights>")
        body = in_png(PNG, xmp)
        assert (in_file(body, SIGNALS)[1] == "{}") is not found


def test_a_prefix_may_be_as_long_as_it_may_be() -> None:
    for letters, heard in ((64, True), (65, False)):
        prefix = "p" * letters
        xmp = packet("", f'xmlns:{prefix}="{PLUS}" {prefix}:DataMining="{VALUE}"')
        assert bool(opt_out(xmp)) is heard


def test_a_claim_is_read_where_it_is_honoured_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def claimed(body: bytes, boxes: bytes, honoured: tuple[str, ...]) -> tuple[str, dict[str, str]]:
        asked.append(honoured)
        return "c2pa: no", {"c2pa": "said"}

    monkeypatch.setattr(reserved, "claimed", claimed)
    body = PNG[:33] + png_chunk(b"caBX", b"jumb c2pa") + PNG[33:]
    assert in_file(body, ("noai", "xmp")) == ("", "{}")
    assert in_file(PNG[:33] + png_chunk(b"caBX", b"jumb") + PNG[33:], SIGNALS) == ("", "{}")
    assert asked == []
    for honoured in (("c2pa",), ("cawg", "xmp"), SIGNALS):
        assert in_file(body, honoured) == ("c2pa: no", '{"c2pa": "said"}')
    both = in_png(body, mining(PROHIBITED))
    assert in_file(both, SIGNALS)[0] == f"xmp: {VOCABULARY}{PROHIBITED}"
    assert in_file(both, ("c2pa",))[0] == "c2pa: no"
    assert json.loads(in_file(both, SIGNALS)[1])["c2pa"] == "said"


def test_values_are_bounded() -> None:
    xmp = packet(f"<dc:rights>{'x' * 9000}</dc:rights>", f'{DECLARED} plus:DataMining="{"y" * 1900}"')
    assert {len(value) for value in json.loads(in_file(in_jpeg(JPEG, xmp), SIGNALS)[1]).values()} == {256}


# --- hostile files: bounded work, no exception ----------------------------------------------------

MANY = b'<plus:DataMining a="' * 20_000


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xd8" + jpeg_segment(0xE1, b"") * (PARTS + 9),
        b"\xff\xd8" + b"\xff" * 1_000_000,
        b"\xff\xd8" + b"\0" * 1_000_000,
        in_png(PNG, MANY, compressed=True),
        in_png(PNG, b"<" * 4_000_000),
        in_png(PNG, b"xmlns:" * 500_000 + b"DataMining "),
        in_png(PNG, b"dc:rights>" * 400_000),
        in_png(PNG, b"DataMining=" + b" " * 4_000_000),
        in_png(PNG, bytes(50_000_000), compressed=True),
        PNG[:33] + png_chunk(b"tEXt", b"") * (PARTS + 9),
        b"RIFF" + bytes(1_000_000),
        b"GIF89a" + b"\x21\xff\x0bC2PA_GIF\1\0\0" + b"\1." * 100_000,
    ],
)
def test_hostile_files(body: bytes) -> None:
    assert in_file(body, SIGNALS)[0] == ""


def test_a_file_of_too_many_parts_is_searched_as_a_whole() -> None:
    padding = jpeg_segment(0xFE, b"") * (PARTS - 2)
    assert in_file(in_jpeg(JPEG[:2] + padding + JPEG[2:], mining(PROHIBITED)), SIGNALS)[0]
    behind = JPEG[:2] + padding * 2 + in_jpeg(JPEG, mining(PROHIBITED))[2:]
    assert in_file(behind, SIGNALS)[0]


def test_mentions_are_bounded() -> None:
    noise = "<x:DataMining/>"
    last = f'<plus:DataMining rdf:resource="{VALUE}"/>'
    assert opt_out(packet(noise * (MENTIONS - 1) + last, DECLARED))
    assert opt_out(packet(noise * MENTIONS + last, DECLARED)) == ""


@given(st.sampled_from([b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF8", b""]), st.binary())
def test_no_bytes_break_it(magic: bytes, rest: bytes) -> None:
    assert in_file(magic + rest, SIGNALS)[0] == ""


@given(st.binary(max_size=60))
def test_no_packet_breaks_it(rest: bytes) -> None:
    in_file(in_jpeg(JPEG, mining(PROHIBITED)[:-60] + rest), SIGNALS)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_truncation_breaks_nothing(carrier: str) -> None:
    body = CARRIERS[carrier](mining(PROHIBITED))
    for length in range(0, len(body), 97):
        in_file(body[:length], SIGNALS)
