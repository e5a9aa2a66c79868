"""Text to token ids: CLIP's lower-cased byte-level BPE, trained on one's own captions.

The layout is openai/CLIP's: ids 0-255 are bytes, 256-511 bytes that end a word (`</w>`), then one id a
merge, then start and end of text, the two largest. Rows are padded with 0.
"""

import gzip
import html
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import ftfy
import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

from wit_pipeline.vocabulary.errors import RunError, UserError

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
PUBLISHED = 49_408 - 512 - 2  # merges of CLIP's vocabulary
PLAIN = re.compile(r"[ -%'-~\t\n\r]*")  # what ftfy leaves as it is: printable ASCII without entities
SPACES = re.compile(r"\s+")
# English contractions, runs of letters, single digits, runs of anything else that is no blank.
PIECE = r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"


def clean(text: str) -> str:
    """`text` as CLIP reads it: mojibake mended, entities resolved twice, blanks collapsed, lower case.

    >>> clean("Tom &amp;amp; Jerry\\n  (1940)")
    'tom & jerry (1940)'
    """
    if not PLAIN.fullmatch(text):
        text = ftfy.fix_text(text)
    text = html.unescape(html.unescape(text))
    return SPACES.sub(" ", text).strip().lower()


class Tokenizer:
    """A trained tokenizer. `vocab_size`, `start` and `end` are ids of its vocabulary."""

    def __init__(self, bpe: tokenizers.Tokenizer) -> None:
        self.vocab_size = bpe.get_vocab_size()
        self.start, self.end = self.vocab_size - 2, self.vocab_size - 1
        if (bpe.token_to_id(START), bpe.token_to_id(END)) != (self.start, self.end):
            raise ValueError(f"{START} and {END} are not its two largest ids")
        self.bpe = bpe

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int) -> Self:
        """A tokenizer of at most `vocab_size` ids; fewer where the captions run out of pairs to merge.

        The same captions give the same file. Every pair must occur twice.
        """
        alphabet = byte_alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size - 2,
            min_frequency=2,
            show_progress=False,
            end_of_word_suffix=WORD_END,
            # Named beforehand, or ids of word ends, and with them ties, follow the order of a hash table.
            special_tokens=alphabet,
        )
        trained = pipeline(models.BPE(end_of_word_suffix=WORD_END))
        trained.train_from_iterator((clean(caption) for caption in captions), trainer)
        return cls.of_merges([tuple(merge) for merge in json.loads(trained.to_str())["model"]["merges"]])

    @classmethod
    def of_merges(cls, merges: Sequence[tuple[str, str]]) -> Self:
        """The tokenizer of CLIP's layout with these merges, in order."""
        tokens = [*byte_alphabet(), *("".join(merge) for merge in merges), START, END]
        # Two merges may spell one token; it keeps its first id, and the ids stay without gaps.
        vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
        bpe = pipeline(models.BPE(vocab=vocabulary, merges=list(merges), end_of_word_suffix=WORD_END))
        ends = [(START, vocabulary[START]), (END, vocabulary[END])]
        bpe.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=ends)
        bpe.decoder = decoders.ByteLevel()
        return cls(bpe)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The tokenizer in the file at `path`, a tokenizer.json or CLIP's own list of merges, packed or not.

        Raises `UserError` if it holds none of CLIP's layout.
        """
        try:
            data = path.read_bytes()
            text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
            return cls.parse(text) if text.lstrip().startswith("{") else cls.of_merges(merges_in(text))
        except FileNotFoundError:
            raise UserError(f"{path}: no such tokenizer") from None
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise UserError(f"{path}: is no tokenizer that fits CLIP: {error}") from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The tokenizer that `dump` wrote; raises `ValueError` for anything else."""
        try:
            bpe = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            raise ValueError(str(error)) from None
        return cls(bpe)

    def dump(self) -> str:
        """The tokenizer as Hugging Face's tokenizer.json."""
        return self.bpe.to_str(pretty=True)

    def save(self, path: Path) -> None:
        """Write the tokenizer to `path`, whole or not at all; raises `RunError` if it cannot."""
        aside = path.with_name(path.name + ".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(self.dump(), encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            raise RunError(f"{path}: cannot be written: {error}") from None

    def encode(self, texts: Sequence[str], context: int) -> NDArray[np.int64]:
        """Ids [len(texts), longest text], start and end included, padded with 0.

        A text of more than `context` ids is cut, and its last id is the end all the same.
        """
        rows = [row.ids for row in self.bpe.encode_batch([clean(text) for text in texts])]
        longest = min(context, max(map(len, rows), default=0))
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        for out, row in zip(ids, rows, strict=True):
            out[: len(row)] = row[:longest]
            if len(row) > longest:
                out[-1] = self.end
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The cleaned text of `ids`, a blank between words; start, end and padding left out."""
        tokens = [self.bpe.id_to_token(int(i)) or "" for i in ids if i < self.start]
        joined = decoders.ByteLevel().decode([token.replace(WORD_END, "Ġ") for token in tokens])
        return joined.strip()


def merges_in(text: str) -> list[tuple[str, str]]:
    """The merges of a list as openai/CLIP publishes it: a line of its version, then two tokens a line.

    The file goes on after those that CLIP uses: its vocabulary of 49,408 ends them.
    """
    lines = text.split("\n")[1 : 1 + PUBLISHED]
    merges = [tuple(line.split()) for line in lines if line]
    if not merges or any(len(merge) != 2 for merge in merges):
        raise ValueError("a list of merges has two tokens a line, after a line of its version")
    return [(one, other) for one, other in merges]


def pipeline(model: models.BPE) -> tokenizers.Tokenizer:
    """`model` behind CLIP's splitting into pieces; blanks part words and leave no token."""
    bpe = tokenizers.Tokenizer(model)
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECE), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return bpe


def byte_alphabet() -> list[str]:
    """The 256 bytes as printable characters, in CLIP's order, then the same as ends of words."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
    return characters + [character + WORD_END for character in characters]
