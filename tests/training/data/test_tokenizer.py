import gzip
import json
import subprocess
import sys
from pathlib import Path

import ftfy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.openclip import open_clip
from training.data.tokenizer import PLAIN, Tokenizer, byte_alphabet, clean
from wit_pipeline.vocabulary.errors import UserError

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
        "from training.data.tokenizer import Tokenizer; import hashlib;"
        "texts = [f'w{i % 7}x{i % 11}y{i % 13}' for i in range(500)];"
        "print(hashlib.sha256(Tokenizer.train(texts, 700).dump().encode()).hexdigest())"
    )
    root = Path(__file__).parents[3]
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


MERGES = "#version: 0.2\nt h\nth e</w>\nb i\n"


@pytest.mark.parametrize("packed", [False, True])
def test_a_list_of_merges_is_a_tokenizer(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "bpe.txt.gz"
    path.write_bytes(gzip.compress(MERGES.encode()) if packed else MERGES.encode())
    found = Tokenizer.load(path)
    assert found.vocab_size == 512 + 3 + 2
    (row,) = found.encode(["The bi"], 77)
    assert row.tolist() == [515, 513, ord("b") - 33, 256 + ord("i") - 33, 516]
    found.save(tmp_path / "tokenizer.json")
    assert Tokenizer.load(tmp_path / "tokenizer.json").encode(["The bi"], 77).tolist() == [row.tolist()]


@pytest.mark.parametrize(
    "content", [b"#version: 0.2\n", b"#version\na b c\n", b"\x1f\x8bnothing", b"\xff\xfe", b"#v\nt\n", b""]
)
def test_what_is_no_list_of_merges_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "merges.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"merges\.txt: is no tokenizer that fits CLIP: "):
        Tokenizer.load(tmp_path / "merges.txt")


PIECES = [
    *(
        "a photo of a cat",
        "it's they'll don't I'M we've you'd he's",
        "K\u212a\u017f",
        "\u00df \u1e9e",
        "$5.00 #1 @me",
    ),
    *(
        "&lt;b&gt;",
        "&amp;amp;",
        "&#x1F600;",
        "\u00c3\u00a9 mojibake",
        "\u201cquotes\u201d \u2018x\u2019 \u2014",
        "\ufb01\ufb02",
    ),
    *(
        "\U0001f600\U0001f44d\U0001f3fd",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u65e5\u672c\u8a9e",
        "\u0661\u0662\u00bd\u2163",
    ),
    *(
        "e\u0301a\u030a",
        "\u200b\u200d\ufeff",
        "\u00a0\t\n\u3000",
        "\u0130stanbul \u01c5",
        "\ufdfa",
        "\U0001d573\U0001d58e",
    ),
    *(
        "x" * 300,
        "word " * 90,
        "!!!???...",
        "\x00\x01\x7f",
        "<|startoftext|>",
        "</w>",
        "\u0600\u0627\u0644",
        "\u0939\u093f",
    ),
]


@pytest.mark.filterwarnings("ignore")
def test_clips_own_merges_give_the_ids_of_the_peer() -> None:
    """Pieces of many scripts and of what breaks cleaning, alone and joined at random."""
    peer = open_clip()
    own = Tokenizer.load(Path(peer.__file__).with_name("bpe_simple_vocab_16e6.txt.gz"))
    assert own.vocab_size == 49_408
    draws = np.random.default_rng(0)
    texts = [*PIECES, ""]
    for _ in range(3000):
        chosen = draws.choice(len(PIECES), draws.integers(1, 5))
        texts.append(str(draws.choice(["", " ", "'", "-"])).join(PIECES[i] for i in chosen))
    theirs = peer.get_tokenizer("ViT-B-32")(texts).numpy()
    found = np.zeros_like(theirs)
    rows = own.encode(texts, 77)
    found[:, : rows.shape[1]] = rows
    assert [text for text, same in zip(texts, (found == theirs).all(axis=1), strict=True) if not same] == []
