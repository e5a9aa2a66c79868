"""All lemmas come out of a dict folder; a wrong folder is one clear line."""

import os
from pathlib import Path

import pytest

from queries.wordnet import heads, lemmas
from wit_pipeline.errors import UserError

LICENCE = "  1 This software and database is being provided to you.  \n"
NOUN = (
    "00001740 03 n 02 Indus_civilization 0 dog 0 000 | a gloss (n) here  \n"
    "00001930 03 n 0a a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 St._Louis 0 001 @ 00001740 n 0000 | ten words  \n"
    "00001950 03 n 01 .22 0 000 | a rifle  \n"
)
ADJECTIVE = "00001740 00 a 02 galore(ip) 0 able(p) 0 000 | plenty  \n"

DICT = Path(os.environ.get("WORDNET_DICT", "/usr/share/wordnet"))
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
    with pytest.raises(UserError, match=r"no data\.noun, data\.verb, data\.adj, data\.adv; give"):
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
    if not (DICT / "data.noun").is_file():
        pytest.skip(f"needs the dict folder of WordNet 3.0 at {DICT} or in WORDNET_DICT (wordnet-base)")
    assert len({*heads(DICT), *map(str, range(100))}) == 86_654
    assert len(list(lemmas(DICT))) == 148_730


def test_open_english_wordnet_has_all_its_lemmas() -> None:
    if not (OPEN_ENGLISH / "lemmas.tsv").is_file():
        pytest.skip(f"needs {OPEN_ENGLISH}/lemmas.tsv")
    assert len(list(lemmas(OPEN_ENGLISH))) == 128_044
