"""report/index.html: the funnel, the balance by rank of query, the overlap, and what lies where."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from wit_pipeline.balance import QueryCount
from wit_pipeline.report.pages import environment
from wit_pipeline.vocabulary.chance import SCALE
from wit_pipeline.vocabulary.manifest import Manifest

LEFT, TOP, WIDTH, HEIGHT = 50, 10, 840, 210  # of the chart, in units of its viewBox
LINES = {"candidates": "#f79009", "fetched": "#98a2b3", "survivors": "#475467", "kept": "#2f6feb"}
SHOWN = 20  # queries with the most candidates, in the balance's table


def build_page(
    manifests: Sequence[Manifest],
    queries: Mapping[str, Any] | None,
    extracted: Mapping[str, Any] | None,
    counts: Sequence[QueryCount],
    audit: Mapping[str, Any] | None,
    crawled: Mapping[str, Any] | None = None,
    texts: Mapping[int, str] = MappingProxyType({}),
) -> str:
    """The page. `queries` is a `query_section`, `extracted` a `source_section`, `crawled` a `crawl_section`,
    `counts` pairs per query, `texts` the queries by id, of those that are shown at least.
    """
    stages = [
        {
            "stage": item.stage,
            "read": item.counts.read,
            "kept": item.counts.kept,
            "rejected": Counter(item.counts.rejected).most_common(),
            "files": len(item.files),
            "bytes": sum(file.bytes for file in item.files),
            "digest": item.digest,
            "finished": item.finished,
        }
        for item in manifests
    ]
    balance = _balance(counts, texts) if any(item.candidates for item in counts) else None
    template = environment().get_template("index.html")
    return template.render(
        stages=stages, list=queries, extracted=extracted, crawled=crawled, balance=balance, audit=audit
    )


def _balance(counts: Sequence[QueryCount], texts: Mapping[int, str]) -> dict[str, Any]:
    found = [item for item in counts if item.candidates]
    top = max(item.candidates for item in found)
    powers = range(math.ceil(math.log10(top + 1)) + 1)
    shown = sorted(found, key=lambda item: (-item.candidates, item.query_id))[:SHOWN]
    return {
        "matched": len(found),
        "trimmed": sum(item.fetch_limit < SCALE for item in found),
        "limited": sum(item.limit < SCALE for item in found),
        "lines": [
            {"name": name, "colour": colour, "points": _line([getattr(item, name) for item in found], top)}
            for name, colour in LINES.items()
        ],
        "ticks": [
            {"y": round(_y(10**power, top), 1), "label": f"{10**power:,}"}
            for power in powers
            if 10**power <= top
        ],
        "shown": [
            {
                "query": texts.get(item.query_id, f"query {item.query_id}"),
                **{name: getattr(item, name) for name in LINES},
                "limit": item.limit / SCALE,
            }
            for item in shown
        ],
    }


def _line(values: Sequence[int], top: int) -> str:
    """Points of a polyline, most first: about 200 ranks, spread evenly on a logarithmic axis."""
    last, values = len(values), sorted(values, reverse=True)
    ranks = sorted({min(last, round(last ** (step / 200))) for step in range(201)})
    points = []
    for rank in ranks:
        x = LEFT + WIDTH * (math.log(rank) / math.log(last) if last > 1 else 0)
        points.append(f"{x:.1f},{_y(values[rank - 1], top):.1f}")
    return " ".join(points)


def _y(value: int, top: int) -> float:
    share = math.log10(value + 1) / math.log10(top + 1) if top else 0.0
    return TOP + HEIGHT * (1 - share)
