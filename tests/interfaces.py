"""Search interfaces on loopback that answer as MediaWiki's and Openverse's documentation say theirs do."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from tests.web import Answer, Endpoint, Visit, Web, whole
from wit_pipeline.vocabulary.records import SUCCESS

Results = Mapping[str, Sequence[Any]]  # what is found for each search, as it is asked
Parameters = dict[str, str]


def interface(answer: Answer, path: str = "/api") -> Web:
    return Web({path: Endpoint(answer, SUCCESS)})


def asked(web: Web) -> list[Parameters]:
    """The parameters of every request that a server got."""
    return [parameters(target) for target in web.log.paths]


def parameters(target: str) -> Parameters:
    return dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other, whatever is asked, and the last again and again."""
    left = list(answers)

    def answer(visit: Visit) -> Iterable[bytes]:
        return (left.pop(0) if len(left) > 1 else left[0])(visit)

    return answer


def as_json(value: object, *headers: str, status: str = "200 OK") -> Answer:
    return whole(json.dumps(value).encode(), "Content-Type: application/json", *headers, status=status)


def by_query(make: Callable[[Parameters], object]) -> Answer:
    return lambda visit: as_json(make(parameters(visit.target)))(visit)


# --- Wikimedia Commons -----------------------------------------------------------------------------


def commons(results: Results, most: int = 50) -> Answer:
    """generator=search with prop=imageinfo, formatversion=2; `most` results an answer."""

    def make(query: Parameters) -> object:
        found = results.get(query["gsrsearch"].removeprefix("filetype:bitmap "), [])
        first = int(query.get("gsroffset", 0))
        last = first + min(int(query["gsrlimit"]), most)
        pages = [
            {"index": first + i + 1, **page} if isinstance(page, dict) else page
            for i, page in enumerate(found[first:last])
        ]
        answer: dict[str, Any] = {"batchcomplete": True}
        if last < len(found):
            answer["continue"] = {"gsroffset": last, "continue": "gsroffset||"}
        return answer | ({"query": {"pages": pages[::-1]}} if pages else {})  # the order means nothing

    return by_query(make)


def file(number: int, **facts: Any) -> dict[str, Any]:
    """A page of the File: namespace, as prop=imageinfo describes it; `facts` are its extmetadata."""
    name = f"Dog_{number}.jpg"
    metadata = {"ObjectName": f"Dog {number}", **facts}
    return {
        "pageid": 1000 + number,
        "ns": 6,
        "title": f"File:Dog {number}.jpg",
        "imagerepository": "local",
        "imageinfo": [
            {
                "thumburl": f"https://thumb.test/{number}/960px-{name}",
                "thumbwidth": 960,
                "thumbheight": 640,
                "url": f"https://upload.test/{name}",
                "descriptionurl": f"https://commons.test/wiki/File:{name}",
                "mime": "image/jpeg",
                "extmetadata": {key: {"value": value, "source": "x"} for key, value in metadata.items()},
            }
        ],
    }


# --- Openverse -------------------------------------------------------------------------------------


def openverse(results: Results) -> Answer:
    """/v1/images/ with pages of `page_size`."""

    def make(query: Parameters) -> object:
        found, size, page = results.get(query["q"], []), int(query["page_size"]), int(query["page"])
        return {
            "result_count": len(found),
            "page_count": -(-len(found) // size),
            "page_size": size,
            "page": page,
            "results": found[(page - 1) * size : page * size],
        }

    return by_query(make)


def work(number: int, **fields: Any) -> dict[str, Any]:
    """A result with the fields that are documented."""
    return {
        "id": f"4bc43a04-ef46-4544-a0c1-{number:012d}",
        "title": f"Dog {number}",
        "foreign_landing_url": f"https://photos.test/{number}",
        "url": f"https://photos.test/{number}.jpg",
        "creator": "Ada",
        "license": "by",
        "license_version": "2.0",
        "license_url": "https://creativecommons.org/licenses/by/2.0/",
        "provider": "photos",
        "source": "photos",
        "tags": [{"name": "dog", "accuracy": None}],
        "attribution": f'"Dog {number}" by Ada is licensed under CC BY 2.0.',
        "mature": False,
        "height": 400,
        "width": 600,
        **fields,
    }
