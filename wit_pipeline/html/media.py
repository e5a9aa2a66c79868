"""What a Content-Type says of a page."""

import re

HTML_TYPES = ("text/html", "application/xhtml+xml")
CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type states, or "".

    >>> charset_of('text/html; Charset="UTF-8"')
    'utf-8'
    """
    found = CHARSET.search(content_type)
    return found[1].lower() if found else ""
