import pytest

from wit_pipeline.fetch.groups import appears, grouped, is_page, lines_of


@pytest.mark.parametrize(
    ("body", "does"),
    [
        (b"User-agent: *", True),
        (b"# ours\n\n  disallow : /", True),
        (b"Content-Usage: train-ai=n", True),
        ("User-agent: *".encode("utf-16"), True),
        (b"a page about robots", False),
        (b"", False),
        (b"Disallow: /\0\1", False),  # grammar, and no text
        (b"\xff\xfe\xfd\xfc", False),
        (b"\x80\x81 not text\nDisallow: /", False),
        (b"\1\2", False),
    ],
)
def test_whether_a_robots_txts_grammar_appears(body: bytes, does: bool) -> None:
    assert appears(body) is does


def test_a_page_shows_at_its_beginning() -> None:
    assert is_page(b" " * 4000 + b"<html>")
    assert not is_page(b" " * 4096 + b"<html>")
    assert not is_page(b"User-agent: *\n<html>")


def test_a_line_before_any_name_is_of_no_group() -> None:
    lines = lines_of(b"Allow: /a\nUser-agent: x\nUser-agent: us\nAllow: /b\nUser-agent: *\nAllow: /c")
    found = [(line.text, sorted(line.groups)) for line in grouped(lines, {"us": "us"})]
    assert found == [("Allow: /a", []), ("Allow: /b", ["us", "~"]), ("Allow: /c", ["*"])]
