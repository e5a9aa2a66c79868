import pytest

from wit_pipeline.html.media import charset_of


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html", ""),
        ("text/html;charset=UTF-8", "utf-8"),
        ("text/html; charset = 'latin-1'; x", "latin-1"),
    ],
)
def test_the_charset_of_a_content_type(content_type: str, charset: str) -> None:
    assert charset_of(content_type) == charset
