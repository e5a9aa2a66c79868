"""One recipe with dumps of five wikis: a list each, captions matched with their own, a report by language."""

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from beam_jobs.__main__ import main
from beam_jobs.commands.inspect import signed
from queries import store
from tests.factories import spots
from wit_pipeline.balance import QueryCount
from wit_pipeline.vocabulary import manifest, rows
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.records import Pair, Query

DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="{code}">
<siteinfo><dbname>{code}wiki</dbname></siteinfo>
<page><title>A</title><ns>0</ns><id>1</id><revision><id>1</id><text>{text}</text></revision></page>
</mediawiki>
"""
SENTENCES = {  # "die" is a word of two of the languages, and 犬 of two
    "en": "The red dog would rather run through the garden arena than die by the river.",
    "de": "Die rote Katze und die schwarze Katze sehen die Burg in der Arena am Morgen.",
    "zh": "红色的狗在花园里奔跑，北京的城堡很漂亮。",
    "ja": "赤い犬は東京の庭を走り、お城はとても美しいです。",
    "th": "สุนัขสีแดงวิ่งผ่านสวนในกรุงเทพมหานคร",
}
CAPTIONS = {  # (text, language, how many)
    "en": [("A red dog in the garden by the river {}", 30), ("They would rather run than die {}", 5)],
    "de": [("Die schwarze Katze sitzt heute auf der Burg {}", 12)],
    "zh": [("红色的狗在北京的花园里奔跑 {}", 9)],
    "ja": [("赤い犬が東京の庭を走っている {}", 8)],
    "th": [("สุนัขสีแดงวิ่งในสวนที่กรุงเทพ {}", 7)],
    "": [("Arena {}", 3)],  # of no language in particular
}
RECIPE = """
[queries]
wikipedia = [{dumps}]
min_count = 5
bigram_min_count = 1000
[[extract.sources]]
kind = "webdataset"
path = ["{world}/*.tar"]
[extract]
min_words = 1
min_letters = 0.3
[frontier]
expected_success = 1.0
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
[filter]
min_side = 32
[balance]
per_query = {t}
english_per_query = 20
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of each wiki, and a shard of pictures with captions in all of their languages."""
    folder = tmp_path_factory.mktemp("world")
    for code, sentence in SENTENCES.items():
        text = " ".join([sentence] * 10)
        (folder / f"{code}.xml").write_text(DUMP.format(code=code, text=text), encoding="utf-8")
    texts = [text.format(i) for each in CAPTIONS.values() for text, times in each for i in range(times)]
    with tarfile.open(folder / "a.tar", "w") as archive:
        for number, text in enumerate(texts):
            about = json.dumps({"url": f"http://a.test/{number}.png"})
            for suffix, data in (("png", spots(number)), ("txt", text.encode()), ("json", about.encode())):
                member = tarfile.TarInfo(f"{number:05d}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return folder


def built(
    world: Path, root: Path, codes: str = "en de zh ja th", t: str = '"tail"', to: str = "shard"
) -> Path:
    recipe = root.with_suffix(".toml")
    dumps = ", ".join(f'"{world}/{code}.xml"' for code in codes.split())
    recipe.write_text(RECIPE.format(dumps=dumps, world=world, t=t))
    assert main(["build", "--recipe", str(recipe), "--root", str(root), "--to", to, "--workers", "2"]) == 0
    return root


@pytest.fixture(scope="module")
def root(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five wikis built to shards."""
    return built(world, tmp_path_factory.mktemp("roots") / "five")


def queries_of(root: Path) -> dict[int, Query]:
    return {item.query_id: item for item in store.read(root / "queries" / "queries.parquet")}


def pairs_of(root: Path, stage: str = "balance") -> list[Pair]:
    made = {item.stage: item for item in signed(root)}[stage]
    return [item for file in made.named("part-") for item in rows.read(root / stage / file.name, Pair)]


