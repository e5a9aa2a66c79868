"""The whole misbehaving web through the pipeline: every URL gets its outcome, and the funnel adds up."""

import json
from collections import Counter
from pathlib import Path

from beam_jobs.__main__ import main
from tests.web import ENDPOINTS, Web
from wit_pipeline import manifest, rows
from wit_pipeline.crawl import Fetched
from wit_pipeline.records import SUCCESS

PAGE = "<page><title>A</title><ns>0</ns><revision><text>a red dog</text></revision></page>"
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 1
[[extract.sources]]
kind = "list"
path = ["{folder}/list.jsonl"]
[frontier]
unit_urls = 100
[crawl]
allow_hosts = ["{authority}"]
timeout = 3.0
max_bytes = 2000000
connections_per_host = 24
retries = 1
backoff = 0.05
[filter]
min_side = 1
max_aspect = 100.0
"""


def test_the_misbehaving_web(tmp_path: Path) -> None:
    with Web({}) as canary, Web(ENDPOINTS, canary=canary.authority) as web:
        (tmp_path / "dump.xml").write_text(f'<mediawiki version="0.11">{PAGE}</mediawiki>')
        lines = [json.dumps({"url": web.url(path), "caption": f"a red dog at {path}"}) for path in ENDPOINTS]
        (tmp_path / "list.jsonl").write_text("\n".join(lines))
        (tmp_path / "recipe.toml").write_text(RECIPE.format(folder=tmp_path, authority=web.authority))
        root = tmp_path / "root"
        arguments = ["--recipe", str(tmp_path / "recipe.toml"), "--root", str(root), "--workers", "1"]
        assert main(["build", *arguments]) == 0
        truth = {web.url(path): endpoint.outcome for path, endpoint in ENDPOINTS.items()}
    crawl = manifest.load(root / "crawl")
    assert crawl is not None
    tables = [root / "crawl" / file.name for file in crawl.named("unit-", ".parquet")]
    assert len(tables) == 2
    assert {item.url: item.status for path in tables for item in rows.read(path, Fetched)} == truth
    assert crawl.counts.kept == Counter(truth.values())[SUCCESS]
    assert crawl.counts.adds_up()
    assert canary.log.paths == []
