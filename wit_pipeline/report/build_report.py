"""report/index.html: the funnel, the balance by rank of query, the overlap, and what lies where."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from wit_pipeline.balance import QueryCount
from wit_pipeline.manifest import Manifest
from wit_pipeline.report.pages import environment

LEFT, TOP, WIDTH, HEIGHT = 50, 10, 840, 210  # of the chart, in units of its viewBox


def build_page(
    manifests: Sequence[Manifest],
    queries: Mapping[str, Any] | None,
    extracted: Mapping[str, Any] | None,
    counts: Sequence[QueryCount],
    audit: Mapping[str, Any] | None,
    crawled: Mapping[str, Any] | None = None,
) -> str:
    """The page. `queries` is a `query_section`, `extracted` a `source_section`, `crawled` a `crawl_section`,
    `counts` pairs per query.
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
    balance = _chart(counts) if counts else None
    template = environment().get_template("index.html")
    return template.render(
        stages=stages, list=queries, extracted=extracted, crawled=crawled, balance=balance, audit=audit
    )


def _chart(counts: Sequence[QueryCount]) -> dict[str, Any]:
    ranked = sorted(counts, key=lambda item: (-item.before, item.query_id))
    top = max(item.before for item in ranked)
    powers = range(math.ceil(math.log10(top + 1)) + 1)
    return {
        "matched": len(ranked),
        "before": _line([item.before for item in ranked], top),
        "after": _line(sorted((item.after for item in ranked), reverse=True), top),
        "ticks": [
            {"y": round(_y(10**power, top), 1), "label": f"{10**power:,}"}
            for power in powers
            if 10**power <= top
        ],
    }


def _line(values: Sequence[int], top: int) -> str:
    """Points of a polyline: about 200 ranks, spread evenly on a logarithmic axis."""
    last = len(values)
    ranks = sorted({min(last, round(last ** (step / 200))) for step in range(201)})
    points = []
    for rank in ranks:
        x = LEFT + WIDTH * (math.log(rank) / math.log(last) if last > 1 else 0)
        points.append(f"{x:.1f},{_y(values[rank - 1], top):.1f}")
    return " ".join(points)


def _y(value: int, top: int) -> float:
    share = math.log10(value + 1) / math.log10(top + 1) if top else 0.0
    return TOP + HEIGHT * (1 - share)
