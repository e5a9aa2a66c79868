import json
import subprocess
import sys
from pathlib import Path

import ftfy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.tokenizer import PLAIN, Tokenizer, byte_alphabet, clean
from wit_pipeline.errors import UserError

CAPTIONS = [f"A {colour} bird on the roof of house {i}" for i in range(40) for colour in ("red", "blue")]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(CAPTIONS, 560)


def test_the_alphabet_is_256_bytes_each_also_as_the_end_of_a_word() -> None:
    alphabet = byte_alphabet()
    assert len(set(alphabet)) == 512
    assert alphabet[0] == "!"  # id 0, which pads
    assert alphabet[256:] == [byte + "</w>" for byte in alphabet[:256]]


def test_start_and_end_are_the_two_largest_ids(tokenizer: Tokenizer) -> None:
    (row,) = tokenizer.encode(["a bird"], 77)
    assert tokenizer.vocab_size <= 560
    assert row[0] == tokenizer.start == tokenizer.vocab_size - 2
    assert row.argmax() == len(row) - 1
    assert row[-1] == tokenizer.end == tokenizer.vocab_size - 1


def test_frequent_words_become_one_id(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(["the bird"], 77).shape == (1, 4)


def test_rows_are_padded_with_0_to_the_longest(tokenizer: Tokenizer) -> None:
    rows = tokenizer.encode(["bird", "the red bird", ""], 77)
    assert rows.shape == (3, 5)
    assert rows[0].tolist()[3:] == [0, 0]
    assert rows[2].tolist() == [tokenizer.start, tokenizer.end, 0, 0, 0]


@pytest.mark.parametrize(("words", "cut"), [(74, False), (75, False), (76, True), (200, True)])
def test_a_long_text_is_cut_and_ends_all_the_same(tokenizer: Tokenizer, words: int, cut: bool) -> None:
    (row,) = tokenizer.encode(["bird " * words], 77)
    assert len(row) == min(words + 2, 77)
    assert row[-1] == tokenizer.end
    assert (tokenizer.decode(row.tolist()) != "bird " * (words - 1) + "bird") == cut


def test_a_caption_cannot_speak_the_end(tokenizer: Tokenizer) -> None:
    (row,) = tokenizer.encode(["<|endoftext|> bird <|startoftext|>"], 77)
    assert row.tolist().count(tokenizer.end) == row.tolist().count(tokenizer.start) == 1


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("  A\tBird\r\n", "a bird"),
        ("fish &amp;amp; chips", "fish & chips"),
        ("&lt;b&gt;", "<b>"),
        ("cafÃ©", "café"),
        ("“Ünïcode”", '"ünïcode"'),
        ("", ""),
    ],
)
def test_text_is_cleaned_as_by_clip(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


@given(st.text(st.characters(max_codepoint=127)))
def test_ftfy_leaves_plain_text_alone(text: str) -> None:
    if PLAIN.fullmatch(text):
        assert ftfy.fix_text(text).split() == text.split()


@settings(max_examples=50)
@given(st.text(st.characters(categories=["Ll", "Lo", "So"]), min_size=1, max_size=8))
def test_any_word_survives_the_way_there_and_back(text: str) -> None:
    tokenizer = Tokenizer.train(CAPTIONS, 514)
    decoded = tokenizer.decode(tokenizer.encode([text], 100)[0].tolist())
    assert decoded.replace(" ", "") == clean(text).replace(" ", "")


def test_digits_stand_alone(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode(["2024"], 77)[0].tolist()) == "2 0 2 4"


def test_a_saved_tokenizer_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "new" / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "new" / "tokenizer.json")
    assert loaded.dump() == tokenizer.dump()
    assert (loaded.encode(CAPTIONS, 77) == tokenizer.encode(CAPTIONS, 77)).all()


def test_another_process_trains_the_same_tokenizer() -> None:
    """Ties between merges must not follow a hash table's order, which differs by process."""
    program = (
        "from training.tokenizer import Tokenizer; import hashlib;"
        "texts = [f'w{i % 7}x{i % 11}y{i % 13}' for i in range(500)];"
        "print(hashlib.sha256(Tokenizer.train(texts, 700).dump().encode()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    runs = [subprocess.check_output([sys.executable, "-c", program], cwd=root) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_file_that_is_no_tokenizer_of_clip_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such tokenizer"):
        Tokenizer.load(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UserError, match="no tokenizer that fits CLIP"):
        Tokenizer.load(tmp_path / "bad.json")
    other = json.loads(tokenizer.dump())
    vocabulary = other["model"]["vocab"]
    vocabulary["!"], vocabulary["<|endoftext|>"] = vocabulary["<|endoftext|>"], 0
    other["post_processor"] = None
    (tmp_path / "other.json").write_text(json.dumps(other))
    with pytest.raises(UserError, match="not its two largest ids"):
        Tokenizer.load(tmp_path / "other.json")
