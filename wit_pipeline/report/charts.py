"""Where the marks of the audit's two charts stand: numbers for a template to draw, no markup."""

from collections.abc import Mapping, Sequence
from typing import Any

WIDTH, HEIGHT = 600, 220  # of the drawing, in its own units
LEFT, BOTTOM, TOP = 60, 40, 20  # margins
BINS = 24  # of the distances at most


def distance_charts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The charts of a set, by codes and by a detector's cosines; none where nothing is near."""
    charts = [("bits of 256", found["threshold"], found)]
    for name, title in (("judged", "cosine, of what codes found"), ("learned", "cosine, of all images")):
        if name in found.get("detector", {}):
            charts.append((title, found["detector"][name]["threshold"], found["detector"][name]))
    drawn = [distance_chart(counts, threshold) for _, threshold, counts in charts]
    return [
        {**chart, "unit": unit, "at": _cosine if "cosine" in unit else str}
        for (unit, _, _), chart in zip(charts, drawn, strict=True)
        if chart
    ]


def _cosine(thousandths: int) -> str:
    """What it is short of 1 by, as a cosine."""
    return f"{1 - thousandths / 1000:.3f}"


def distance_chart(found: Mapping[str, Any], threshold: int) -> dict[str, Any] | None:
    """Bars of a set's nearest distances, and of decoys, and above them the share that is by chance at each
    threshold; None where nothing is near.
    """
    kinds = {"target": found["distances"], "decoy": found["decoys"]}
    farthest = max((int(at) for counts in kinds.values() for at in counts), default=None)
    if farthest is None:
        return None
    farthest = max(farthest, threshold)
    step = -(-(farthest + 1) // BINS)
    bins = farthest // step + 1
    heights = {kind: _binned(counts, step, bins) for kind, counts in kinds.items()}
    tallest = max(max(values) for values in heights.values())
    wide = (WIDTH - LEFT) / bins
    return {
        "bars": [
            {
                "kind": kind,
                "x": round(LEFT + i * wide + (wide / 2 if kind == "decoy" else 0), 1),
                "width": round(wide / 2 - 1, 1),
                "y": round(_up(n, tallest), 1),
                "height": round(HEIGHT - BOTTOM - _up(n, tallest), 1),
                "label": f"{kind}: {n:,} at {i * step} to {i * step + step - 1}",
            }
            for kind, values in heights.items()
            for i, n in enumerate(values)
            if n
        ],
        "threshold": round(LEFT + (threshold + 1) / step * wide, 1) if threshold >= 0 else None,
        "bits": threshold,
        "tallest": tallest,
        "decoys": bool(kinds["decoy"]),
        "ticks": [(round(LEFT + i * wide, 1), i * step) for i in range(0, bins, max(1, bins // 6))],
        "curve": _curve(found["curve"], wide / step),
    }


def _curve(curve: Sequence[Sequence[float]], wide: float) -> str:
    """The share by chance as the points of a line in steps, 0 below and all above."""
    points: list[tuple[float, float]] = []
    for distance, _, _, share in curve:
        x = LEFT + distance * wide
        points += [(x, points[-1][1] if points else _up(0, 1)), (x, _up(min(1.0, share), 1))]
    if points:
        points.append((LEFT + (curve[-1][0] + 1) * wide, points[-1][1]))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _binned(counts: Mapping[str, int], step: int, bins: int) -> list[int]:
    values = [0] * bins
    for bits, n in counts.items():
        values[int(bits) // step] += n
    return values


def _up(value: float, most: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most


def difference_chart(tested: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """Overlap's accuracy less Clean's against the share of overlap, with intervals, as in the paper's
    Figure 17; None without a set that was tested. Differences are in points, shares in percent.
    """
    if not tested:
        return None
    points = {name: _point(found) for name, found in tested.items()}
    reach = max(max(abs(low), abs(high)) for _, _, low, high, _ in points.values())
    reach = max(1.0, reach)
    widest = max(1.0, 1.1 * max(share for share, *_ in points.values()))
    middle, half = (TOP + HEIGHT - BOTTOM) / 2, (HEIGHT - BOTTOM - TOP) / 2

    def y(difference: float) -> float:
        return round(middle - half * difference / reach, 1)

    return {
        "points": [
            {
                "name": name,
                "x": round(LEFT + (WIDTH - LEFT) * share / widest, 1),
                "y": y(gain),
                "low": y(low),
                "high": y(high),
                "significant": significant,
                "label": f"{name}: {gain:+.1f} points ({low:+.1f} to {high:+.1f}) at {share:.1f} % overlap",
            }
            for name, (share, gain, low, high, significant) in points.items()
        ],
        "zero": y(0),
        "ticks_y": [(y(value), f"{value:+.0f}") for value in (-reach, -reach / 2, reach / 2, reach)],
        "ticks_x": [(round(LEFT + (WIDTH - LEFT) * i / 4, 1), f"{widest * i / 4:.1f} %") for i in range(4)],
    }


def _point(found: Mapping[str, Any]) -> tuple[float, float, float, float, bool]:
    tests = found["tests"]
    low, high = tests["overlap_minus_clean_interval"]
    significant = tests["adjusted"]["within_classes"]["significant"]
    return (
        100 * found["overlap_share"],
        100 * tests["overlap_minus_clean"],
        100 * low,
        100 * high,
        significant,
    )
