import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.web import JPEG, PICTURES, encoded
from wit_pipeline.pictures.image import ImageError, decode
from wit_pipeline.pictures.named import name
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

SMALL = Image.new("RGB", (9, 9))


def boxed(*brands: bytes) -> bytes:
    return (
        (16 + 4 * len(brands[1:])).to_bytes(4, "big") + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    )


NAMED = {
    "BMP": [encoded(SMALL, "BMP")],
    "TIFF": [encoded(SMALL, "TIFF"), b"MM\0*" + bytes(9)],
    "ICO": [encoded(SMALL, "ICO")],
    "JPEG 2000": [encoded(SMALL, "JPEG2000")],
    "JPEG XL": [b"\xff\x0a" + bytes(9), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), boxed(b"jxl ", b"jxl ")],
    "JPEG XR": [b"II\xbc\1" + bytes(9)],
    "HEIC": [boxed(b"heic", b"mif1", b"heic"), boxed(b"mif1", b"mif1", b"heic"), boxed(b"hevc", b"msf1")],
    "HEIF": [boxed(b"mif1", b"mif1", b"miaf")],
    "MP4 video": [boxed(b"isom", b"isom", b"mp41"), boxed(b"mp42")],
    "QuickTime video": [boxed(b"qt  ", b"qt  ")],
    "DDS": [encoded(SMALL, "DDS")],
    "PNM": [encoded(SMALL, "PPM")],
    "SGI": [encoded(SMALL, "SGI")],
    "Photoshop file": [b"8BPS\0\1"],
    "PDF": [b"%PDF-1.7\n"],
    "PostScript": [b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    "SVG": [
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG" "a">\n<svg>',
        b'<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;">]><svg>&b;</svg>',
    ],
    "HTML page": [
        b"<!doctype html><title>404</title>",
        b"\n\n  <HTML><body>",
        b"<!-- a --><head>",
        b"\xff\xfe" + "<html>".encode("utf-16-le"),
        b'<script>location="/"</script>',
        b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html>',
    ],
    "XML": [b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"],
    "JSON": [b'{"error": "not found"}', b"\n[1]"],
    "text": [b"Not found", b"a < b and c"],
    "gzip": [gzip.compress(JPEG)],
    "ZIP": [b"PK\3\4" + bytes(20)],
    "WebM or Matroska video": [b"\x1aE\xdf\xa3" + bytes(9)],
    "AVI video": [b"RIFF\0\0\0\0AVI LIST"],
    "WAV sound": [b"RIFF\0\0\0\0WAVEfmt "],
    "zeros": [bytes(5000)],
    "no bytes at all": [b""],
    "unknown bytes": [b"\x80\4\0\1\2", b"\xff"],
}


@pytest.mark.parametrize("expected", NAMED)
def test_what_is_refused_is_named(expected: str) -> None:
    for body in NAMED[expected]:
        assert name(body) == expected
        with pytest.raises(ImageError) as caught:
            decode(body, CrawlConfig())
        detail = f"{expected}, which is not among JPEG, PNG, GIF, WEBP, AVIF"
        assert (caught.value.reason, caught.value.detail) == (Reason.UNSUPPORTED_FORMAT, detail)


@pytest.mark.parametrize(
    ("picture", "format"),
    [("jpeg", "JPEG"), ("png", "PNG"), ("gif", "GIF"), ("webp", "WEBP"), ("avif", "AVIF")],
)
def test_a_format_that_the_recipe_leaves_out_is_named(picture: str, format: str) -> None:
    others = tuple(known for known in CrawlConfig().formats if known != format)
    with pytest.raises(ImageError) as caught:
        decode(PICTURES[picture], CrawlConfig(formats=others))
    assert caught.value.detail == f"{format}, which is not among {', '.join(others)}"
    with pytest.raises(ImageError) as caught:
        decode(PICTURES[picture][:40], CrawlConfig())
    assert caught.value.reason == Reason.DECODE_ERROR


@given(st.binary(max_size=300) | st.text(max_size=99).map(str.encode))
def test_no_bytes_are_without_a_name(body: bytes) -> None:
    assert name(body)
