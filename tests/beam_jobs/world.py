"""A dump, a list and a web of some dozen photographs, for one record's walk through the whole house."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.factories import encoded, photograph
from tests.web import Endpoint, Web, whole
from wit_pipeline.vocabulary.records import SUCCESS, Reason

IMAGES = 24
DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">
<siteinfo><namespaces><namespace key="0"/><namespace key="10">Template</namespace></namespaces></siteinfo>
{pages}</mediawiki>
"""
PAGE = """<page><title>{title}</title><ns>0</ns><id>{id}</id>
<revision><id>{id}</id><text>{text}</text></revision></page>
"""


@dataclass(frozen=True)
class World:
    """Where it lies, and the recipe that builds from it."""

    recipe: Path
    web: Web


def make(folder: Path) -> World:
    """Write the world into a folder; its web must be entered before it is crawled."""
    folder.mkdir()
    pages = "".join(
        PAGE.format(title=f"Dog {i}", id=i, text="The red dog saw the blue river. " * 5) for i in range(4)
    )
    (folder / "dump.xml").write_text(DUMP.format(pages=pages))
    endpoints, rows = {}, []
    for number in range(IMAGES):
        body = encoded(photograph(number, (160, 120)), quality=95)
        endpoints[f"/{number}.jpg"] = Endpoint(whole(body, "Content-Type: image/jpeg"), SUCCESS)
        rows.append((f"/{number}.jpg", f"A red dog, number {number}"))
    endpoints["/near.jpg"] = Endpoint(whole(encoded(photograph(0, (160, 120)), quality=50)), SUCCESS)
    endpoints["/same.jpg"] = endpoints["/1.jpg"]
    endpoints["/small.jpg"] = Endpoint(whole(encoded(photograph(77, (40, 40)))), SUCCESS)
    endpoints["/eval.jpg"] = Endpoint(whole(encoded(photograph(500, (160, 120)), quality=70)), SUCCESS)
    endpoints["/noai.jpg"] = Endpoint(whole(b"", "X-Robots-Tag: noai"), Reason.OPTED_OUT)
    rows += [(path, f"A river at {path[1:-4]}") for path in ("/near.jpg", "/same.jpg", "/small.jpg")]
    rows += [
        ("/eval.jpg", "The river and the dog"),
        ("/noai.jpg", "The blue dog"),
        ("/gone.jpg", "The red river"),
    ]
    rows += [("/0.jpg", "A red dog, number 0"), ("/2.jpg", "The dog again"), ("/3.jpg", "nothing known")]
    web = Web(endpoints)
    lines = [json.dumps({"url": web.url(path), "caption": text}) for path, text in rows]
    (folder / "list.jsonl").write_text("\n".join(lines))
    (folder / "eval" / "dog").mkdir(parents=True)
    (folder / "eval" / "dog" / "1.png").write_bytes(encoded(photograph(500, (160, 120)), "PNG"))
    (folder / "eval" / "dog" / "2.png").write_bytes(encoded(photograph(501, (160, 120)), "PNG"))
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(folder=folder, authority=web.authority))
    return World(recipe=recipe, web=web)


RECIPE = """
[queries]
wikipedia = ["{folder}/dump*.xml"]
min_count = 10
bigram_min_count = 10
[[extract.sources]]
kind = "list"
path = ["{folder}/list.jsonl"]
[frontier]
unit_urls = 8
[crawl]
user_agent = "wit-test/0.1 (+https://example.org/wit)"
allow_hosts = ["{authority}"]
timeout = 5.0
[dedup]
evaluation = "flag"
[shard]
samples = 10
[audit.sets]
eval = "{folder}/eval"
[train]
model = "read by the trainer alone"
"""
