"""A misbehaving web on loopback, and what must come of each of its pages.

    pictures    files that must be stored
    poison      files that must not
    answers     ways to send them, proper and not
    truth       ENDPOINTS of one server: path to what is sent, and the outcome that a crawl of it must have
    server      `Web`: serves endpoints, and logs what it is asked

An answer is an iterable of raw bytes, so that it can break any rule of HTTP.
"""

from tests.web.answers import at_visit, forever, good, head, late, raw, to, whole
from tests.web.pictures import (
    CLEAR,
    FRAMES,
    JPEG,
    MAX_BYTES,
    PICTURES,
    PNG,
    PROGRESSIVE,
    WEBP,
    chunk,
    encoded,
    oriented,
    picture,
)
from tests.web.poison import NO_PICTURES
from tests.web.server import NOT_FOUND, RESET, Answer, Endpoint, Visit, Web
from tests.web.truth import ENDPOINTS, OPT_INS, OPT_OUTS

__all__ = [
    "CLEAR", "ENDPOINTS", "FRAMES", "JPEG", "MAX_BYTES", "NOT_FOUND", "NO_PICTURES", "OPT_INS", "OPT_OUTS",
    "PICTURES", "PNG", "PROGRESSIVE", "RESET", "WEBP", "Answer", "Endpoint", "Visit", "Web", "at_visit", "chunk",
    "encoded", "forever", "good", "head", "late", "oriented", "picture", "raw", "to", "whole",
]  # fmt: skip
