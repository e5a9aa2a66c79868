"""The images that a page shows of itself elsewhere: Open Graph (ogp.me) and Twitter cards."""

from collections.abc import Iterable
from dataclasses import dataclass, field

SAME = ("og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")  # may repeat an image
IMAGES = ("og:image", *SAME)
ALTS = ("og:image:alt", "twitter:image:alt")
PAGE_TEXTS = ("og:title", "og:description")


@dataclass(kw_only=True, slots=True)
class Shared:
    """An image and what the page says of it: texts by the property that holds them. The URL as written."""

    url: str
    texts: dict[str, str] = field(default_factory=dict)


def shared(metas: Iterable[tuple[str, str]]) -> list[Shared]:
    """The images of a page's meta elements, (property, content) in order, each with the alt that follows it.

    One without an alt has the page's title and description.
    """
    found: list[Shared] = []
    page: dict[str, str] = {}
    current: Shared | None = None
    for name, content in metas:
        if name in PAGE_TEXTS:
            page.setdefault(name, content)
        elif name in ALTS and current is not None and content.strip():
            current.texts.setdefault(ALTS[0] if current.texts.get(ALTS[0]) == content else name, content)
        elif name in IMAGES and content.strip():
            current = _image(found, current, name, content.strip())
    for image in found:
        image.texts = image.texts or {name: page[name] for name in PAGE_TEXTS if page.get(name, "").strip()}
    return found


def _image(found: list[Shared], current: Shared | None, name: str, url: str) -> Shared:
    """The image that a URL is of: a new one, or the one it is another address of."""
    if name in SAME[:2] and current is not None:
        return current
    known = next((image for image in found[:50] if image.url == url), None) if name in SAME else None
    if known is None:
        known = Shared(url=url)
        found.append(known)
    return known
