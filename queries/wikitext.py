"""Wikitext to plain text, in a few linear passes in the order in which MediaWiki itself works.

What never shows (comments, references, formulas, templates) goes first, with one regex and a stack; then
links, innermost first; then what stands at the start of a line; then tags, quotes and entities. Markup that
is not closed stays as text, without its brackets: a mistake in an article costs a line, not the article.
"""

import html
import re

from queries.namespaces import CATEGORY, FILE, IMAGE_OPTION, LANGUAGE

HIDDEN = (  # elements whose content is no prose: gone with all that is in them
    "ref|references|math|chem|ce|gallery|imagemap|timeline|score|graph|mapframe|maplink|hiero|source|"
    "syntaxhighlight|templatedata|templatestyles|categorytree|inputbox|style|script|section|indicator"
)
SHOWN = "nowiki|pre"  # elements whose content shows as it is written
TOKEN = re.compile(rf"<!--|<({HIDDEN}|{SHOWN})\b([^<>]*)>|\{{\{{|\}}\}}", re.IGNORECASE)
CLOSING = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in f"{HIDDEN}|{SHOWN}".split("|")}
LITERAL = {ord(mark): f"&#{ord(mark)};" for mark in "[]{}|'=*#:;!<>_/-"}  # hides marks from the later passes

NESTING = 6  # links in captions in captions; what nests deeper loses its brackets only
LINK = re.compile(r"\[\[([^\[\]]*+(?:\[[^\[\]]*+\][^\[\]]*+)*+)\]\]")
EXTERNAL = re.compile(r"\[(?:https?:|ftps?:|mailto:|//)[^\s\[\]]*+[ \t]*+([^\[\]\n]*+)\]")
ADDRESS = re.compile(r"(?:https?|ftps?)://[^\s<>\[\]|{}\"]+")
ROW = re.compile(r"\n[ \t:]*(\{\||\|\}|\|-|\|\+|[|!])(.*)")
CELL = re.compile(r"\|\||!!")
START = re.compile(r"\n(?:[*#:;]+[ \t]*|-{4,})")
HEADING = re.compile(r"\n=(.*)=[ \t]*(?=\n)")
TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>")
PART = re.compile(r"(?:br|p|div|li|t[dhr]|d[dt]|h[r1-6]|[uo]l|caption|blockquote|table)", re.IGNORECASE)
POSSESSIVE = re.compile(r"(?<!')''(?!')([^'\n]+)'''s\b")  # ''Titanic'''s: the third quote is an apostrophe
QUOTES = re.compile(r"''+")
SWITCH = re.compile(r"__[A-Z]{3,}__")
REST = re.compile(r"\[\[|\]\]|\{\{+|\}\}+|\{\||\|\}")
HUGE = re.compile(r"&#[0-9]{8,}")  # no character, and `html.unescape` raises from 4,300 digits on


def plain(wikitext: str) -> str:
    """The text that a reader sees in an article: its body, cells and captions, a line for each part.

    Never raises, and takes time in proportion to the length, whatever the input.
    """
    text = "\n" + _links(_visible(wikitext)) + "\n"  # every line has a "\n" before and after it
    text = HEADING.sub(_heading, START.sub("\n", ROW.sub(_row, text)))
    if "'''s" in text:
        text = POSSESSIVE.sub(r"\1's", text)
    text = QUOTES.sub("", text)
    text = REST.sub(" ", SWITCH.sub(" ", TAG.sub(_tag, text)))
    lines = html.unescape(HUGE.sub(" ", text)).split("\n")
    return "\n".join(filter(None, map(str.strip, lines)))


def _visible(text: str) -> str:
    """`text` without comments, hidden elements and templates, its `nowiki` safe from later passes."""
    pieces: list[str] = []
    templates: list[int] = []  # how many pieces stood before each {{ that is still open
    unclosed: set[str] = set()  # elements known not to be closed from here on, so as to look only once
    place = 0
    while match := TOKEN.search(text, place):
        pieces.append(text[place : match.start()])
        place = match.end()
        token = match[0]
        if token == "{{":
            templates.append(len(pieces))
        elif token == "}}":
            if templates:
                del pieces[templates.pop() :]
            pieces.append(" ")
        elif token == "<!--":
            place = text.find("-->", place) + 3
            if place < 3:
                return "".join(pieces)  # as MediaWiki does: it comments out the rest
        else:
            shown, place = _element(text, match, unclosed)
            pieces.append(shown)
    pieces.append(text[place:])
    return "".join(pieces)


def _element(text: str, opening: re.Match[str], unclosed: set[str]) -> tuple[str, int]:
    """What shows of a hidden or literal element, and the place behind it."""
    name, start = opening[1].lower(), opening.end()
    if opening[2].endswith("/") or name in unclosed:
        return " ", start
    closing = CLOSING[name].search(text, start)
    if closing is None:
        unclosed.add(name)
        return " ", start
    shown = text[start : closing.start()].translate(LITERAL) if name in SHOWN.split("|") else " "
    return shown, closing.end()


def _links(text: str) -> str:
    text = EXTERNAL.sub(r"\1", text)
    for _ in range(NESTING):
        text, count = LINK.subn(_link, text)
        if not count:
            break
    return ADDRESS.sub(" ", text)


def _link(match: re.Match[str]) -> str:
    """What shows of `[[target|label]]`."""
    target, bar, label = match[1].partition("|")
    prefix, colon, name = target.partition(":")
    if colon and prefix:
        prefix = prefix.strip()
        space = prefix.casefold()
        if space in CATEGORY or (not bar and LANGUAGE.fullmatch(prefix) and name[:1].strip()):
            return ""
        if space in FILE:
            return _caption(label)
    return label or target.lstrip(":")


def _caption(options: str) -> str:
    """The caption of a file link, on a line of its own: its last part, unless that is an option."""
    last = options.rpartition("|")[2].strip()
    return "\n" if IMAGE_OPTION.fullmatch(last) else f"\n{last}\n"


def _row(match: re.Match[str]) -> str:
    """The cells of a line of a table, a line for each; attributes stand before a single bar."""
    mark, body = match[1], match[2]
    if mark in ("{|", "|}", "|-"):
        return "\n"
    return "\n" + "\n".join(cell.rpartition("|")[2] for cell in CELL.split(body))


def _heading(match: re.Match[str]) -> str:
    return "\n" + match[1].strip("= \t")


def _tag(match: re.Match[str]) -> str:
    return "\n" if PART.fullmatch(match[1]) else ""