def test_each_wiki_has_a_list(root: Path) -> None:
    queries = queries_of(root).values()
    texts = {(item.language, item.query) for item in queries}
    assert len(texts) == len(queries)
    assert {("en", "die"), ("de", "die"), ("zh", "北京"), ("ja", "東京"), ("th", "สุนัข")} <= texts
    assert {("en", "katze"), ("de", "dog"), ("ja", "北京")} & texts == set()
    counts = {(item.language, item.query): item.count for item in queries}
    assert (counts["en", "die"], counts["de", "die"]) == (10, 30)
    told = manifest.read_json(root / "queries" / "results.json")["languages"]
    assert told.keys() == SENTENCES.keys()
    assert {code: one["queries"] for code, one in told.items()} == Counter(item.language for item in queries)
    assert told["en"]["words"] == 150


def test_a_caption_has_the_queries_of_its_language_alone(root: Path) -> None:
    queries, seen = queries_of(root), Counter[str]()
    for pair in pairs_of(root, "dedup"):
        candidate = pair.candidate
        seen[candidate.language] += 1
        of = {queries[query].language for query in candidate.queries}
        assert of == ({candidate.language} if candidate.language else {"de", "en"}), candidate
    assert seen == {code: sum(times for _, times in each) for code, each in CAPTIONS.items()}
    told = manifest.read_json(root / "extract" / "results.json")["languages"]
    assert told == dict(seen)


def test_each_language_has_its_own_number_of_pairs(root: Path) -> None:
    """No language's tail, the queries with fewer pairs than its number, has a larger share than English's."""
    queries = queries_of(root)
    counts = list(rows.read(root / "balance" / "counts.parquet", QueryCount))
    numbers = {queries[item.query_id].language: item.per_query for item in counts if item.candidates}
    assert numbers["en"] == 20
    assert numbers["zh"] == 9
    share = {}
    for code, t in numbers.items():
        every = [item.candidates for item in counts if queries[item.query_id].language == code]
        share[code] = sum(count for count in every if count < t) / sum(every)
    assert all(one <= share["en"] for one in share.values())
    kept = Counter(pair.candidate.language for pair in pairs_of(root))
    assert kept == manifest.read_json(root / "balance" / "results.json")["languages"]
    assert kept["zh"] == 9
    limited = {queries[item.query_id].query for item in counts if item.limit < item.fetch_limit}
    trimmed = {queries[item.query_id].query for item in counts if item.fetch_limit < SCALE}
    assert {"red", "garden", "river"} <= limited | trimmed


def test_the_report_tells_of_each_language(root: Path) -> None:
    assert main(["report", "--root", str(root)]) == 0
    page = (root / "report" / "index.html").read_text()
    assert "<h3>By language</h3>" in page
    assert all(f"<tr><td>{code}</td>" in page for code in (*SENTENCES, "unknown"))
    assert main(["verify", "--root", str(root)]) == 0


def test_one_wiki_has_no_languages_to_tell(world: Path, tmp_path: Path) -> None:
    """As with one list all captions are matched, and no language is looked for."""
    root = built(world, tmp_path / "one", "en", "20")
    seen = Counter(pair.candidate.language for pair in pairs_of(root, "dedup"))
    assert set(seen) == {""}
    assert main(["report", "--root", str(root)]) == 0
    assert "<h3>By language</h3>" not in (root / "report" / "index.html").read_text()


def test_a_wiki_more_keeps_every_id(world: Path, tmp_path: Path) -> None:
    root = built(world, tmp_path / "grows", "en de", "20", to="extract")
    before = {(item.language, item.query): number for number, item in queries_of(root).items()}
    built(world, root, "ja de en", "20", to="extract")
    after = {(item.language, item.query): number for number, item in queries_of(root).items()}
    assert before.items() <= after.items()
    assert {language for language, _ in after.keys() - before.keys()} == {"ja"}


def test_a_tail_without_english_is_refused_before_any_work(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(dumps=f'"{world}/de.xml"', world=world, t='"tail"'))
    assert main(["build", "--recipe", str(recipe), "--root", str(tmp_path / "root")]) == 2
    assert 'per_query = "tail" needs an English list' in capsys.readouterr().err
    assert not (tmp_path / "root").exists()
