"""What is known of a stored picture, against the rules of today: they may be others than when it was asked.

A row keeps what the server said of reuse, and what the file does; so an opt-out that is honoured from now on,
and a list that names a picture from now on, need no server to be asked.
"""

import json
from collections.abc import Callable
from dataclasses import fields

from wit_pipeline.crawl.crawl import Fetched, told_of
from wit_pipeline.fetch.optout import header_opt_out
from wit_pipeline.listed import marks
from wit_pipeline.listed.lists import BlockList
from wit_pipeline.listed.marks import Marks
from wit_pipeline.listed.matches import NOWHERE, Matches
from wit_pipeline.pictures.reuse.reserved import NO_SIGNALS
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Image, Reason

MINING = "plus:DataMining"


def marks_of(item: Fetched, blocked: BlockList, read: Callable[[Image], bytes]) -> Marks:
    """What lists may know a stored picture by; `read` gives its bytes, where its row does not tell enough."""
    image, known = item.image, item.marks
    if not known.lacks(blocked.asks):
        return known
    stored = read(image)
    if not stored:  # it was taken down
        return known
    return marks.completed(known, stored, blocked.asks, original=image.sha256 == image.stored_sha256)


def refusal(
    item: Fetched, config: CrawlConfig, blocked: BlockList, marked: Marks, matches: Matches = NOWHERE
) -> tuple[Reason, str] | None:
    """Why a stored picture may not be used by these rules, and the words for it; None where it may."""
    image = item.image
    match = blocked.found_url(item.url, image.final_url) or blocked.found_image(image, marked)
    if match:
        told = {**told_of(item), "md5": marked.md5, "sha1": marked.sha1}
        matches.write(match, {"url": item.url, "page_urls": sorted(item.page_urls), **told})
        return Reason.BLOCK_LISTED, ""
    said = ((one.name.replace("_", "-"), getattr(item.headers, one.name)) for one in fields(item.headers))
    stated = header_opt_out([(name, value) for name, value in said if value], config.agent, config.opt_outs)
    if stated:
        return Reason.OPTED_OUT, stated
    if "xmp" in config.opt_outs and image.signals != NO_SIGNALS:
        mining = str(json.loads(image.signals).get(MINING, ""))
        if "prohibited" in mining.lower():
            return Reason.OPTED_OUT, f"xmp: {mining}"
    return None
