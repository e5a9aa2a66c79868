"""The query list as a job: from dumps, page views and WordNet, the same bytes whoever does the work."""

import bz2
import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.engine import progress
from beam_jobs.stages import query_units
from queries import ids, store, tally
from queries.dumps.wikipedia import Page, article, pages
from queries.dumps.wikitext import plain
from wit_pipeline.text.segments import segmented
from wit_pipeline.text.text import phrases
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.records import Kind

DATA = Path(__file__).parents[4] / "shared" / "data"
DUMP = "wiki_dumps/gensim/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the sample data are not here")

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
<siteinfo><namespaces><namespace key="0"/><namespace key="10">Template</namespace></namespaces></siteinfo>
"""
PAGE = """<page><title>{title}</title><ns>{ns}</ns><id>{id}</id>{redirect}
<revision><id>1</id><text>{text}</text></revision></page>
"""


def page(number: int, title: str, text: str, ns: int = 0, redirect: str = "") -> str:
    mark = f'<redirect title="{redirect}"/>' if redirect else ""
    return PAGE.format(title=title, ns=ns, id=number, text=text, redirect=mark)


PAGES = [
    *(
        page(i, f"Dog {i}", f"The red dog no {i} saw ''New York'' [[Boston|today]]. " * 3)
        for i in range(1, 40)
    ),
    page(40, "Puppy", "#REDIRECT [[Dog]]", redirect="Dog"),
    page(41, "Red (disambiguation)", "Red may be:"),
    page(42, "Template:Red", "template text", ns=10),
    *(page(i, f"Cat {i}", f"A blue cat, at home – no {i}. Ice cream! ") for i in range(43, 60)),
]
VIEWS = """en Dog 90 0
en Puppy 15 0
en.m Dog 10 0
de Dog 999 0
en Mercury_(planet) 70 0
en Mercury_(element) 40 0
en Special:Search 5000 0
en Main_Page 9000 0
en Broken_row
en Ice_cream 30 0
en Rare_thing 2 0
"""


def whole_dump() -> str:
    return HEAD + "".join(PAGES) + "</mediawiki>\n"


def multistream(folder: Path, pages_a_stream: int = 10) -> None:
    """A multistream dump and its index, as Wikimedia lays them out."""
    streams = [
        "".join(PAGES[start : start + pages_a_stream]) for start in range(0, len(PAGES), pages_a_stream)
    ]
    body, lines = bz2.compress(HEAD.encode()), []
    for number, stream in enumerate(streams):
        first = number * pages_a_stream
        lines += [f"{len(body)}:{first + i + 1}:Title" for i in range(stream.count("<page>"))]
        body += bz2.compress(stream.encode())
    body += bz2.compress(b"</mediawiki>\n")
    (folder / "enwiki-1-pages-articles-multistream.xml.bz2").write_bytes(body)
    index = bz2.compress("\n".join(lines).encode())
    (folder / "enwiki-1-pages-articles-multistream-index.txt.bz2").write_bytes(index)


def recipe(folder: Path, wikipedia: str, **more: object) -> Path:
    values = {"min_count": 5, "bigram_min_count": 5, **more}
    lines = [
        f'wikipedia = ["{wikipedia}"]',
        *(f"{key} = {json.dumps(value)}" for key, value in values.items()),
    ]
    path = folder / "recipe.toml"
    path.write_text("[queries]\n" + "\n".join(lines) + "\n")
    return path


def build(recipe_path: Path, root: Path, *flags: str) -> manifest.Manifest:
    assert main(["queries", "--recipe", str(recipe_path), "--root", str(root), "--workers", "1", *flags]) == 0
    signed = manifest.load(root / "queries")
    assert signed is not None
    return signed


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with a dump, page views, lemmas and a block list, and the recipe that names them."""
    (tmp_path / "dump.xml").write_text(whole_dump())
    (tmp_path / "pageviews-20230601-000000.gz").write_bytes(gzip.compress(VIEWS.encode()))
    (tmp_path / "wordnet").mkdir()
    (tmp_path / "wordnet" / "lemmas.tsv").write_text("lemma\tpos\nIce cream\tn\nzebra\tn\nRed\ta\n")
    (tmp_path / "block.txt").write_text("# not these\nsaw\nMercury *\n")
    return recipe(
        tmp_path, f"{tmp_path}/dump.xml", pageviews=[f"{tmp_path}/pageviews-*"],
        wordnet=f"{tmp_path}/wordnet", title_min_views=3,
    )  # fmt: skip


