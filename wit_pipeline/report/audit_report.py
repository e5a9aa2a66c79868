"""audit/report.html: each evaluation set's overlap, and the pairs that say so, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from wit_pipeline.audit import Overlap
from wit_pipeline.evaluation import AuditConfig
from wit_pipeline.report.pages import environment, picture


def audit_page(
    summary: Mapping[str, Any],
    shown: Mapping[str, Sequence[Overlap]],
    pictures: Mapping[str, bytes],
    config: AuditConfig,
) -> str:
    """The page. `shown` are the overlaps of each set to draw; `pictures` the stored JPEG by sample."""
    folders = config.named_sets()
    drawn = {
        name: [
            {
                "overlap": item,
                "evaluation": picture((folders[name] / item.image).read_bytes()),
                "training": picture(pictures[item.key]),
            }
            for item in items
        ]
        for name, items in shown.items()
    }
    return environment().get_template("audit.html").render(summary=summary, drawn=drawn)
