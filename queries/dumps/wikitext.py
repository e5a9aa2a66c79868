"""Wikitext to plain text, in a few linear passes in the order in which MediaWiki itself works.

What is no prose (comments, references, formulas, templates, tables) goes first; then links, innermost first;
then what stands at the start of a line; then tags, quotes and entities. Tables go because their cells are
numbers and names in no order of speech: neighbours there are no phrase. Markup that is not closed stays as
text, without its brackets: a mistake in an article costs a line, not the article.

Each pass is one regex or split that runs in C, linear on any input: quantifiers are possessive or stop at the
next place where the regex could start.
"""

import html
import re
from collections.abc import Mapping
from types import MappingProxyType

from queries.dumps.namespaces import CATEGORY, FILE, IMAGE_OPTION, LANGUAGE

# Elements whose content is no prose: gone with all that is in them.
HIDDEN = """
    ref references math chem ce gallery imagemap timeline score graph mapframe maplink hiero source table
    syntaxhighlight templatedata templatestyles categorytree inputbox style script section indicator
""".split()  # noqa: SIM905  a list of words reads better than words in quotes
ELEMENT = re.compile(  # its content may hold other elements, but not a second one of its own name
    rf"<(?:!--.*?(?:-->|\Z)|({'|'.join(HIDDEN)}|(nowiki|pre))\b[^<>]*+"
    r"(?:(?<=/)>|>((?:[^<]++|<(?!/?\1\b))*+)</\1\s*>))",
    re.IGNORECASE | re.DOTALL,
)
LITERAL = {ord(mark): f"&#{ord(mark)};" for mark in "[]{}|'=*#:;!<>_/-"}  # hides marks from the later passes
ROW = re.compile(r"\n[ \t:]*(?:[|]|\{\||!.*(?:[|]|!!)).*")  # of a table or template that is not closed

FILES, CATEGORIES = 6, 14  # numbers of namespaces, the same in every wiki
NO_NAMES: Mapping[str, int] = MappingProxyType({})
NESTING = 6  # links in captions in captions; what nests deeper loses its brackets only
LINK = re.compile(r"\[\[([^\[\]]*+(?:\[[^\[\]]*+\][^\[\]]*+)*+)\]\]")
EXTERNAL = re.compile(r"\[(?:https?:|ftps?:|mailto:|//)[^\s\[\]]*+[ \t]*+([^\[\]\n]*+)\]")
ADDRESS = re.compile(r"(?:https?|ftps?)://[^\s<>\[\]|{}\"]+")
BEFORE, AFTER = "*#:;= \t\r\xa0", "= \t\r\xa0"  # what lines start and end with: lists, headings, blanks
# A wiki whose names `namespaces` does not know: a file tells by its ending, most categories by their stem.
MEDIUM = re.compile(
    r".+\.(?:jpe?g|png|gif|svg|tiff?|webp|xcf|og[gav]|webm|mid|mp[34]|wav|flac|pdf|djvu)\s*", re.IGNORECASE
)
STEM = re.compile(r"[ck]at[eé]gor\w*|катег\w*")
RULE = re.compile(r"\n-{4,}")
# Two ways to write one word, of which MediaWiki shows the reader's (Writing systems/Syntax).
VARIANT = re.compile(r"-\{([^{}]*+)\}-")
HIDES = frozenset("HTD-")  # flags of a rule for other places, or for the title
ONE_OF = re.compile(r"\A\s*(?:zh|sr|kk|ku|iu|shi|tg|uz|gan|crh|ban|tly|wuu)(?:-[a-z]+)*+\s*:")
TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>")
PART = frozenset(  # these part lines; all others may stand within a word, as <sub> in H<sub>2</sub>O
    "br p div li tr td th dt dd h1 h2 h3 h4 h5 h6 ul ol dl caption blockquote table center".split()  # noqa: SIM905
)
POSSESSIVE = re.compile(r"''(?<!''')(?!')([^'\n]+)'''s\b")  # ''Titanic'''s: the third quote is an apostrophe
QUOTES = re.compile(r"''+")
SWITCH = re.compile(r"__[A-Z]{3,}__")
REST = re.compile(r"\[\[|\]\]|\{\{+|\}\}+|\{\||\|\}")
HUGE = re.compile(r"&#[0-9]{8,};?")  # no character, and `html.unescape` raises from 4,300 digits on


