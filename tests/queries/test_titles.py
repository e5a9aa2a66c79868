"""Titles come to one spelling, and to what they name; views come to the thing that was meant."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.dumps.namespaces import NUMBERS
from queries.titles import MAX_TITLE, Title, article_title, canonical, named, rank

TITLES = st.text(st.one_of(st.sampled_from("%0124aAeE_ :#\u200e\u00a0(ßǆა"), st.characters()), max_size=24)
COUNTS = st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 9), max_size=8)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("mercury_(planet)", "Mercury (planet)"),
        ("_Red__panda_", "Red panda"),
        ("Red\u00a0\u3000panda\u200e", "Red panda"),
        (":Category:Dogs", "Category:Dogs"),
        ("Caf%C3%A9", "Café"),
        ("Caf%c3%a9", "Café"),
        ("Caf%25C3%25A9", "Café"),
        ("Caf%E9", "Caf%E9"),
        ("100%", "100%"),
        ("50%_off", "50% off"),
        ("Dog#History", "Dog"),
        ("Dog%23History", "Dog"),
        ("#MeToo", ""),
        ("éclair", "Éclair"),
        ("ßeta", "ßeta"),
        ("ŉ", "ŉ"),
        ("საქართველო", "საქართველო"),
        ("iPhone", "IPhone"),
        ("", ""),
        ("_", ""),
        ("d" + "o" * (MAX_TITLE - 1), "D" + "o" * (MAX_TITLE - 1)),
        ("d" + "o" * MAX_TITLE, ""),
    ],
)
def test_a_title_has_one_spelling(title: str, expected: str) -> None:
    assert canonical(title) == expected


@given(TITLES)
def test_what_is_canonical_stays(title: str) -> None:
    assert canonical(canonical(title)) == canonical(title)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Mercury (planet)", "Mercury"),
        ("Sense (film)", "Sense"),
        ("!!! (band)", "!!!"),
        ("F(x) (group)", "F(x)"),
        ("Asur (Hindi (web) series)", "Asur"),
        ("( ) (album)", "( )"),
        ("The Flash (film) (soundtrack)", "The Flash (film)"),
        ("Paris, Texas", "Paris, Texas"),
        ("(I Can't Get No) Satisfaction", "(I Can't Get No) Satisfaction"),
        ("Iron(II) oxide", "Iron(II) oxide"),
        ("F(x)", "F(x)"),
        ("(Film)", "(Film)"),
        ("Smile :(", "Smile :("),
        ("Odd (one", "Odd (one"),
        ("", ""),
    ],
)
def test_a_title_names_what_stands_before_its_disambiguator(title: str, expected: str) -> None:
    assert named(title) == expected


@pytest.mark.parametrize(
    "title",
    [
        "Dog", "Star Trek: First Contact", "2001: A Space Odyssey", "CSI: Crime Scene Investigation",
        "NCIS: Origins", "XXX: Return of Xander Cage", "Spider-Man: No Way Home", "Help!",
        "Talk (software)", "User interface", "Node.js", "Robots.txt", "Wikipedia", "NaN", "W", "100%",
        "Listing", "A List of Names", "AC/DC", "...And Justice for All", "Hi-5", ".xxx", "東京",
    ],
)  # fmt: skip
def test_an_article_about_a_thing_stays(title: str) -> None:
    assert article_title(title, NUMBERS)


@pytest.mark.parametrize(
    "title",
    [
        "", "-", "Main Page", "Hauptseite", "Заглавная страница", "Undefined", "404.php", "Index.html",
        "Wiki", "Special:Search", "Wikipedia:Featured pictures", "User talk:Ann", "File:Dog.jpg",
        "Help : IPA/English", "Portal:Current events", "WP:NPOV", "Image:Dog.jpg", "Talk:Dog",
        "Fr:Chien", "Simple:Dog", "Wikt:dog", "List of dogs", "Lists of films", "Outline of music",
        "Index of physics articles", "Timeline of Rome", "Deaths in 2023", "Mercury (disambiguation)",
        "Merkur (Begriffsklärung)", "Caf%E9", "A<b>", "{{Dog}}", "[[Dog]]", "Dog|Cat", "A\x00", "..",
        "./Dog", "Dog\ufffd",
    ],
)  # fmt: skip
def test_what_is_no_article_about_a_thing_is_dropped(title: str) -> None:
    assert not article_title(title, NUMBERS)


def test_the_namespaces_are_the_callers() -> None:
    assert article_title("Discussion:Chien", NUMBERS)
    assert not article_title("Discussion:Chien", {"discussion"})


VIEWS = [
    ("Mercury (planet)", 6),
    ("Mercury (element)", 5),
    ("MERCURY", 4),
    ("Dog", 9),
    ("Cat", 9),
    ("!!! (band)", 50),
]


def test_titles_that_name_the_same_are_one_query() -> None:
    assert rank([*VIEWS, ("Mercury (element)", 2)], 0, 0) == [
        Title(title="Mercury (element)", query="mercury", views=17),
        Title(title="Cat", query="cat", views=9),
        Title(title="Dog", query="dog", views=9),
    ]


@pytest.mark.parametrize(
    ("min_views", "budget", "expected"),
    [
        (9, 0, ["mercury", "cat", "dog"]),
        (10, 0, ["mercury"]),
        (15, 0, ["mercury"]),
        (16, 0, []),
        (0, 2, ["mercury", "cat"]),
        (0, 9, ["mercury", "cat", "dog"]),
    ],
)
def test_both_bounds_cut_the_ranking(min_views: int, budget: int, expected: list[str]) -> None:
    assert [title.query for title in rank(VIEWS, min_views, budget)] == expected


def test_of_titles_viewed_alike_the_first_by_alphabet_is_named() -> None:
    for order in permutations([("Cat (film)", 3), ("CAT", 3), ("Cat (song)", 3)]):
        assert rank(order, 0, 0) == [Title(title="CAT", query="cat", views=9)]


@given(st.permutations([*VIEWS, ("Dog (film)", 9), ("DOG", 2), ("Dog", 3)]))
def test_a_ranking_does_not_depend_on_the_order(views: list[tuple[str, int]]) -> None:
    assert rank(views, 3, 3) == rank([*VIEWS, ("Dog (film)", 9), ("DOG", 2), ("Dog", 3)], 3, 3)
