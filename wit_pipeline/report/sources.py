"""The sources for eyes: what became of each one's records, which texts were kept, some rejects."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from wit_pipeline.vocabulary.records import Reject

SHOWN = 3  # rejects of each reason
CHARACTERS = 160  # of a caption, a URL or a detail


def source_section(results: Mapping[str, Any], rejects: Iterable[Reject]) -> dict[str, Any]:
    """What the template shows of the sources; `results` is extract's results.json."""
    reasons: Counter[str] = Counter()
    for source in results["sources"]:
        reasons.update(source["rejected"])
    return {
        "sources": [
            {**source, "rejected": Counter(source["rejected"]).most_common()} for source in results["sources"]
        ],
        "text_kinds": results["text_kinds"],
        "samples": [
            {"reason": reason, "count": reasons[reason], "rejects": some}
            for reason, some in samples(rejects).items()
        ],
    }


def samples(rejects: Iterable[Reject]) -> dict[str, list[dict[str, str]]]:
    """The first few rejects of each reason, the reasons by name."""
    found: dict[str, list[dict[str, str]]] = {}
    for item in rejects:
        some = found.setdefault(str(item.reason), [])
        if len(some) < SHOWN:
            some.append({name: short(getattr(item, name)) for name in ("caption", "url", "detail", "where")})
    return dict(sorted(found.items()))


def short(text: str) -> str:
    """A text as a table has room for it."""
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