def test_from_three_sources_to_one_list(small: Path, tmp_path: Path) -> None:
    signed = build(small, tmp_path / "root")
    queries = {item.query: item for item in store.read(tmp_path / "root/queries/queries.parquet")}
    assert (queries["dog"].kind, queries["dog"].count, queries["dog"].document_count) == (Kind.WORD, 117, 39)
    assert queries["dog"].views == 115  # mobile too, and "Puppy", which redirects there
    assert (queries["mercury"].kind, queries["mercury"].views) == (Kind.TITLE, 110)
    assert queries["mercury"].title == "Mercury (planet)"
    assert (queries["new york"].kind, queries["new york"].count) == (Kind.BIGRAM, 117)
    assert queries["ice cream"].sources == ("bigram", "title", "synset")
    assert queries["zebra"].kind is Kind.SYNSET
    assert queries["red"].lemma == "Red"
    assert not {"main page", "special search", "rare thing", "template", "a"} & set(queries)
    assert signed.counts.rejected == {"bad_row": 1, "disambiguation": 1, "other_namespace": 1, "redirect": 1}
    problems = list(rows.read_rows(tmp_path / "root/queries/problems.parquet"))
    assert [item["reason"] for item in problems] == ["bad_row"]
    results = manifest.read_json(tmp_path / "root/queries/results.json")
    assert results["kinds"]["title"] == {"offered": 3, "kept": 1}
    assert results["queries"] == len(queries)
    assert results["titles"] == {"titles": 8, "name_no_thing": 2, "too_few_views": 1}


@pytest.mark.parametrize("key", ["pageviews", "wordnet"])
def test_one_source_is_enough(small: Path, tmp_path: Path, key: str) -> None:
    lines = small.read_text().splitlines()
    small.write_text("\n".join(line for line in lines if line.startswith(("[queries]", key, "title"))))
    build(small, tmp_path / "root")
    found = store.read(tmp_path / "root/queries/queries.parquet")
    titles, lemmas = ["mercury", "dog", "ice cream", "puppy"], ["ice cream", "red", "zebra"]
    assert [item.query for item in found] == (titles if key == "pageviews" else lemmas)


