"""Where a sample's caption stands: in a text beside its image, or under a key of its JSON."""

import json

TEXTS = ("txt", "caption", "text")  # endings of members that are a caption and nothing else
JSON = "json"
USUAL = "caption"  # the key that img2dataset and most others give it
NAMED = 10  # keys of a JSON that an error names


def text_of(data: bytes) -> str:
    """A caption; bytes that are no UTF-8 become replacement characters."""
    return data.decode("utf-8", "replace")


def table_of(data: bytes) -> dict[str, object]:
    """A JSON object; an empty one where the bytes are none."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_in(data: bytes, key: str) -> str:
    """What a JSON object says under `key`; empty where that is no text. Halves of characters become "?".

    >>> text_in(b'{"caption": "A dog", "width": 3}', "caption")
    'A dog'
    >>> text_in(b'{"caption": "A dog", "width": 3}', "width")
    ''
    """
    found = table_of(data).get(key)
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def keys_in(data: bytes) -> str:
    """The keys of a JSON object that may be captions, in words.

    >>> keys_in(b'{"alt": "A dog", "width": 3, "title": ""}')
    'alt, title'
    """
    texts = [key for key, value in table_of(data).items() if isinstance(value, str)]
    more = f" and {len(texts) - NAMED:,} more" if len(texts) > NAMED else ""
    return ", ".join(repr(key)[1:-1] for key in texts[:NAMED]) + more or "none"
