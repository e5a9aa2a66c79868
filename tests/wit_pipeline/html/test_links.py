import pytest

from wit_pipeline.html.links import links

HERE = "http://a.test/dir/page.html"


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ("<a href=1>x</a><a href=/2>", ["http://a.test/dir/1", "http://a.test/2"]),
        ("<a href=1><a href=1#x><a href='#x'>", ["http://a.test/dir/1", HERE]),
        ("<a href=mailto:x@y><a href=javascript:x><a href=data:x><a href><a>", []),
        ("<a rel='x NoFollow' href=1><a rel=license href=2>", ["http://a.test/dir/2"]),
        ("<a href=1><base href=http://b.test/>", ["http://b.test/1"]),
        ("<link href=1 rel=license><area href=2>", []),
        ("<a href=1><meta name=robots content='index, NOFOLLOW'>", []),
        ("<a href=1><meta name=robots content=none>", []),
        ("<a href=1><meta name=robots content=noindex>", ["http://a.test/dir/1"]),
        ("<a href='http://[/'><a href=http://é.test/x>", ["http://é.test/x"]),
        ("<!--<a href=1>--><script><a href=2></script>", []),
        ("", []),
    ],
)
def test_where_a_page_links_to(html: str, found: list[str]) -> None:
    assert links(html.encode(), HERE) == found


def test_a_page_in_another_encoding() -> None:
    assert links("<a href=é>".encode("latin-1"), HERE, "latin-1") == ["http://a.test/dir/é"]
