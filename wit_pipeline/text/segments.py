"""Words of dumps whose script parts none, by ICU's dictionaries: Han, kana, Thai, Lao, Khmer, Burmese.

Captions need none of this (see `text`): it is for counting alone, so that the list has words and not pieces
of them.
"""

import re
from functools import cache
from typing import Any

from wit_pipeline.text.scripts import HALF, MARKS, PARTS, UNSPACED

RUN = re.compile(f"[{UNSPACED}{HALF}](?:[{UNSPACED}{HALF}{MARKS}])+")
TORN = re.compile(f"{PARTS}(?=[{MARKS}])")  # ICU may part a mark from a letter of another script
MOST = 20  # characters of a word: what is longer is several, whatever stands beside it


@cache
def _breaker() -> Any:
    from icu4py.breakers import WordBreaker  # loads 40 MB of tables: only where a script asks for them

    return WordBreaker


def segmented(text: str) -> str:
    """`text` with U+200B between the words of runs that have no blanks, and around them.

    >>> segmented("iPhone手机很贵").split(PARTS)
    ['iPhone', '手机', '很', '贵', '']
    """
    return text if text.isascii() else RUN.sub(_parted, text)


def _parted(run: re.Match[str]) -> str:
    """A run with its words parted; which language it is in ICU need not be told.

    Who writes U+200B, as is done in Khmer, has parted the words: dictionaries part what they do not know.
    """
    text, (start, end) = run.string, run.span()
    by_author = text[max(0, start - 1) : start] == PARTS or text[end : end + 1] == PARTS
    if by_author and end - start <= MOST:
        return run[0]
    parted = PARTS.join(_breaker()(run[0], "en"))
    return f"{PARTS}{TORN.sub('', parted)}{PARTS}"
