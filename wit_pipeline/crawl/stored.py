"""What is known of a stored picture, against the rules of today: they may be others than when it was asked.

A row keeps what the server said of reuse, and what the file does; so an opt-out that is honoured from now on,
and a list that names a picture from now on, need no server to be asked.
"""

import json
from dataclasses import fields

from wit_pipeline.crawl.crawl import Fetched
from wit_pipeline.fetch.optout import header_opt_out
from wit_pipeline.fetch.removal import BlockList
from wit_pipeline.pictures.reuse.reserved import NO_SIGNALS
from wit_pipeline.vocabulary.crawl_config import CrawlConfig
from wit_pipeline.vocabulary.records import Reason

MINING = "plus:DataMining"


def refusal(item: Fetched, config: CrawlConfig, blocked: BlockList) -> tuple[Reason, str] | None:
    """Why a stored picture may not be used by these rules, and the words for it; None where it may."""
    image = item.image
    entry = blocked.found_url(item.url, image.final_url) or blocked.found_bytes(
        image.sha256, image.stored_sha256
    )
    if entry:
        return Reason.BLOCK_LISTED, f"by its {entry.partition(':')[0]}"
    said = ((one.name.replace("_", "-"), getattr(item.headers, one.name)) for one in fields(item.headers))
    stated = header_opt_out([(name, value) for name, value in said if value], config.agent, config.opt_outs)
    if stated:
        return Reason.OPTED_OUT, stated
    if "xmp" in config.opt_outs and image.signals != NO_SIGNALS:
        mining = str(json.loads(image.signals).get(MINING, ""))
        if "prohibited" in mining.lower():
            return Reason.OPTED_OUT, f"xmp: {mining}"
    return None
