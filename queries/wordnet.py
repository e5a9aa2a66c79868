"""The lemmas of a WordNet: Princeton's dict folder, or a folder with the lemmas.tsv of another one."""

import re
from collections.abc import Iterator
from pathlib import Path

from wit_pipeline.errors import UserError

PARTS = ("noun", "verb", "adj", "adv")
MARKER = re.compile(r"\((?:a|p|ip)\)$")  # where an adjective may stand: "galore(ip)", wninput(5WN)
TABLE = "lemmas.tsv"


def lemmas(folder: Path) -> Iterator[str]:
    """Each lemma once, in the order of the files, cased as written, with blanks for underscores.

    Raises `UserError` where the folder or one of its files is missing or is no WordNet file.
    """
    synsets = _table(folder / TABLE) if (folder / TABLE).is_file() else _synsets(folder)
    yield from dict.fromkeys(_plain(word) for synset in synsets for word in synset)


def heads(folder: Path) -> Iterator[str]:
    """The name of each synset once, as NLTK forms it: the first lemma, lower-cased, up to a full stop.

    MetaCLIP's query list holds these names; ours holds all lemmas. ".22" has no name.
    """
    names = (MARKER.sub("", synset[0]).lower().partition(".")[0] for synset in _synsets(folder))
    yield from dict.fromkeys(name.replace("_", " ") for name in names if name)


def _plain(word: str) -> str:
    return MARKER.sub("", word).replace("_", " ")


def _table(path: Path) -> Iterator[list[str]]:
    header, *lines = _lines(path)
    if header.split("\t")[0] != "lemma":
        raise UserError(f"{path}: the first column is {header.split(chr(9))[0]!r}, not 'lemma'")
    return ([line.split("\t")[0]] for line in lines if line)


def _synsets(folder: Path) -> Iterator[list[str]]:
    """The words of each synset; the files are named data.PART (see wndb(5WN) for the lines)."""
    missing = [f"data.{part}" for part in PARTS if not (folder / f"data.{part}").is_file()]
    if missing:
        raise UserError(
            f"wordnet {str(folder)!r}: has no {', '.join(missing)}; give WordNet's dict folder "
            f"(Debian's wordnet-base: /usr/share/wordnet), a folder with {TABLE}, or leave wordnet out"
        )
    for part in PARTS:
        path = folder / f"data.{part}"
        for number, line in enumerate(_lines(path), start=1):
            if not line.startswith("  ") and line:  # the licence stands before the data, set in by two blanks
                yield _words(line, f"{path}, line {number}")


def _words(line: str, where: str) -> list[str]:
    """The words of a line `offset file type count word id word id …`; the count is in hexadecimal."""
    fields = line.split(" ")
    try:
        words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
    except (IndexError, ValueError):
        words = []
    if not words:
        raise UserError(f"{where}: is no synset: {line[:60]!r}")
    return words


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
