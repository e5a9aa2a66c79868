"""What the titles of articles name, and how often people ask for it."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from queries.dumps.namespaces import MEANINGS
from queries.dumps.page import MEANING
from wit_pipeline.text.text import normalise

MAX_TITLE = 1024  # characters; MediaWiki takes 255 bytes, which are 765 characters percent-encoded
ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
# What MediaWiki makes one blank of (MediaWikiTitleCodec), and the marks of direction, which it drops.
BLANKS = re.compile(r"[\s_\u180e]+")
DIRECTION = re.compile(r"[\u200e\u200f\u202a-\u202e]+")
# No title holds these; what is left of "%e9" was not UTF-8.
ILLEGAL = re.compile(r"[#<>\[\]{}|\x00-\x1f\x7f\ufffd]|%[0-9A-Fa-f]{2}|~~~|^\.{1,2}(?:/|$)")
DISAMBIGUATOR = re.compile(r"(?P<name>.*\S) \((?:[^()]|\([^()]*+\))*+\)", re.DOTALL)

# Other prefixes that no article of a Wikipedia can have: English aliases and talk pages, sister projects,
# languages. "CSI: Miami" is none of them; "It: Chapter Two" cannot be, and is "It Chapter Two".
PREFIXES = frozenset(
    """
    wp wt image mos project mediawiki timedtext wikt wiktionary wikibooks wikinews wikiquote wikisource
    wikiversity wikivoyage wikispecies species wikidata commons meta mw metawikipedia phab bugzilla incubator
    b c d m n q s v voy foundation toollabs toolforge
    """.split()  # noqa: SIM905  a list of words reads better than words in quotes
) | {f"{name} talk" for name in ("image", "portal", "draft", "module", "project", "timedtext")}
LANGUAGES = frozenset(
    """
    aa ab ace af als am an ang ar arc arz as ast av ay az azb ba bar bcl be bg bh bi bjn bm bn bo bpy br
    bs bug ca cdo ce ceb ch chr chy ckb co cr cs cu cv cy da de dsb dv dz ee el en eo es et eu fa ff fi
    fj fo fr frr fur fy ga gan gd gl gn gom gu gv ha hak haw he hi hif hr hsb ht hu hy ia id ie ig ilo
    io is it iu ja jv ka kab kk kl km kn ko ks ku kv kw ky la lb lez lg li lij lmo ln lo lt lv mai mg
    mhr mi min mk ml mn mr mrj ms mt my mzn nah nap nds ne new nl nn no nv oc om or os pa pam pl pms pnb
    ps pt qu rm ro ru rw sa sah sc scn sco sd se sh si simple sk sl sm sn so sq sr ss st su sv sw szl ta
    te tg th ti tk tl tn to tr ts tt tw ty udm ug uk ur uz ve vec vi vo wa war wo wuu xh xmf yi yo yue
    za zea zh zu
    """.split()  # noqa: SIM905
)
# Casefolded. What software and robots ask for, and the main pages of the largest wikis outside a namespace.
NO_ARTICLES = frozenset(
    {
        "", "-", "undefined", "null", "wiki", "main page", "hauptseite", "portada", "pagina principale",
        "página principal", "hoofdpagina", "strona główna", "huvudsida", "forside", "etusivu",
        "hlavní strana", "kezdőlap", "pagina principală", "ana sayfa", "halaman utama", "trang chính",
        "заглавная страница", "головна сторінка", "メインページ", "首页", "首頁", "대문", "الصفحة الرئيسة",
        "الصفحة الرئيسية", "صفحهٔ اصلی", "עמוד ראשי", "หน้าหลัก", "मुखपृष्ठ",
    }
)  # fmt: skip
FILE_NAME = re.compile(r"\.(?:php|html?|aspx?|cgi|ico)\Z", re.IGNORECASE)  # not .js: "Node.js" is an article
# They are articles, but name no one thing: nobody captions an image so.
NO_THING = re.compile(
    r"(?:lists? of|outline of|index of|timeline of|deaths in|bibliography of|glossary of) ", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Title:
    """An article worth a query: what it names, and the views of all titles that name the same."""

    title: str  # the best-viewed one of them
    query: str  # normalised
    views: int


def canonical(title: str) -> str:
    """A title as its wiki spells it: decoded, blanks for underscores, a capital first; "" for what is none.

    >>> canonical("mercury_(planet)#Orbit"), canonical("Caf%C3%A9"), canonical(":50%_off")
    ('Mercury (planet)', 'Café', '50% off')
    """
    if len(title) > MAX_TITLE:
        return ""
    title = BLANKS.sub(" ", _decoded(title)).lstrip(": ").rstrip(" ")
    first = title[:1].title()  # not upper(): Georgian has capitals there that no title uses
    return first + title[1:] if len(first) == 1 else title


def named(title: str) -> str:
    """What a title names: without the disambiguator in parentheses at its end.

    >>> named("Mercury (planet)"), named("Paris, Texas"), named("(I Can't Get No) Satisfaction")
    ('Mercury', 'Paris, Texas', "(I Can't Get No) Satisfaction")
    """
    found = DISAMBIGUATOR.fullmatch(title)
    return found["name"] if found else title


def article_title(title: str, namespaces: Container[str]) -> bool:
    """Whether a canonical title may be that of an article about a thing.

    Not of another namespace (`namespaces` are casefolded names), another wiki, a main page, a list or a
    disambiguation page. Whether there is such an article, only a dump tells.
    """
    folded = title.casefold()
    if folded in NO_ARTICLES or FILE_NAME.search(title) or ILLEGAL.search(title):
        return False
    if NO_THING.match(title) or ((found := MEANING.search(folded)) and found[1] in MEANINGS):
        return False
    prefix, colon, _ = folded.partition(":")
    prefix = prefix.rstrip()
    return not (colon and (prefix in namespaces or prefix in PREFIXES or prefix in LANGUAGES))


def rank(views: Iterable[tuple[str, int]], min_views: int, budget: int) -> list[Title]:
    """The best-viewed things that canonical titles name, at most `budget` (0: all), by (-views, query).

    What comes to one query ("Mercury (planet)", "Mercury (element)", "MERCURY") is counted together, and
    needs `min_views` together. What has no word ("!!! (band)") is no query.
    """
    by_title: dict[str, int] = {}
    for title, count in views:
        by_title[title] = by_title.get(title, 0) + count
    best: dict[str, str] = {}
    counts: dict[str, int] = {}
    for title, count in sorted(by_title.items(), key=lambda item: (-item[1], item[0])):
        query = normalise(named(title))
        best.setdefault(query, title)
        counts[query] = counts.get(query, 0) + count
    ranked = sorted((-count, query) for query, count in counts.items() if query and count >= min_views)
    return [Title(title=best[query], query=query, views=-count) for count, query in ranked[: budget or None]]


def _decoded(title: str) -> str:
    """A title without percent-encoding, fragment and marks of direction, also where it was encoded twice.

    Once is not enough to come to an end, and there is one: no title holds a "%" and two hex digits. What does
    not decode to UTF-8 stays as it is.
    """
    while True:
        title = DIRECTION.sub("", title.partition("#")[0])
        if ENCODED.search(title) is None:
            return title
        try:
            title = unquote_to_bytes(title.encode("utf-8", "surrogatepass")).decode()
        except UnicodeDecodeError:
            return title