def test_a_block_list_is_honoured_and_counted(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(small.read_text() + f'blocklist = "{tmp_path}/block.txt"\n')
    build(small, tmp_path / "root")
    queries = {item.query for item in store.read(tmp_path / "root/queries/queries.parquet")}
    assert "dog" in queries
    assert not {"saw", "mercury"} & queries
    assert manifest.read_json(tmp_path / "root/queries/results.json")["dropped"]["query_blocked"] == 2
    capsys.readouterr()
    assert main(["why", "--root", str(tmp_path / "root"), "Mercury"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        " queries  'mercury' of en was dropped: query_blocked by 'Mercury *'",
        "   title  0 times in 0 articles, 110 views",
    ]


@pytest.mark.parametrize("how", ["workers", "parts", "segments", "multistream", "no index", "bz2"])
def test_the_list_is_the_same_however_it_is_made(
    small: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build(small, tmp_path / "expected")
    monkeypatch.setattr(query_units, "SPLIT_BYTES", 500)
    if how == "parts":
        monkeypatch.setattr(query_units, "PART_BYTES", 1000)
    elif how == "segments":
        monkeypatch.setattr("queries.count.BATCH", 100)
        monkeypatch.setattr("queries.count.TOKENS", 50)
    elif how == "multistream":
        multistream(tmp_path)
        small.write_text(small.read_text().replace("dump.xml", "*multistream*.bz2"))
    elif how == "no index":
        multistream(tmp_path)
        small.write_text(small.read_text().replace("dump.xml", "*multistream.xml.bz2"))
    elif how == "bz2":
        (tmp_path / "dump.xml.bz2").write_bytes(bz2.compress(whole_dump().encode()))
        small.write_text(small.read_text().replace("dump.xml", "dump.xml.bz2"))
    flags = ("--workers", "2") if how == "workers" else ()
    made = build(small, tmp_path / "made", *flags)
    names = ("queries.parquet", "dropped.parquet", "results.json")
    assert [file.sha256 for name in names for file in made.named(name)] == [
        file.sha256 for name in names for file in expected.named(name)
    ]
    assert made.counts == expected.counts


def test_a_multistream_dump_is_read_by_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_units, "SPLIT_BYTES", 500)
    multistream(tmp_path)
    done: list[str] = []
    monkeypatch.setattr(progress, "tell", lambda event, **facts: done.append(facts.get("unit", "")))
    build(recipe(tmp_path, f"{tmp_path}/*multistream*.bz2"), tmp_path / "root")
    assert sum(unit.startswith("words-") for unit in done) == 3


@needs_data
@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_hash_seed_changes_nothing_on_real_pages(tmp_path: Path, seed: str) -> None:
    path = recipe(
        tmp_path,
        str(DATA / DUMP),
        min_count=100,
        bigram_min_count=10,
        pageviews=[str(DATA / "wiki_pageviews/*.json")],
    )
    command = [
        sys.executable,
        "-m",
        "beam_jobs",
        "queries",
        "--recipe",
        str(path),
        "--root",
        str(tmp_path / "root"),
    ]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
    signed = manifest.load(tmp_path / "root" / "queries")
    assert signed is not None
    assert build(path, tmp_path / "here").digest == signed.digest


@needs_data
def test_word_counts_are_those_of_a_simple_count_on_real_pages(tmp_path: Path) -> None:
    with (DATA / DUMP).open("rb") as stream:
        texts = [plain(item.text) for item in pages(stream, DUMP) if isinstance(item, Page) and article(item)]
    said = [[word for phrase in phrases(segmented(text)) for word in phrase] for text in texts]
    counts = Counter(word for found in said for word in found)
    documents = Counter(word for found in said for word in set(found))
    build(recipe(tmp_path, str(DATA / DUMP), min_count=100), tmp_path / "root")
    found = store.read(tmp_path / "root/queries/queries.parquet")
    listed = {item.query: (item.count, item.document_count) for item in found if item.kind is Kind.WORD}
    assert listed == {
        word: (count, documents[word]) for word, count in counts.items() if count >= 100 and len(word) > 1
    }
    assert manifest.read_json(tmp_path / "root/queries/results.json")["words"] == counts.total()


def test_what_changed_between_two_lists(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build(small, tmp_path / "old")
    small.write_text(small.read_text().replace("title_min_views = 3", "title_min_views = 2"))
    capsys.readouterr()
    build(small, tmp_path / "new", "--diff", str(tmp_path / "old"))
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "+\trare thing\ttitle\ten\t2 views, 0 times in 0 articles"
    assert said[-2].startswith("1 added, 0 removed, ")
    wrong = [
        "queries",
        "--recipe",
        str(small),
        "--root",
        str(tmp_path / "new"),
        "--diff",
        str(tmp_path / "none"),
    ]
    assert main(wrong) == 2
    assert "is neither a root with a query list nor a queries.parquet" in capsys.readouterr().err


def test_why_tells_every_source(small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build(small, tmp_path / "root")
    capsys.readouterr()
    assert main(["why", "--root", str(tmp_path / "root"), "DOG's"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(" queries  'dog' of en is query ")
    assert said[1:] == ["    word  117 times in 39 articles", "   title  115 views of 'Dog'"]
    assert main(["why", "--root", str(tmp_path / "root"), "axolotl"]) == 2


def test_one_dump_in_two_packings_is_not_counted_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    multistream(tmp_path)
    (tmp_path / "enwiki-1-pages-articles.xml.bz2").write_bytes(bz2.compress(whole_dump().encode()))
    path = recipe(tmp_path, f"{tmp_path}/*.bz2")
    assert main(["queries", "--recipe", str(path), "--root", str(tmp_path / "root")]) == 2
    assert "hold the same pages; name one of them" in capsys.readouterr().err


def test_disambiguation_pages_are_counted_where_the_recipe_asks(small: Path, tmp_path: Path) -> None:
    small.write_text(small.read_text() + "disambiguations = true\n")
    signed = build(small, tmp_path / "root")
    assert "disambiguation" not in signed.counts.rejected
    queries = {item.query: item for item in store.read(tmp_path / "root/queries/queries.parquet")}
    assert queries["red"].document_count == 40  # 39 dogs, and "Red may be:"


def test_a_folder_is_no_dump(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recipe(tmp_path, str(tmp_path))
    assert main(["queries", "--recipe", str(path), "--root", str(tmp_path / "root")]) == 2
    assert "no file matches" in capsys.readouterr().err


def ids_of(root: Path) -> dict[str, int]:
    return {item.query: item.query_id for item in store.read(root / "queries" / "queries.parquet")}


def test_a_query_keeps_its_id_whatever_list_follows(small: Path, tmp_path: Path) -> None:
    """Without lemmas, with them, and after a root whose list has no table of ids beside it."""
    root, whole = tmp_path / "root", small.read_text()
    lemmas = "".join(f"{line}\n" for line in whole.splitlines() if not line.startswith("wordnet"))
    build(small, root)
    first = ids_of(root)
    assert sorted(first.values()) == list(range(len(first)))
    small.write_text(lemmas.replace("title_min_views = 3", "title_min_views = 1"))
    (root / "queries" / ids.TABLE).unlink()  # as the release before left it
    build(small, root)
    second = ids_of(root)
    gone, new = first.keys() - second.keys(), second.keys() - first.keys()
    assert gone
    assert new
    assert all(second[query] == first[query] for query in first.keys() & second.keys())
    assert sorted(second[query] for query in new) == [len(first) + i for i in range(len(new))]
    assert ids.of(root / "queries") == {("en", text): number for text, number in {**first, **second}.items()}
    small.write_text(whole)
    build(small, root)
    assert ids_of(root) == first
    assert ids.of(root / "queries") == {("en", text): number for text, number in {**first, **second}.items()}


def test_ids_outlive_a_kill_while_a_list_takes_the_place_of_another(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    build(small, root)
    first = ids_of(root)
    small.write_text(small.read_text().replace("title_min_views = 3", "title_min_views = 1"))

    def killed(source: Path, target: Path) -> Path:
        if source.name == "out":
            raise KeyboardInterrupt
        return source.replace(target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            main(["queries", "--recipe", str(small), "--root", str(root), "--workers", "1"])
    assert not (root / "queries").exists()
    build(small, root)
    assert first.items() < ids_of(root).items()


def test_views_of_robots_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dump.xml").write_text(whole_dump())
    (tmp_path / "pageviews-202306-spider.bz2").write_bytes(b"")
    path = recipe(tmp_path, f"{tmp_path}/dump.xml", pageviews=[f"{tmp_path}/pageviews-*"])
    assert main(["queries", "--recipe", str(path), "--root", str(tmp_path / "root")]) == 2
    assert "counts robots; name the files that end in -user" in capsys.readouterr().err


def test_a_list_that_comes_out_empty_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dump.xml").write_text(whole_dump())
    build(recipe(tmp_path, f"{tmp_path}/dump.xml", min_count=1000, bigram_min_count=1000), tmp_path / "root")
    assert "the list of 'en' is empty" in "".join(capsys.readouterr())


@pytest.mark.parametrize("kind", ["npmi", "llr", "strict_metaclip"])
def test_every_measure_of_bigrams_makes_a_list(tmp_path: Path, kind: str) -> None:
    (tmp_path / "dump.xml").write_text(whole_dump())
    build(recipe(tmp_path, f"{tmp_path}/dump.xml", bigrams=kind), tmp_path / "root")
    found = [
        item for item in store.read(tmp_path / "root/queries/queries.parquet") if item.kind is Kind.BIGRAM
    ]
    assert bool(found) is (kind != "strict_metaclip")  # 30 bits need a corpus of a billion words
    assert all(item.pmi > 0 and item.llr > 0 for item in found)


def test_counts_that_get_lost_stop_the_build(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tally.read_part
    monkeypatch.setattr(tally, "read_part", lambda paths, part, schema: real(paths, part, schema).slice(1))
    arguments = ["queries", "--recipe", str(small), "--root", str(tmp_path / "root"), "--workers", "1"]
    assert main(arguments) == 1


GERMAN = (
    HEAD.replace('xml:lang="en"', 'xml:lang="de"')
    .replace("<siteinfo>", "<siteinfo><dbname>dewiki</dbname>")
    .replace("<namespaces>", '<namespaces><namespace key="-1">Spezial</namespace>')
)


def german() -> str:
    pages = [page(i, f"Hund {i}", "Der rote Hund sah Berlin am Morgen. " * 3) for i in range(1, 9)]
    return "".join(
        [GERMAN, *pages, page(9, "Welpe", "#WEITERLEITUNG [[Hund]]", redirect="Hund"), "</mediawiki>"]
    )


def test_each_wiki_has_its_list_with_its_own_views(small: Path, tmp_path: Path) -> None:
    (tmp_path / "german.xml").write_text(german())
    (tmp_path / "pageviews-20230601-010000.gz").write_bytes(
        gzip.compress(b"de Hund 50 0\nde Welpe 7 0\nde Spezial:Suche 99 0\nde.m Hund 1 0\nfr Chien 9 0\n")
    )
    small.write_text(small.read_text().replace('wikipedia = ["', f'wikipedia = ["{tmp_path}/german.xml", "'))
    signed = build(small, tmp_path / "root", "--workers", "2")
    found = {
        (item.language, item.query): item for item in store.read(tmp_path / "root/queries/queries.parquet")
    }
    assert found["de", "hund"].views == 50 + 7 + 1
    assert found["de", "hund"].sources == ("word", "title")
    assert found["en", "dog"].views == 115
    assert (found["en", "red"].lemma, found["en", "red"].count) == ("Red", 117)
    assert found["de", "rote"].count == found["de", "der rote"].count == 24
    assert found["de", "der rote"].kind is Kind.BIGRAM
    assert (found["de", "dog"].kind, found["de", "dog"].views) == (Kind.TITLE, 999)  # of the other file
    assert ("de", "zebra") not in found  # WordNet is of English
    assert not any("spezial" in text for _, text in found)
    told = manifest.read_json(tmp_path / "root/queries/results.json")["languages"]
    assert told["de"]["words"] == 8 * 21
    assert told["de"]["kinds"]["title"] == {"offered": 2, "kept": 1}  # one is a word, too
    assert signed.counts.rejected["redirect"] == 2


def test_one_list_is_as_it_is_beside_others(small: Path, tmp_path: Path) -> None:
    """A wiki more changes nothing of another's list but what ids come after."""
    build(small, tmp_path / "alone")
    (tmp_path / "german.xml").write_text(german())
    small.write_text(small.read_text().replace('wikipedia = ["', f'wikipedia = ["{tmp_path}/german.xml", "'))
    build(small, tmp_path / "both")
    alone = store.read(tmp_path / "alone/queries/queries.parquet")
    both = store.read(tmp_path / "both/queries/queries.parquet")
    english = [item for item in both if item.language == "en"]
    assert [replace(item, query_id=0) for item in english] == [replace(item, query_id=0) for item in alone]


@pytest.mark.parametrize(
    ("code", "language"), [("de", "de"), ("simple", "en"), ("zh-classical", "lzh"), ("pt-BR", "pt")]
)
def test_a_recipe_may_tell_a_dumps_language(small: Path, tmp_path: Path, code: str, language: str) -> None:
    told = f'wikipedia = [{{files = "{tmp_path}/dump.xml", language = "{code}"}}]'
    lines = [line for line in small.read_text().splitlines() if "word" not in line and "wiki" not in line]
    small.write_text("\n".join([*lines, told]))
    build(small, tmp_path / "root")
    found = store.read(tmp_path / "root/queries/queries.parquet")
    assert {item.language for item in found} == {language}


@pytest.mark.parametrize(
    "table", ['{files = "a.xml"}', '{files = "a.xml", language = "xx"}', "7", '{language = "de"}']
)
def test_a_dump_without_a_language_where_one_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"[queries]\nwikipedia = [{table}]\n")
    assert main(["queries", "--recipe", str(path), "--root", str(tmp_path / "root")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "[queries] wikipedia[0]" in line
