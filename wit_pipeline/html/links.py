"""Where a page links to."""

import re

from wit_pipeline.html.address import SCHEMES
from wit_pipeline.html.encoding import utf8
from wit_pipeline.html.facts import base_of
from wit_pipeline.html.rows import attributes, by_kind, scan
from wit_pipeline.html.scan import ANCHOR, BASE, CONTENT, HREF, META, METAS, NOFOLLOW

FORBIDS = frozenset({"nofollow", "none"})


def links(body: bytes, page_url: str, charset: str = "") -> list[str]:
    """The http(s) URLs of a page's `a[href]`, in order, each once, without fragments.

    None that rel=nofollow marks, and none at all of a page whose robots meta says nofollow.
    """
    rows = scan(utf8(body, charset), links=True)
    kinds = by_kind(rows.page)
    metas = [attributes(rows.data, row) for row in kinds.get(META, ()) if METAS[row[3] - 1] == "robots"]
    if any(_forbids(meta.get(CONTENT, "")) for meta in metas):
        return []
    base = base_of(rows, kinds.get(BASE, []), page_url)
    hrefs = (attributes(rows.data, row)[HREF] for row in kinds.get(ANCHOR, ()) if not row[3] & NOFOLLOW)
    found = (url.partition("#")[0] for url in map(base.resolve, hrefs) if url)
    return list(dict.fromkeys(url for url in found if url.startswith(SCHEMES)))


def _forbids(content: str) -> bool:
    return not FORBIDS.isdisjoint(re.split(r"[\s,;]+", content.lower()))
