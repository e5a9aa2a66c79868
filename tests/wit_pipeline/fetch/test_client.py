from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.web import ENDPOINTS, MAX_BYTES, Web
from tests.web.truth import signal_of
from wit_pipeline.fetch.client import Client, FetchError
from wit_pipeline.pictures.image import ImageError, decode
from wit_pipeline.vocabulary.crawl_config import SIGNALS, CrawlConfig
from wit_pipeline.vocabulary.records import SUCCESS

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of broken EXIF


def outcome(client: Client, url: str, config: CrawlConfig) -> str:
    """What a crawl of `url` comes to: SUCCESS or a Reason."""
    try:
        decode(client.fetch(url).body, config)
    except (FetchError, ImageError) as error:
        return error.reason
    return SUCCESS


@dataclass
class Crawled:
    outcomes: dict[str, str]
    web: Web
    canary: Web


@pytest.fixture(scope="module")
def crawled() -> Iterator[Crawled]:
    """Every endpoint crawled once, all at the same time."""
    with Web({}) as canary, Web(ENDPOINTS, canary=canary.authority) as web:
        config = CrawlConfig(
            allow_hosts=(web.authority,), timeout=3.0, max_bytes=MAX_BYTES, connections_per_host=24,
            retries=1, backoff=0.05,
        )  # fmt: skip
        with Client(config) as client, ThreadPoolExecutor(24) as pool:
            found = pool.map(lambda path: outcome(client, web.url(path), config), ENDPOINTS)
            yield Crawled(dict(zip(ENDPOINTS, found, strict=True)), web, canary)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_outcome(crawled: Crawled, path: str) -> None:
    assert crawled.outcomes[path] == ENDPOINTS[path].outcome


def test_nobody_reached_what_is_not_public(crawled: Crawled) -> None:
    assert crawled.canary.log.paths == []


def test_robots_was_read_first_and_once(crawled: Crawled) -> None:
    assert crawled.web.log.paths[0] == "/robots.txt"
    assert crawled.web.hits("/robots.txt") == 2  # once for the rules, once because the table lists it
    assert crawled.web.hits("/private/picture.jpg") == 0


@pytest.mark.parametrize("path", [path for path in ENDPOINTS if path.startswith("/opt_out/")])
def test_each_opt_out_can_be_switched_off(path: str) -> None:
    """With all other signals obeyed, and this one not, the picture is taken."""
    pages = {path: ENDPOINTS[path], "/picture/jpeg": ENDPOINTS["/picture/jpeg"]}
    others = tuple(name for name in SIGNALS if name != signal_of(path))
    assert len(others) == len(SIGNALS) - 1
    with Web(pages) as web:
        config = CrawlConfig(allow_hosts=(web.authority,), robots=False, opt_outs=others)
        with Client(config) as client:
            assert outcome(client, web.url(path), config) == SUCCESS
