"""The tokenizer's files, as Hugging Face's and open_clip's tokenizers read them."""

import json
from hashlib import sha256
from pathlib import Path

from training.data.tokenizer import END, START, Tokenizer
from training.export.folder import write_json

# The sum of openai/CLIP's merges, two tokens a line: who knows them needs no file of ours.
PUBLISHED = "f61f2adf497e6f5357c347aeb4646fabe82f341e946de5bdec5d2858e41bef4a"


def merges_of(tokenizer: Tokenizer) -> list[str]:
    """The merges in order, "one other"."""
    found = json.loads(tokenizer.bpe.to_str())["model"]["merges"]
    return [merge if isinstance(merge, str) else " ".join(merge) for merge in found]


def is_published(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer is openai/CLIP's."""
    return sha256("\n".join(merges_of(tokenizer)).encode()).hexdigest() == PUBLISHED


def write_pieces(folder: Path, tokenizer: Tokenizer, context: int) -> None:
    """tokenizer.json and its configuration; and the vocabulary and the merges as CLIP's own files.

    Texts are cleaned before by who loads them: `ftfy`, entities, lower case. Rows are padded with the end
    token, as transformers does it: only what stands before the first end is read.
    """
    (folder / "tokenizer.json").write_text(tokenizer.dump(), encoding="utf-8")
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": context,
            "bos_token": START,
            "eos_token": END,
            "unk_token": END,
            "pad_token": END,
            "clean_up_tokenization_spaces": False,
        },
    )
    write_json(
        folder / "special_tokens_map.json",
        {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END},
    )
    vocabulary = tokenizer.bpe.get_vocab()
    write_json(folder / "vocab.json", dict(sorted(vocabulary.items(), key=lambda item: item[1])))
    lines = ["#version: 0.2", *merges_of(tokenizer)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
