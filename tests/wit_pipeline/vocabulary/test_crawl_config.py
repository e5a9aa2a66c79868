import pytest

from wit_pipeline.vocabulary.config import as_table, section
from wit_pipeline.vocabulary.crawl_config import FORMER_DEFAULTS, PILLOW_PIXELS, CrawlConfig
from wit_pipeline.vocabulary.errors import UserError


@pytest.mark.parametrize(
    ("knob", "right", "wrong"),
    [
        ("timeout", 0.1, 0),
        ("connect_timeout", 0.1, -1.0),
        ("max_bytes", 1, 0),
        ("threads", 1, 0),
        ("connections_per_host", 1, 0),
        ("store_side", 1, 0),
        ("max_redirects", 0, -1),
        ("retries", 0, -1),
        ("host_interval", 0.0, -0.1),
        ("backoff", 0.0, -0.1),
        ("max_pixels", 1, 0),
        ("max_pixels", PILLOW_PIXELS, PILLOW_PIXELS + 1),
        ("max_aspect", 1.0, 0.9),
        ("max_aspect", 60_000.0, float("nan")),
        ("jpeg_quality", 1, 0),
        ("jpeg_quality", 95, 96),
        ("user_agent", "imgbot", ""),
        ("user_agent", "img-bot/2.0 (+https://example.org)", "imgbot/1\r\nX-Injected: 1"),
        ("user_agent", "imgbot/1 x", "(compatible; imgbot)"),
        ("allow_hosts", ["127.0.0.1:8000", "[::1]:80", "intern.test:443"], ["127.0.0.1"]),
        ("allow_hosts", [], ["http://127.0.0.1:8000"]),
        ("allow_hosts", ["a:1"], ["A:1"]),
        ("formats", ["PNG"], ["TIFF"]),
        ("formats", ["JPEG", "PNG", "GIF", "WEBP"], []),
        ("store", "original", "both"),
        ("side", "longer", "both"),
        ("connections", 1, 0),
        ("decoders", 1, 0),
        ("decode_seconds", 0.1, 0),
        ("decode_bytes", 1, 0),
        ("max_header_bytes", 1, 0),
        ("min_speed", 0, -1),
        ("patience", 0.0, -1.0),
        ("again_after", 0.0, -1.0),
        ("passing", 0.0, -0.1),
        ("passing", 1.0, 1.1),
        ("passing", 0.2, float("nan")),
        ("host_hours", 0.0, -1.0),
        ("host_urls", 0, -1),
        ("opt_outs", ["noai", "c2pa"], ["noia"]),
        ("opt_outs", [], ["*"]),
        ("opt_outs", ["noml", "rsl"], ["payment_required"]),
        ("as_agents", ["GPTBot", "meta-externalagent"], ["*"]),
        ("as_agents", [], ["GPT Bot"]),
    ],
)
def test_both_sides_of_each_bound(knob: str, right: object, wrong: object) -> None:
    section(CrawlConfig, {knob: right}, "[crawl]")
    with pytest.raises(UserError, match=rf"\[crawl\].*{knob}"):
        section(CrawlConfig, {knob: wrong}, "[crawl]")


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [("wit/0.1 (+https://example.org/wit)", "wit"), ("ImgBot", "imgbot"), ("img-bot x", "img-bot")],
)
def test_the_product_token(user_agent: str, agent: str) -> None:
    assert CrawlConfig(user_agent=user_agent).agent == agent


def test_speed_is_no_part_of_what_is_built() -> None:
    hurried = CrawlConfig(
        threads=99, connections=9, connections_per_host=1, host_interval=9.0, backoff=9.0, decoders=9
    )
    assert as_table(hurried) == as_table(CrawlConfig())


def test_a_default_of_an_earlier_release_is_todays_and_a_choice_stays() -> None:
    today = as_table(CrawlConfig())
    former = {key: values[0] for key, values in FORMER_DEFAULTS.items()}
    assert CrawlConfig.upgraded({}) == CrawlConfig.upgraded(former) == today
    chosen = {"opt_outs": former["opt_outs"][1:], "formats": ["PNG"], "timeout": 1.0, "gone": True}
    assert CrawlConfig.upgraded(chosen) == {**today, **chosen}
    for key, values in FORMER_DEFAULTS.items():
        section(CrawlConfig, {key: values[0]}, "[crawl]")  # what it was can still be asked for
