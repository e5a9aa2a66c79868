"""The crawl for eyes: what became of the URLs by status, and the hosts with the most URLs and failures."""

from collections.abc import Iterable, Mapping
from heapq import nlargest
from typing import Any

from wit_pipeline.crawl.accounts import Class, Host
from wit_pipeline.report.sources import short
from wit_pipeline.vocabulary.records import SUCCESS

SHOWN = 20  # hosts of each table
FAILURES = 5  # statuses shown of a host
AT_ONCE = 1000  # hosts between two looks at which ones are shown


def crawl_section(
    hosts: Iterable[Host], classes: Iterable[Class], decoders: Mapping[str, int]
) -> dict[str, Any]:
    """What the template shows of a crawl. Holds some thousand hosts, however many there are."""
    statuses = list(classes)
    urls = sum(item.urls for item in statuses)
    count, held, largest, failing = 0, list[Host](), list[Host](), list[Host]()
    for count, host in enumerate(hosts, 1):
        held.append(host)
        if count % AT_ONCE == 0:
            largest, failing, held = _most([*largest, *held], _urls), _most([*failing, *held], _failures), []
    return {
        "urls": urls,
        "hosts": count,
        "bytes": sum(item.bytes for item in statuses),
        "decoders": list(decoders.items()),
        "classes": [_class(item, urls) for item in statuses],
        "largest": [_host(host) for host in _most([*largest, *held], _urls)],
        "failing": [_host(host) for host in _most([*failing, *held], _failures) if _failures(host)],
    }


def _urls(host: Host) -> int:
    return host.urls


def _failures(host: Host) -> int:
    return host.urls - host.success


def _most(hosts: Iterable[Host], size: Any) -> list[Host]:
    return nlargest(SHOWN, sorted(hosts, key=lambda host: host.host), key=size)


def _class(item: Class, urls: int) -> dict[str, Any]:
    return {
        "status": item.status,
        "urls": item.urls,
        "share": item.urls / urls,
        "candidates": item.candidates,
        "attempts": item.attempts,
        "messages": [(short(text), count) for text, count in zip(item.messages, item.counts, strict=True)],
    }


def _host(item: Host) -> dict[str, Any]:
    statuses = zip(item.statuses, item.counts, strict=True)
    return {
        "host": short(item.host),
        "urls": item.urls,
        "success": item.success,
        "share": item.success / item.urls,
        "bytes": item.bytes,
        "failures": [(status, count) for status, count in statuses if status != SUCCESS][:FAILURES],
    }
