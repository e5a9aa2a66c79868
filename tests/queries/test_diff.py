"""What a newer list changes, in lines that a shell can cut."""

from queries.diff import diff, lines, provenance
from wit_pipeline.vocabulary.records import Kind, Query


def query(name: str, kind: Kind = Kind.WORD, count: int = 5, language: str = "") -> Query:
    return Query(
        query_id=0,
        query=name,
        kind=kind,
        count=count,
        document_count=2,
        sources=(str(kind),),
        language=language,
    )


OLD = [query("dog"), query("cat"), query("ice cream", Kind.SYNSET)]
NEW = [query("dog", count=7), query("ice cream", Kind.BIGRAM), query("emu")]


def test_every_change_is_told_once() -> None:
    found = diff(OLD, NEW)
    assert ([item.query for item in found.added], [item.query for item in found.removed]) == (
        ["emu"],
        ["cat"],
    )
    assert [(was.kind, now.kind) for was, now in found.moved] == [(Kind.SYNSET, Kind.BIGRAM)]
    assert list(lines(found)) == [
        "1 added, 1 removed, 2 kept, of which 1 under another source",
        "+\temu\tword\t\t5 times in 2 articles",
        "-\tcat\tword\t\t5 times in 2 articles",
        "~\tice cream\tsynset -> bigram\t\t5 times in 2 articles",
    ]


def test_a_list_differs_from_itself_in_nothing() -> None:
    assert list(lines(diff(OLD, OLD))) == ["0 added, 0 removed, 3 kept, of which 0 under another source"]


def test_each_source_has_its_word() -> None:
    told = list(
        provenance(
            Query(
                query_id=3, query="new york", kind=Kind.BIGRAM, count=1480, document_count=44, npmi=0.8261,
                pmi=9.63, llr=1995.4, views=9987, title="New York (state)", lemma="New York",
                sources=("bigram", "title", "synset"),
            )
        )
    )  # fmt: skip
    assert told == [
        "  bigram  1,480 times in 44 articles; NPMI 0.826, PMI 9.6 bits, G² 1,995",
        "   title  9,987 views of 'New York (state)'",
        "  synset  WordNet's 'New York'",
    ]


def test_a_text_in_two_lists_is_two_queries() -> None:
    old = [query("die", language="en"), query("die", language="de")]
    new = [query("die", language="en"), query("in", language="de")]
    found = diff(old, new)
    assert [(item.language, item.query) for item in found.added] == [("de", "in")]
    assert [(item.language, item.query) for item in found.removed] == [("de", "die")]
    assert found.kept == 1


def test_a_list_of_an_earlier_release_names_no_language() -> None:
    found = diff([query("die")], [query("die", language="en")])
    assert (found.added, found.removed, found.kept) == ([], [], 1)
