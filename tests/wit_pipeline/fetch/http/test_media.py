"""MIME types as WHATWG parses them; the cases are what web-platform-tests try (mimesniff/mime-types)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.fetch.http.media import charset_of, looks_like_page, media_type


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("text/html", ""),
        ("text/html;charset=UTF-8", "utf-8"),
        ("text/html; charset = 'latin-1'; x", "latin-1"),
        ("text/html charset=gbk", "gbk"),  # no type, and yet it says so
    ],
)
def test_the_charset_of_a_content_type(content_type: str, charset: str) -> None:
    assert charset_of(content_type) == charset


@pytest.mark.parametrize(
    ("content_type", "essence", "charset"),
    [
        ("text/html;charset=gbk", "text/html", "gbk"),
        ("TEXT/HTML;CHARSET=GBK", "text/html", "gbk"),
        ("text/html;x=(;charset=gbk", "text/html", "gbk"),
        ("text/html;charset=gbk;charset=windows-1255", "text/html", "gbk"),
        ("text/html ;charset=gbk", "text/html", "gbk"),
        ("text/html; charset=gbk", "text/html", "gbk"),
        ("text/html;test;charset=gbk", "text/html", "gbk"),
        ("text/html;test=;charset=gbk", "text/html", "gbk"),
        ("text/html;';charset=gbk", "text/html", "gbk"),
        ('text/html;";charset=gbk', "text/html", "gbk"),
        ("text/html ; ; charset=gbk", "text/html", "gbk"),
        ("text/html;;;;charset=gbk", "text/html", "gbk"),
        ('text/html;charset="gbk"', "text/html", "gbk"),
        ('text/html;charset="gbk', "text/html", "gbk"),
        ('text/html;charset="\\g\\b\\k"', "text/html", "gbk"),
        ('text/html;charset="gbk"x', "text/html", "gbk"),
        ("x/x;test", "x/x", ""),
        ("text/html;", "text/html", ""),
        ("application/xhtml xml", "", ""),
        ("", "", ""),
        ("\t", "", ""),
        ("bogus", "", ""),
        ("bogus/", "", ""),
        ("bogus/ ", "", ""),
        ("bogus/bogus/;", "", ""),
        ("</>", "", ""),
        ("(/)", "", ""),
        ("text/html(;x=y", "", ""),
        ("\u0100/\u0100", "", ""),
        ("text/html charset=utf-8", "", ""),
        ("text/html:charset=utf-8", "", ""),
        ('"text/html"', "", ""),
        # several headers, or several in one: Fetch's "extract a MIME type"
        ("text/plain, text/html", "text/html", ""),
        ("text/html;charset=gbk, text/html", "text/html", "gbk"),
        ("text/html;charset=gbk, text/plain;a=b, text/html", "text/html", ""),
        ("text/html,utf-8", "text/html", ""),
        ("text/html, */*", "text/html", ""),
        ('text/html;a=",image/png", x', "text/html", ""),
    ],
)
def test_a_type_is_parsed_and_not_compared(content_type: str, essence: str, charset: str) -> None:
    assert media_type(content_type) == (essence, charset)


@given(st.text('text/html;, charset="=\\* \t'))
def test_any_header_has_a_type_or_none(content_type: str) -> None:
    essence, _ = media_type(content_type)
    assert essence.count("/") == (1 if essence else 0)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"<!DOCTYPE html>", True),
        (b" \n<!-- made by -->", True),
        (b"\xef\xbb\xbf<HTML lang=en>", True),
        (b"<p>A paragraph", True),
        (b"<param name=x>", False),
        (b"Warning: mysql_connect()\n<html><body>", True),
        (b"<?xml version='1.0'?><svg>", False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_what_begins_like_a_page(body: bytes, found: bool) -> None:
    assert looks_like_page(body) == found
