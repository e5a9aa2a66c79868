import pytest

from wit_pipeline.sources.lists.config import ListSource
from wit_pipeline.sources.lists.names import FIELDS, KNOWN, headerless, is_url, plain, recognise

UNNAMED = dict.fromkeys(FIELDS, "")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        # LAION-400M, LAION-5B
        (
            "SAMPLE_ID URL TEXT HEIGHT WIDTH LICENSE NSFW similarity",
            {"url": "URL", "text": "TEXT", "license": "LICENSE"},
        ),
        (
            "URL TEXT WIDTH HEIGHT similarity LANGUAGE hash pwatermark punsafe",
            {"url": "URL", "text": "TEXT", "language": "LANGUAGE"},
        ),
        # COYO-700M
        ("id url text width height image_phash text_length word_count", {"url": "url", "text": "text"}),
        # DataComp
        ("uid url text original_width original_height", {"url": "url", "text": "text"}),
        # img2dataset
        ("key url caption status width height", {"url": "url", "text": "caption"}),
        # Carnegie Museum of Art
        (
            "id title creation_date medium credit_line web_url image_urls",
            {"url": "image_urls", "text": "title", "attribution": "credit_line", "page_url": "web_url"},
        ),
        # Open Images
        (
            "ImageID OriginalURL OriginalLandingURL License AuthorProfileURL Author Title",
            {
                "url": "OriginalURL",
                "text": "Title",
                "page_url": "OriginalLandingURL",
                "license": "License",
                "attribution": "Author",
            },
        ),
        # RedCaps
        (
            "image_id author url raw_caption caption permalink",
            {"url": "url", "text": "caption", "attribution": "author", "page_url": "permalink"},
        ),
        # blanks, dashes and case do not count; the first of two that are alike is taken
        ("Image-URL image_url ALT_TEXT", {"url": "Image-URL", "text": "ALT_TEXT"}),
        ("bild beschreibung", {}),
    ],
)
def test_published_columns_are_recognised(columns: str, expected: dict[str, str]) -> None:
    assert {field: name for field, name in recognise(columns.split(), UNNAMED).items() if name} == expected


def test_what_the_recipe_names_is_preferred() -> None:
    found = recognise(["url", "src", "text"], {**UNNAMED, "url": "src"})
    assert (found["url"], found["text"]) == ("src", "text")


def test_no_known_name_stands_for_two_fields() -> None:
    names = [plain(name) for known in KNOWN.values() for name in known]
    assert len(names) == len(set(names))
    assert tuple(KNOWN) == FIELDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a.test", True),
        (" HTTPS://a.test/1", True),
        ("http://", False),
        ("ftp://a.test", False),
        ("see http://a.test", False),
        ("", False),
    ],
)
def test_what_a_url_is(text: str, expected: bool) -> None:
    assert is_url(text) == expected


A, B = "http://a.test/1.jpg", "http://a.test/2.jpg"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[A], [B]], ["url"]),
        ([["a dog", A], ["a cat", B]], ["text", "url"]),  # CC3M
        ([[A, "a dog"], [B, "a cat"]], ["url", "text"]),  # CC12M
        ([["http://a.test/page", A, "a dog"]], ["column 1", "url", "text"]),
        (
            [["17", A, "CC BY 4.0", "dog"], ["18", B, "CC BY 4.0", "a red cat"]],
            ["column 1", "url", "column 3", "text"],
        ),
        ([["f1a2", A, "dog"], ["b3", B, "cattle"]], ["column 1", "url", "text"]),
        ([[A, "17"], [B, "18"]], ["url", "column 2"]),
        ([[A, ""], ["UNLIKELY"], [B, "a dog"]], ["url", "text"]),
    ],
)
def test_columns_without_a_header(rows: list[list[str]], expected: list[str]) -> None:
    assert headerless(rows) == tuple(expected)


@pytest.mark.parametrize(
    ("columns", "fields", "message"),
    [
        (("a", "b"), {}, r"columns lack 'url' or 'text': a, b"),
        (("url", "b"), {}, r"columns lack 'text': url, b"),
        (("url", "text"), {"text": "alt"}, r"columns lack 'alt': url, text"),
        (("a", "b"), {"url": "a", "text": "b"}, None),
        (("url", "caption"), {}, None),
    ],
)
def test_columns_of_a_recipe_must_hold_a_url_and_a_text(
    columns: tuple[str, ...], fields: dict[str, str], message: str | None
) -> None:
    if message is None:
        assert ListSource(path=("x",), columns=columns, **fields).columns == columns  # type: ignore[arg-type]
    else:
        with pytest.raises(ValueError, match=message):
            ListSource(path=("x",), columns=columns, **fields)  # type: ignore[arg-type]
