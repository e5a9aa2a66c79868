"""Which wiki a dump is of, by what it says and by its name."""

import bz2
import gzip
from io import BytesIO
from pathlib import Path

import pytest

from queries.dumps.wikis import Wiki, wiki_of

LANGUAGES = Path(__file__).parents[4] / "shared" / "data" / "wiki_dumps" / "languages"


GERMAN = "</title><ns>0</ns><revision><text>Der rote Hund läuft durch den Garten.</text></revision>".encode()


def head(lang: str = "", dbname: str = "") -> bytes:
    named = f"<dbname>{dbname}</dbname>" if dbname else ""
    stated = f' xml:lang="{lang}"' if lang else ""
    return (
        f"<mediawiki{stated}><siteinfo>{named}</siteinfo><page><title>A</title></page></mediawiki>".encode()
    )


@pytest.mark.parametrize(
    ("data", "name", "wiki"),
    [
        (head("de", "dewiki"), "x.xml", ("de", "de")),
        (head("en", "simplewiki"), "x.xml", ("simple", "en")),
        (head("lzh", "zh_classicalwiki"), "x.xml", ("zh-classical", "lzh")),
        (head("gsw", "alswiki"), "x.xml", ("als", "gsw")),
        (head("", "alswiki"), "x.xml", ("als", "gsw")),
        (head("nb", "nowiki"), "x.xml", ("no", "nb")),
        (head("be-tarask", "be_x_oldwiki"), "x.xml", ("be-x-old", "be")),
        (head("en", "tinywiki"), "x.xml", ("en", "en")),  # no such wiki
        (head("en"), "dewiki-latest.xml", ("en", "en")),  # what it says, where no text tells
        (head("en", "enwiki").replace(b"</title>", GERMAN), "de_wiki.xml", ("de", "de")),  # where one does
        (head("de", "dewiki").replace(b"</title>", GERMAN), "mywiki.xml", ("de", "de")),
        (head(), "zh_yuewiki-20240901-pages-articles.xml.bz2", ("zh-yue", "yue")),
        (head(), "th_wiki.xml.bz2", ("th", "th")),
        (head(), "a.xml", ("", "")),
        (head("xx-nothing"), "a.xml", ("", "")),
        (b"", "a.xml", ("", "")),
        (b"<html>", "a.xml", ("", "")),
        (b'{"index":{}}\n{"title":"A","wiki":"jawiki","language":"ja","text":"x"}\n', "a.json", ("ja", "ja")),
        (b'{"title":"A","language":7,"text":"x"}\n', "kowiki-2024-cirrussearch-content.json", ("ko", "ko")),
        (b'{"broken\n{"title":"A","language":"fr"}\n', "a.json", ("fr", "fr")),
    ],
)
def test_a_dump_is_of_a_wiki(data: bytes, name: str, wiki: tuple[str, str]) -> None:
    for packed in (data, bz2.compress(data), gzip.compress(data)):
        assert wiki_of(BytesIO(packed), name) == Wiki(*wiki)


def test_the_names_of_its_namespaces_go_with_it() -> None:
    names = "<namespaces><namespace key='6'>Datei</namespace></namespaces>"
    data = head("de").replace(b"<siteinfo>", b"<siteinfo>" + names.encode())
    assert wiki_of(BytesIO(data), "a.xml").names["datei"] == 6


@pytest.mark.skipif(not LANGUAGES.exists(), reason="the sample data are not here")
def test_real_dumps() -> None:
    paths = sorted(LANGUAGES.glob("*_wiki.xml.bz2"))
    assert paths
    for path in paths:
        with path.open("rb") as stream:
            assert wiki_of(stream, path.name).language == path.name.partition("_")[0]
