"""A page of a wiki, what kind of page it is, and what can be wrong with a dump."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from queries.dumps.namespaces import DISAMBIGUATIONS, MEANINGS

# "#REDIRECT [[…": the word differs by language, and marks of Thai or Hindi are no letters to `re`.
REDIRECT = re.compile(r"""\s*+#[^\s\d\[\]:#|*;'"<>{}=]{2,40}+\s*+:?\s*+\[\[([^\[\]{}|<>\n]{0,300})""")
TEMPLATE = re.compile(r"\{\{([^{}|<>]{1,80})[|}]")  # bounded, so that no page makes the search slow
DISAMBIGUATION = re.compile(
    r"(?:.*\b)?(?:disambig\w{0,20}(?: cleanup)?|dab|hndis|geodis|mathdab|schooldis|hospitaldis|numberdis)"
)
MEANING = re.compile(r"\(([^()]{3,30})\)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page and the text of its last revision; "" where that is no wikitext (JSON, Lua, a style sheet)."""

    title: str
    text: str
    namespace: int = 0  # 0 is articles; 10 templates, 14 categories, …
    redirect: str = ""  # the title that it leads to; its own title where it does not say; "" for no redirect
    page_id: int = 0  # 0: not stated
    plain: bool = False  # the text is plain text already (CirrusSearch), no wikitext
    names: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)  # the wiki's namespaces
    ambiguous: bool = False  # has a template of disambiguation pages; told where the text has no templates


class Problem(StrEnum):
    """Why the rest of a dump, or a part of it, was not read."""

    NOT_A_DUMP = "not_a_dump"
    UNSUPPORTED = "unsupported"  # packed in a way that nothing here unpacks
    FORBIDDEN_XML = "forbidden_xml"  # a DOCTYPE: the one way to entity bombs and outside files
    TRUNCATED = "truncated"  # the file, or one of its bz2 streams; reading goes on at the next stream
    BROKEN_COMPRESSION = "broken_compression"  # in a bz2 file reading goes on at the next stream
    BROKEN_XML = "broken_xml"  # reading goes on at the next page
    BROKEN_JSON = "broken_json"  # this line alone; reading goes on
    PAGE_TOO_LONG = "page_too_long"  # this page alone; reading goes on


@dataclass(frozen=True, kw_only=True, slots=True)
class DumpError:
    """A problem of a dump, as data: count it by its reason."""

    name: str  # the dump, as the caller named it
    reason: Problem
    detail: str
    pages: int  # read before the problem, from the same split


def article(page: Page, disambiguations: bool = False) -> bool:
    """Whether a page is prose: in namespace 0, no redirect, and no disambiguation page unless asked for."""
    return not no_article(page, disambiguations)


def no_article(page: Page, disambiguations: bool) -> str:
    """Why a page is no article, to be counted by; "" for an article."""
    if page.namespace != 0:
        return "other_namespace"
    if page.redirect:
        return "redirect"
    return "" if disambiguations or not disambiguation(page) else "disambiguation"


def disambiguation(page: Page) -> bool:
    """Whether a page only parts the meanings of a title: by title, template or magic word of larger wikis."""
    found = MEANING.search(page.title)
    if page.ambiguous or (found is not None and found[1].casefold() in MEANINGS):
        return True
    text = page.text
    return "__DISAMBIG__" in text or any(map(parts_meanings, set(TEMPLATE.findall(text))))


def parts_meanings(template: str) -> bool:
    """Whether a template's name is one that only disambiguation pages carry."""
    name = " ".join(template.replace("_", " ").casefold().split())
    return name in DISAMBIGUATIONS or DISAMBIGUATION.fullmatch(name) is not None


def target(link: str, title: str) -> str:
    """The title a link leads to, without its section; the page's own `title` where it names none."""
    return " ".join(link.partition("#")[0].replace("_", " ").strip(" :").split()) or title


def redirect(text: str, title: str) -> str:
    """The title that a page's wikitext redirects to, or ""."""
    found = REDIRECT.match(text)
    return target(found[1], title) if found else ""
