import pytest
from hypothesis import given

from tests.strategies import TEXTS
from wit_pipeline.html.plain import LONGEST, plain


@pytest.mark.parametrize(
    ("fragment", "text"),
    [
        ("", ""),
        ("A dog &amp; a cat", "A dog & a cat"),
        ("A <i>d</i>og", "A dog"),
        ("<p>A dog</p><p>a cat</p>", "A dog a cat"),
        ("<ul><li>a<li>b</ul>", "a b"),
        ("<td>a<td>b", "a b"),
        ("a<br/>b<BR>c", "a b c"),
        ("<brave>a</brave>b", "ab"),
        ("a <span style='DISPLAY: NONE'>b <b>c</b></span>d", "a d"),
        ("<script>a</script><style>b</style>c<!-- d -->", "c"),
        ("a\n  b\u00a0c", "a b c"),
        ("1 < 2", "1 < 2"),
        ("<div style='display:none'><p style='display:none'>a</p></div>b", "b"),
        ("x" * (LONGEST + 1), "x" * LONGEST),
    ],
)
def test_plain(fragment: str, text: str) -> None:
    assert plain(fragment) == text


@given(TEXTS)
def test_nothing_raises(text: str) -> None:
    plain(text)
    plain(f"<p>{text}</p>")
