import pytest
from hypothesis import given
from hypothesis import strategies as st

from wit_pipeline.html.srcset import MOST, candidates, largest


@pytest.mark.parametrize(
    ("srcset", "url"),
    [
        ("", ""),
        ("a.jpg", "a.jpg"),
        ("a.jpg 1x, b.jpg 2x", "b.jpg"),
        ("a.jpg 320w, b.jpg 1024w, c.jpg 640w", "b.jpg"),
        ("a.jpg 320w,b.jpg 640w", "b.jpg"),
        ("a.jpg, b.jpg 1.5x", "b.jpg"),
        ("a.jpg 2x, b.jpg 2x", "a.jpg"),  # the first of equals
        ("w_320,h_200/a.jpg 320w, w_640,h_400/b.jpg 640w", "w_640,h_400/b.jpg"),  # commas within URLs
        ("a.jpg,b.jpg 2x", "a.jpg,b.jpg"),  # no blank, one URL
        ("data:image/png;base64,AA== 1x, b.jpg 2x", "b.jpg"),
        ("  ,, \n a.jpg\t2x ,", "a.jpg"),
        ("a.jpg 3q, b.jpg 1x", "b.jpg"),  # no descriptor: left out
        ("a.jpg (x, 9w), b.jpg 1x", "b.jpg"),  # brackets hold commas
        ("a.jpg 100w 50h", "a.jpg"),
        ("a.jpg -1x", ""),
        ("a.jpg 9999999999w, b.jpg", "b.jpg"),
        ("a.jpg .5x", "a.jpg"),
    ],
)
def test_the_largest_candidate(srcset: str, url: str) -> None:
    assert largest(srcset) == url


@given(st.text(alphabet="ab,() \n123wx.", max_size=40))
def test_any_srcset_gives_urls_without_blanks(srcset: str) -> None:
    for url, width, density in candidates(srcset):
        assert url
        assert not any(letter.isspace() for letter in url)
        assert min(width, density) >= 0


def test_a_srcset_is_looked_at_so_far() -> None:
    assert len(list(candidates("a 1x, " * (MOST + 5)))) == MOST
    assert largest("," * 1_000_000) == ""
    assert largest("a " + "(" * 1_000_000) == ""
