"""A Wikipedia dump of the small world: MediaWiki's export format 0.11, as dumps.wikimedia.org has it."""

import bz2
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from beam_jobs.demo.prose import wikitext
from beam_jobs.demo.vocabulary import COLOURS, PLACES, SHAPES, SURFACES, TEXTURES
from wit_pipeline.vocabulary.chance import fingerprint

SCHEMA = "http://www.mediawiki.org/xml/export-0.11/"
NAMESPACES: Mapping[int, str] = {
    -2: "Media", -1: "Special", 0: "", 1: "Talk", 2: "User", 3: "User talk", 4: "Wikipedia", 6: "File",
    8: "MediaWiki", 10: "Template", 12: "Help", 14: "Category",
}  # fmt: skip
WHEN = "2024-05-01T00:00:00Z"
ABOUT_A_PLACE = ("{}", "Museum of {}", "Market of {}", "History of {}", "Walls of {}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A page of the wiki."""

    title: str
    text: str
    namespace: int = 0
    redirect: str = ""  # the title it leads to


def write_dump(path: Path, seed: int) -> None:
    """Write the dump; the same seed gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = (_page(number, entry) for number, entry in enumerate(entries(seed), start=1))
    path.write_bytes(bz2.compress("".join([_head(), *pages, "</mediawiki>\n"]).encode()))


def entries(seed: int) -> Iterator[Entry]:
    """Articles on every word and place, and what stands between articles in a real dump."""
    kinds = {"colour": COLOURS, "shape": SHAPES, "texture": TEXTURES, "surface": SURFACES}
    for kind, names in kinds.items():
        for name in names:
            title = name.capitalize()
            yield _article(seed, title, {kind: name}, f"{kind.capitalize()}s")
            yield Entry(title=f"{title} ({kind})", text=f"#REDIRECT [[{title}]]", redirect=title)
    for place in PLACES:
        for pattern in ABOUT_A_PLACE:
            yield _article(seed, pattern.format(place), {"place": place}, "Places")
        yield Entry(title=place.upper(), text=f"#REDIRECT [[{place}]]", redirect=place)
    yield Entry(
        title="Template:Infobox thing", text="<table><tr><td>{{{name}}}</td></tr></table>", namespace=10
    )
    yield Entry(title="Template:Reflist", text="<references />", namespace=10)
    yield Entry(title="Category:Places", text="Places of the small world.", namespace=14)
    yield Entry(title="Talk:Red", text="Is it not rather a kind of orange?", namespace=1)
    yield Entry(title="Cross (disambiguation)", text="* [[Cross]], a shape\n{{disambiguation}}")


def _article(seed: int, title: str, fixed: Mapping[str, str], category: str) -> Entry:
    return Entry(title=title, text=wikitext(seed, title, fixed, (category, "Small world")))


def _head() -> str:
    names = "".join(
        f'      <namespace key="{key}" case="first-letter">{name}</namespace>\n' if name
        else f'      <namespace key="{key}" case="first-letter" />\n'
        for key, name in NAMESPACES.items()
    )  # fmt: skip
    return (
        f'<mediawiki xmlns="{SCHEMA}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{SCHEMA} http://www.mediawiki.org/xml/export-0.11.xsd" '
        'version="0.11" xml:lang="en">\n'
        "  <siteinfo>\n    <sitename>Small World</sitename>\n    <dbname>smallwiki</dbname>\n"
        "    <base>https://small.example.org/wiki/Main_Page</base>\n"
        "    <generator>MediaWiki 1.43.0</generator>\n    <case>first-letter</case>\n"
        f"    <namespaces>\n{names}    </namespaces>\n  </siteinfo>\n"
    )


def _page(number: int, entry: Entry) -> str:
    redirect = f"    <redirect title={quoteattr(entry.redirect)} />\n" if entry.redirect else ""
    size = len(entry.text.encode())
    sha1 = fingerprint(entry.text)[:31]  # base 36 in real dumps; nobody reads it
    return (
        f"  <page>\n    <title>{escape(entry.title)}</title>\n    <ns>{entry.namespace}</ns>\n"
        f"    <id>{number}</id>\n{redirect}    <revision>\n      <id>{number + 100_000}</id>\n"
        f"      <timestamp>{WHEN}</timestamp>\n"
        "      <contributor><username>Small</username><id>1</id></contributor>\n"
        f"      <origin>{number + 100_000}</origin>\n      <model>wikitext</model>\n"
        "      <format>text/x-wiki</format>\n"
        f'      <text bytes="{size}" sha1="{sha1}" xml:space="preserve">{escape(entry.text)}</text>\n'
        f"      <sha1>{sha1}</sha1>\n    </revision>\n  </page>\n"
    )
