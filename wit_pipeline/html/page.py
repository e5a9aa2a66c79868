"""The images of an HTML page, each with what the page says of it."""

from collections.abc import Iterator
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from wit_pipeline.fetch.optout import page_opt_out
from wit_pipeline.records import Raw, Reason, Reject, dropped


def read_page(
    body: bytes, page_url: str, where: str, robots: list[str], charset: str = ""
) -> Iterator[Raw | Reject]:
    """The images of an HTML page, in order: each a Raw, or the Reject that says why it is none.

    `robots` are the page's X-Robots-Tag headers; a page that opts out, there or in a meta element,
    gives none of its images.
    """
    tree = LexborHTMLParser(_decode(body, charset))
    base = tree.css_first("base[href]")
    root = _absolute(page_url, base.attributes.get("href") or "") if base is not None else page_url
    metas = [node.attributes.get("content") or "" for node in tree.css('meta[name="robots" i]')]
    refused = page_opt_out([*robots, *metas])
    language = _language(tree)
    for number, node in enumerate(tree.css("img")):
        here = f"{where}.{number}"
        url = _absolute(root or page_url, node.attributes.get("src") or "")
        if refused:
            yield dropped(Reason.PAGE_OPTED_OUT, here, refused, url or "")
        elif url is None:
            yield dropped(Reason.URL_INVALID, here, node.attributes.get("src") or "")
        else:
            text = node.attributes.get("alt") or ""
            yield Raw(url=url, text=text, where=here, page_url=page_url, language=language)


def _language(tree: LexborHTMLParser) -> str:
    root = tree.css_first("html[lang]")
    return (root.attributes.get("lang") or "").lower() if root is not None else ""


def _absolute(root: str, source: str) -> str | None:
    source = source.strip()
    if not source or source.startswith("data:"):
        return source
    try:
        return urljoin(root, source)
    except ValueError:
        return None


def _decode(body: bytes, charset: str) -> str:
    """The page's text by the charset its header states, else UTF-8, else Windows-1252 as browsers do."""
    for name in (charset, "utf-8"):
        try:
            return body.decode(name) if name else body.decode("utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    return body.decode("cp1252", errors="replace")
