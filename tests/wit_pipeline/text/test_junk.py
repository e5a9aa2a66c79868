"""Texts that are no captions, and texts that look like them and are."""

import json
from pathlib import Path

import pytest

from wit_pipeline.text import junk
from wit_pipeline.text.caption import CaptionConfig, reject_junk


@pytest.mark.parametrize(
    "name",
    [
        "IMG_2041.jpg", "DSC00042", "DSC_0042", "20160716 113957.JPG", "2016-07-16", "a dog.png",
        "abcd-efgh-1234", "Screenshot 2019-05-05", "image001", "photo 12", "P1010023", "download (1).jpg",
        "12,345 (2)",
    ],
)  # fmt: skip
def test_file_names(name: str) -> None:
    assert junk.is_file_name(name)


@pytest.mark.parametrize(
    "caption",
    ["A dog, 2016", "Image of 3 dogs", "Boeing 747", "route 66 sign", "photograph", "the .jpg explained"],
)
def test_no_file_names(caption: str) -> None:
    assert not junk.is_file_name(caption)


@pytest.mark.parametrize(
    "date",
    [
        "12 March 2014", "March 12th, 2014", "Sat, 12 Mar 2014 10:30 PM", "2014-03-12T10:30:00Z", "12/3/14",
        "July 4", "on the 4th of July 2014",
    ],
)  # fmt: skip
def test_dates(date: str) -> None:
    assert junk.is_date(date)


@pytest.mark.parametrize(
    "caption", ["March", "May the 4th be with you", "12 monkeys", "Sunday", "1966", "", "7 of spades"]
)
def test_no_dates(caption: str) -> None:
    assert not junk.is_date(caption)


@pytest.mark.parametrize(
    "text",
    [
        "OLYMPUS DIGITAL CAMERA", "SONY DSC", "KODAK Digital Still Camera", "SAMSUNG CAMERA PICTURES",
        "Exif_JPEG_PICTURE", "Nikon D90", "Canon EOS 5D Mark II, EF 24-70mm f/2.8L, 1/125s, ISO 200",
        "f/8, 1/250, ISO100", "DCIM100MEDIA", "Processed with VSCO with a6 preset", "50mm f1.8",
        "CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90",
    ],
)  # fmt: skip
def test_cameras(text: str) -> None:
    assert junk.is_camera(text)


@pytest.mark.parametrize(
    "caption",
    [
        "Canon in D by Pachelbel", "a man with a digital camera and a dog", "Sony in Tokyo", "iso",
        "shot with my Nikon D90 at the beach", "the 50mm shell at the museum", "",
    ],
)  # fmt: skip
def test_no_cameras(caption: str) -> None:
    assert not junk.is_camera(caption)


@pytest.mark.parametrize(
    "text",
    [
        "Image may contain: 1 person, outdoor", "No photo description available.", "Click to enlarge",
        "Logo", "May be an image of 2 people and people standing", "click on the image to see it full size",
        "Loading...", "image 3 of 12", "View larger image", "Photo #7", "Read more", "Figure 3",
        "profile picture", "This image has an empty alt attribute; its file name is",
        "{title}", "{0}", "%s", "%1$s", "@Model.Title", "@(Model.Title)", "No data", "$title", "$item->title",
        "$row['title']", "#item.title#", "__title__",
    ],
)  # fmt: skip
def test_boilerplate(text: str) -> None:
    assert junk.is_boilerplate(text)


@pytest.mark.parametrize(
    "caption",
    [
        "a logo on a wall", "View of the harbour", "Figure 3: the heart of a frog", "open window", "",
        "loading hay onto a wagon in the fields", "an image of a dog", "click beetle on a leaf",
        "home of the brave", "$100", "#1", "100%", "# heading #", "@someone", "{\\displaystyle x}", "a {0} b",
        "@model.agency on the beach", "no data centre burns here",
    ],
)  # fmt: skip
def test_no_boilerplate(caption: str) -> None:
    assert not junk.is_boilerplate(caption)


@pytest.mark.parametrize(
    ("caption", "share"),
    [
        ("http://a.test/1", 1.0),
        ("see https://a.test/x now", 16 / 24),
        ("example.org", 1.0),
        ("St. Louis, Mo. and e.g. this", 0.0),
        ("", 0.0),
    ],
)
def test_web_addresses(caption: str, share: float) -> None:
    assert junk.url_share(caption) == pytest.approx(share)


@pytest.mark.parametrize(
    "unit",
    ["a.", "a-1 ", "1", "camera ", "click ", "view of ", "www.", "f/1", "image may", "-", "iso ", "{%", "[%",
     "*|A", "${", "{{", "[[a", "<%", "@Model.", "__A", "$a[b", "/undefined"],
)  # fmt: skip
def test_no_text_takes_long(unit: str) -> None:
    """Each test goes through a text a few times at most: with a square of its length it would take hours."""
    text = (unit * 100_000)[:100_000]
    assert isinstance(junk.url_share(text), float)
    for test in (junk.is_file_name, junk.is_date, junk.is_camera, junk.is_boilerplate, junk.is_no_address):
        assert test(text) in (True, False)


def test_people_do_not_write_like_that(real_data: Path) -> None:
    """Of captions that people were asked to write, next to none is taken for something else."""
    coco = json.loads((real_data / "captions_text/coco/captions_val2017.json").read_text())["annotations"]
    museum = (real_data / "url_caption_lists/cmoa_teenie/teenie_4000.jsonl").read_text().splitlines()
    captions = [row["caption"].strip() for row in coco] + [json.loads(line)["title"] for line in museum]
    taken = [text for text in captions if text and reject_junk(text, CaptionConfig())]
    assert len(taken) <= 1, taken
