"""No markup leaks, no prose is lost, and no input is slow. Real pages: `test_wikitext_parity`."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.dumps.wikitext import plain


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("", ""),
        ("A dog.\n\nA cat.", "A dog.\nA cat."),
        # two ways to write a word, of which readers see one
        ("A -{zh-hans:计算机; zh-hant:電腦;}- b", "A 计算机 b"),
        ("A -{plain}- -{A|zh-cn:x y;zh-tw:z}- b-{T|zh:title}--{H|zh:far}- c", "A plain x y b   c"),
        ("A -{R|see this: one}- -{ open", "A see this: one -{ open"),
        # what never shows
        ("a {{cn}} b", "a   b"),
        ("{{Infobox\n| name = {{nowrap|x}}\n| y = [[z]]\n}}a", "a"),
        ("a<!-- {{ [[ -->b", "ab"),
        ("a<!-- b", "a"),
        ("dog<ref>{{cite|[[x]]}}</ref> barks", "dog  barks"),
        ("dog<ref name=x /> barks", "dog  barks"),
        ("<math>x^2</math>a<gallery>\nFile:x.jpg|y\n</gallery>", "a"),
        ("<REF>x</Ref >a", "a"),
        ("a<ref name='x'/><ref name=y>z</ref>, b", "a  , b"),
        ("a<ref>b <math>c</math> <br> d</ref>e", "a e"),
        ("<references>\n<ref name=a>b</ref>\n</references>\nc", "c"),
        ("<references/>a", "a"),
        ("a{{b|{{c|{{d}}}}|[[e|{{f}}]]}}g", "a g"),
        ("<nowiki><!--</nowiki> a <!-- b --> c", "<!-- a  c"),
        ("<syntaxhighlight lang='c'>\na < b <!--\n</syntaxhighlight>\nc", "c"),
        ("__NOTOC__a", "a"),
        # links
        ("[[dog]]s", "dogs"),
        ("[[dog|hound]]", "hound"),
        ("[[dog|the ''[[x]]'' hound]]", "the x hound"),
        ("[[dog|a [sic] hound]]", "a [sic] hound"),
        ("[[:Category:Dogs]]", "Category:Dogs"),
        ("[[Terminator 2: Judgment Day]]", "Terminator 2: Judgment Day"),
        ("a [[Category:Dogs|*]]", "a"),
        ("a [[Kategorie:Hunde]]", "a"),
        ("a [[fr:Chien]] [[simple:Dog]] [[zh-min-nan:X]]", "a"),
        ("[[fr:Chien|a French dog]]", "a French dog"),
        ("[http://x.org/a a label] b", "a label b"),
        ("[http://x.org] b http://y.org/a?b=c d", "b   d"),
        ("[http://x.org the [[dog|hound]]] b", "the hound b"),
        ("[[http://x.org a]]", "a"),
        # files: the caption is prose
        ("a [[File:x.jpg|thumb|left|200px|A [[dog|hound]] by [http://x y].]] b", "a\nA hound by y.\nb"),
        ("a [[Image:x.jpg|thumb|upright=1.2]] b", "a\nb"),
        ("a [[Datei:x.jpg]] b", "a\nb"),
        ("[[File:a.jpg|thumb|x [[File:b.jpg|20px]] y]]", "x\ny"),
        ("[[File:a.jpg|thumb|a dog]]A cat", "a dog\nA cat"),
        ("[[File:a.jpg|thumb|alt=x|A [[b|dog]]<ref>{{c|[[d]]}}</ref> of {{e|1}}.]]", "A dog  of  ."),
        ("[[Fails:a.JPG |thumb|250px|a dog]]b", "a dog\nb"),  # Latgalian, whose names we do not list
        ("a [[Kategoreja:b|c]]", "a"),
        # lines
        ("== The dog ==\n=== Its ''tail'' ===\nbarks", "The dog\nIts tail\nbarks"),
        ("a = b\nc", "a = b\nc"),
        ("- a\n---- b", "- a\nb"),
        ("; a : b\n:; c", "a : b\nc"),
        ("* a\n** b\n# c\n: d\n; e\n----\nf", "a\nb\nc\nd\ne\nf"),
        # tables are data, not prose: they go, however they nest
        ('a\n{| class="x"\n|+ title\n|-\n! b !! c\n|-\n| d || style="y" | e\n|}\nf', "a\nf"),
        ("a\n:{|\n|\n{|\n| b\n|}\n|}\nc", "a\nc"),
        ("a\n{|\n| {{x|\n{|\n| y\n|}}} || [[File:z.jpg|thumb|w]]\n|}\nb", "a\nb"),
        ("{{x|\n{|\n| [[a|{{b}}]]\n|}\n}}c", "c"),
        ("a\n{|\n| b\n|}\nc\n{|\n| d\n|}\ne", "a\nc\ne"),
        ("<table><tr><td>a</td></tr></table>b", "b"),
        # tags, quotes, entities
        ("a<br/>b <span style='x'>c</span> <div>d</div>", "a\nb c\nd"),
        ("'''The dog''' is ''good'' and '''''big'''''", "The dog is good and big"),
        ("''Titanic'''s captain", "Titanic's captain"),
        ("'''Titanic'''", "Titanic"),
        ("a&nbsp;b &amp; c &lt;d&gt; &#233;", "a\xa0b & c <d> é"),
        ("<nowiki>[[a]] ''b''</nowiki> <pre>{{c}}</pre>", "[[a]] ''b'' {{c}}"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        # mistakes cost a bracket, not the article
        ("{{Infobox a b", "Infobox a b"),
        ("a }} b", "a   b"),
        ("[[dog a", "dog a"),
        ("a<ref>b", "a b"),
        ("a\n{| class='x'\n|-\n! scope='col' | b\n| style='y' | c\nd", "a\nd"),
        ("{{Infobox\n| a = b\n| c = [[d]]\nThe dog", "Infobox\nThe dog"),
        ("a\n| b\n|}\nc |} d", "a\nc   d"),
        ("{{a\n[[b\n<ref>c\n{| d\n'''e", "a\nb\nc\ne"),
        ("a<ref>b [[c<ref>d</ref> e", "a b  c  e"),
        ("a</ref> b", "a  b"),
        ("<math>a", "a"),
        ("<gallery>\nFile:a.jpg|b", "File:a.jpg|b"),
        ("[[File:a.jpg|thumb|b", "File:a.jpg|thumb|b"),
        (f"&#{'9' * 5000};a", "a"),
    ],
)
def test_markup_becomes_text(wikitext: str, text: str) -> None:
    assert plain(wikitext) == text


MARKS = [
    "[[", "]]", "{{", "}}", "{|", "|}", "|-", "||", "|", "<ref>", "</ref>", "<!--", "-->", "''", "'''", "]",
    "<br>", "File:", "Category:", "<div", ">", "dog", "\n|", "\n!", "\n==", "==\n", "\n*", "[http://x ", " ",
    "\n{|", "\n|}", "{", "}", "[", "<table>", "</table>", "fr:", "__TOC__", "http://x",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(MARKS), max_size=40).map("".join)


@given(SOUP)
def test_no_bracket_or_element_ever_leaks(wikitext: str) -> None:
    text = plain(wikitext)
    for mark in ("[[", "]]", "{{", "}}", "''", "<!--", "<ref>", "<br>"):
        assert mark not in text
    assert text == text.strip()


@given(st.text(max_size=100))
def test_any_text_gives_a_text(wikitext: str) -> None:
    plain(wikitext)


@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=20))
def test_prose_is_left_alone(prose: list[str]) -> None:
    assert plain(" ".join(prose)) == " ".join(prose)


HOSTILE = [
    "{{", "}}", "[[", "]]", "[", "[http:a", "[[a|", "<ref>", "<ref", "<!--", "=", "''", "'", "|", "&", "&#1",
    "a", "[[File:a|", "{|", "[a]", "x'''s", "<nowiki>", "\n", "\n|", "\n=", "</ref ", "<a ", "= ", " ", "-{",
]  # fmt: skip


def test_namespaces_are_called_what_the_dump_says() -> None:
    names = {"mynd": 6, "flokkur": 14, "wp mynd": 6}
    wikitext = "A [[Mynd:a|thumb|a dog]] b [[Flokkur:Dogs]] [[WP_mynd:x|c]] [[Gátt:Dogs|d]]"
    assert plain(wikitext, names) == "A\na dog\nb\nc\nd"
    assert plain(wikitext) == "A thumb|a dog b Flokkur:Dogs c d"


@pytest.mark.parametrize("mark", HOSTILE)
@pytest.mark.parametrize("head", ["", "-{", "[[", "[http:", "{{", "<ref", "[[File:x|"])
def test_time_grows_with_the_length_alone(head: str, mark: str) -> None:
    """A quadratic pass over this much would take minutes; a linear one takes milliseconds."""
    wikitext = head + mark * (200_000 // len(mark))
    start = time.process_time()
    plain(wikitext)
    assert time.process_time() - start < 1
