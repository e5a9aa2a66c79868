"""Which wiki a dump is of, and the language it is written in: by what the dump says, else by its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import PurePath
from typing import BinaryIO

from queries.dumps import cirrus, export_xml
from queries.dumps.page import Page
from queries.dumps.unpack import Piece, text, unpacked
from queries.dumps.wikipedia import pages
from queries.dumps.wikitext import plain
from wit_pipeline.text.languages import base, identify, is_one_of, of_wiki

# "dewiki-20240901-pages-articles.xml.bz2", "zh_classicalwiki-…-cirrussearch-content.json.gz", "de_wiki.xml"
NAMED = re.compile(r"([a-z]{2,3}(?:[_-][a-z]{1,10}){0,2}?)_?wiki(?![a-z])")
PAGES = 200  # that a language is looked for in …
CHARACTERS = 10_000  # … or as much text
DATABASE = re.compile(r"([a-z_]{2,30})wiki")


@dataclass(frozen=True, slots=True)
class Wiki:
    """A wiki, as page views and lists of queries know it."""

    code: str  # as in its address and in page views: "de", "zh-classical"; "" where nothing tells
    language: str  # BCP 47, without script and region; "" where nothing tells
    names: Mapping[str, int] = field(default_factory=dict, compare=False)  # of its namespaces, folded


def wiki_of(stream: BinaryIO, name: str) -> Wiki:
    """The wiki that a dump is of.

    A dump of XML says it in `xml:lang` and `dbname`, one of JSON in the `language` and `wiki` of its first
    document; excerpts say nothing, or what the wiki was that somebody read them into. Where that is not what
    the file's name says, the text tells which of the two it is. Errors of reading `stream` are not caught.
    """
    start = stream.tell()
    pieces = text(unpacked(stream))
    early: list[Piece] = []
    for piece in pieces:
        early.append(piece)
        if isinstance(piece, bytes):
            break
    json = bool(early) and isinstance(early[-1], bytes) and early[-1].startswith(b"{")
    head = export_xml.Head() if json else export_xml.head(chain(early, pieces))
    stated, database = cirrus.stated(chain(early, pieces)) if json else (head.language, head.database)
    said = _wiki(DATABASE.fullmatch(database), stated)
    named = _wiki(NAMED.match(PurePath(name).name), "")
    if said.language and named.language and said.language != named.language:
        stream.seek(start)
        if is_one_of(of_wiki(identify(_sample(stream, name), CHARACTERS)[0]), (named.language,)):
            said = named
    found = said if said.language else named
    return Wiki(found.code, found.language, head.namespaces)


def _wiki(found: re.Match[str] | None, stated: str) -> Wiki:
    code = found[1].replace("_", "-") if found else ""
    spoken = base(of_wiki(code))
    language = base(stated) or spoken
    return Wiki(code if spoken else language, language)


def _sample(stream: BinaryIO, name: str) -> str:
    """Some of the text of a dump's first pages."""
    found = ""
    for page in islice(pages(stream, name), PAGES):
        if isinstance(page, Page) and page.namespace == 0 and not page.redirect:
            found += (page.text if page.plain else plain(page.text[:CHARACTERS], page.names)) + " "
        if len(found) >= CHARACTERS:
            break
    return " ".join(found[:CHARACTERS].split())
