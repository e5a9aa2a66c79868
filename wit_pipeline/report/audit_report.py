"""audit/report.html: each evaluation set's overlap, what it did to scores, and pairs for eyes to judge."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from wit_pipeline.audit.audit import Overlap, Sheet
from wit_pipeline.copies import any_format, picture_sets
from wit_pipeline.copies.evaluation import AuditConfig
from wit_pipeline.report.charts import difference_chart, distance_charts
from wit_pipeline.report.pages import environment, picture

CLASSES = 20  # shown of a set, those with the largest overlap first; all are in results.json


def audit_page(
    summary: Mapping[str, Any],
    shown: Mapping[str, Sheet],
    pictures: Mapping[str, bytes],
    config: AuditConfig,
) -> str:
    """The page. `shown` are the pairs of each set to draw; `pictures` the stored image by sample."""
    script = environment().get_template("review.js").render()
    drawn = {name: _sheet(name, sheet, config, pictures) for name, sheet in shown.items()}
    return (
        environment()
        .get_template("audit.html")
        .render(
            summary=summary,
            drawn=drawn,
            distances={name: distance_charts(found) for name, found in summary["sets"].items()},
            differences=difference_chart(_tested(summary)),
            classes={name: _classes(found) for name, found in summary["sets"].items()},
            class_rows=CLASSES,
            script=script,
            script_sum=b64encode(sha256(script.encode()).digest()).decode(),
        )
    )


def _sheet(
    name: str, sheet: Sheet, config: AuditConfig, pictures: Mapping[str, bytes]
) -> dict[str, list[dict[str, Any]]]:
    kinds = {"sample": sheet.sample, "edge": sheet.edge, "beyond": sheet.beyond}
    wanted = {item.image for items in kinds.values() for item in items}
    found = config.pictures(name) if wanted else []
    read = picture_sets.read([item for item in found if item.name in wanted])
    known = {item.name: any_format.of_the_web(body) for item, body in read}
    return {kind: _pairs(items, known, pictures) for kind, items in kinds.items()}


def _pairs(
    items: Sequence[Overlap], known: Mapping[str, bytes], pictures: Mapping[str, bytes]
) -> list[dict[str, Any]]:
    return [
        {"overlap": item, "evaluation": picture(known[item.image]), "training": picture(pictures[item.key])}
        for item in items
    ]


def _tested(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    scored = {name: found.get("scores") for name, found in summary["sets"].items()}
    return {name: found for name, found in scored.items() if found and found["tests"]}


def _classes(found: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """(class, images, overlap) of the classes with copies, the largest overlap first."""
    copied = [(name, n["images"], n["overlap"]) for name, n in found["classes"].items() if n["overlap"]]
    return sorted(copied, key=lambda row: (-row[2], row[0]))[:CLASSES]
