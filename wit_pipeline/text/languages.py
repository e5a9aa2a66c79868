"""Codes of languages, as people, wikis, pages and an identifier write them: BCP 47 (RFC 5646)."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import langcodes

NEAR = 4  # a distance of CLDR's: Bokmål and Norwegian, Filipino and Tagalog; Serbian and Croatian are further


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

    >>> [is_one_of(code, ("no", "en-US")) for code in ("nb", "EN", "eng", "de", "")]
    [True, True, True, False, False]
    """
    found, others = base(code), [base(other) for other in wanted]
    return bool(found) and langcodes.closest_match(found, others, max_distance=NEAR)[0] in others


def check(codes: Iterable[str]) -> None:
    """A `ValueError` for a code that is none."""
    for code in codes:
        if not canonical(code):
            raise ValueError(f"{code!r} is no language by BCP 47, as en, pt-BR, nb and zh are")


@cache
def identifier() -> Any:
    """What tells the language of a text."""
    from py3langid import langid  # loads a model of 3 MB: only where languages are asked for

    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)


@cache
def labels() -> tuple[str, ...]:
    """The languages that a text can be identified as, by the identifier's own codes."""
    return tuple(sorted(set(map(str, identifier().nb_classes)) - {"zxx"}))  # which is no language


@cache
def identified_as(codes: tuple[str, ...]) -> frozenset[str]:
    """The identifier's codes of languages; a `ValueError` for one that is none, or that it cannot tell."""
    check(codes)
    found = set()
    for code in codes:
        label, _ = langcodes.closest_match(base(code), labels(), max_distance=NEAR)
        if label not in labels():
            raise ValueError(f"{code!r} cannot be told from a caption; known: {', '.join(labels())}")
        found.add(label)
    return frozenset(found)