def plain(wikitext: str, namespaces: Mapping[str, int] = NO_NAMES) -> str:
    """The text that a reader sees in an article outside its tables, a line for each part.

    `namespaces` are what the wiki itself calls them, casefolded, with their numbers; what it does not say
    goes by the names of the largest wikis. Never raises, and takes time in proportion to the length, whatever
    the input.
    """
    text = ELEMENT.sub(_element, f"\n{wikitext}\n")  # every line has a "\n" before and after it
    if "-{" in text:
        text = VARIANT.sub(_variant, text)
    text = _unnested(text, "{{", "}}")
    if "{|" in text:
        text = _unnested(text, "{|", "|}")
    text = RULE.sub("\n", ROW.sub("\n", _links(text, namespaces)))
    if "'''s" in text:
        text = POSSESSIVE.sub(r"\1's", text)
    text = SWITCH.sub(" ", TAG.sub(_tag, QUOTES.sub("", text)))
    if "{" in text or "}" in text or "[[" in text or "]]" in text:
        text = REST.sub(" ", text)
    if "&" in text:
        text = html.unescape(HUGE.sub(" ", text))
    lines = [line.lstrip(BEFORE).rstrip(AFTER) for line in text.split("\n")]
    return "\n".join(filter(None, lines)).strip()


def _element(match: re.Match[str]) -> str:
    """What shows of a comment, a hidden element, or one whose content shows as it is written."""
    if match[2]:
        return (match[3] or "").translate(LITERAL)
    return " " if match[1] else ""


def _variant(match: re.Match[str]) -> str:
    """What shows of `-{flags|zh-hans:text;zh-hant:text}-`: its first text, which readers of one kind see."""
    flags, bar, body = match[1].partition("|")
    if not bar:
        flags, body = "", match[1]
    if not HIDES.isdisjoint(flags):
        return " "  # a rule for other places, or the title's
    first = body.split(";")[0]
    return ONE_OF.sub("", first).strip()


def _unnested(text: str, opening: str, closing: str) -> str:
    """`text` without what stands between marks that pair, however deep; a mark without its like may stay."""
    pieces: list[str] = []
    opened: list[int] = []  # how many pieces stood before each mark that is still open
    for number, after in enumerate(text.split(opening)):
        if number:
            opened.append(len(pieces))
            pieces.append(opening)
        *inside, rest = after.split(closing)
        for piece in inside:
            pieces.append(piece)
            if opened:
                del pieces[opened.pop() :]
            pieces.append(" ")
        pieces.append(rest)
    return "".join(pieces)


def _links(text: str, namespaces: Mapping[str, int]) -> str:
    for _ in range(NESTING):
        if "[[" not in text:
            break
        parts = LINK.split(text)
        parts[1::2] = [
            _link(link, namespaces) if ":" in link else link.partition("|")[2] or link for link in parts[1::2]
        ]
        text = "".join(parts)
    text = "".join(EXTERNAL.split(text))
    return ADDRESS.sub(" ", text) if "://" in text else text


def _link(link: str, namespaces: Mapping[str, int]) -> str:
    """What shows of `[[target|label]]` where the target has a prefix."""
    target, bar, label = link.partition("|")
    prefix, colon, name = target.partition(":")
    if colon and prefix:
        prefix = prefix.strip()
        space = prefix.casefold().replace("_", " ")
        number = namespaces.get(space)
        if (
            number == CATEGORIES
            or space in CATEGORY
            or STEM.fullmatch(space)
            or (not bar and LANGUAGE.fullmatch(prefix) and name[:1].strip())
        ):
            return " "
        if number == FILES or space in FILE or MEDIUM.fullmatch(name):
            return _caption(label)
    return label or target.lstrip(":")


def _caption(options: str) -> str:
    """The caption of a file link, on a line of its own: its last part, unless that is an option."""
    last = options.rpartition("|")[2].strip()
    return "\n" if IMAGE_OPTION.fullmatch(last) else f"\n{last}\n"


def _tag(match: re.Match[str]) -> str:
    name = match[1].lower()
    return "\n" if name in PART else " " if name in HIDDEN else ""
