"""Keys of tables of counts with the language of their list before them, so that one table holds all lists."""

import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR = "\x1f"  # stands in no text: it is a control character
BEHIND = "\x20"  # the character behind it


def tagged(texts: pa.Array, language: str) -> pa.StringArray:
    """Texts as keys of a language's list."""
    return pc.binary_join_element_wise(pa.scalar(language), texts, SEPARATOR)


def untagged(keys: pa.Array) -> pa.StringArray:
    """The texts of keys of one language or of several."""
    return pc.replace_substring_regex(keys, f"^[^{SEPARATOR}]*{SEPARATOR}", "")


def key(language: str, text: str) -> str:
    """One text as a key."""
    return f"{language}{SEPARATOR}{text}"


def parted(key: str) -> tuple[str, str]:
    """The language and the text of a key."""
    language, _, text = key.partition(SEPARATOR)
    return language, text


def of_language(name: str, language: str) -> pc.Expression:
    """Whether the keys in the column `name` are of a language, as a filter that skips row groups."""
    keys = pc.field(name)
    return (keys >= f"{language}{SEPARATOR}") & (keys < f"{language}{BEHIND}")
