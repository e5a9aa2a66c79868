"""Sources that ask servers, through the whole of `wit extract`."""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_plus

import pytest

from beam_jobs.__main__ import main
from beam_jobs.stages import extract as job
from tests.interfaces import commons, file, in_turn, interface
from tests.web import Answer, Endpoint, Web, whole
from wit_pipeline.sources.web import api
from wit_pipeline.vocabulary import machine, manifest, rows
from wit_pipeline.vocabulary.manifest import Manifest
from wit_pipeline.vocabulary.records import SUCCESS, Candidate

PAGE = "<page><title>A</title><ns>0</ns><revision><text>{text}</text></revision></page>"
RECIPE = """
[queries]
wikipedia = ["{folder}/dump.xml"]
min_count = 1
[[extract.sources]]
{source}
[crawl]
allow_hosts = ["{authority}"]
timeout = 5.0
retries = 0
"""


def extract(folder: Path, web: Web, text: str, source: str) -> tuple[int, Manifest | None]:
    """The exit code of `wit build --to extract`, and what it signed."""
    (folder / "dump.xml").write_text(f'<mediawiki version="0.11">{PAGE.format(text=text)}</mediawiki>')
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(folder=folder, authority=web.authority, source=source))
    arguments = ["--recipe", str(recipe), "--root", str(folder / "root"), "--workers", "1"]
    return main(["build", "--to", "extract", *arguments]), manifest.load(folder / "root" / "extract")


def candidates(folder: Path, signed: Manifest | None) -> list[Candidate]:
    assert signed is not None
    parts = [folder / "root" / "extract" / part.name for part in signed.named("part-")]
    return [candidate for part in parts for candidate in rows.read(part, Candidate)]


def strings(items: Sequence[str]) -> str:
    return json.dumps(list(items))


def test_a_real_site_by_its_front_page_and_by_a_list(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "site_gutenberg_html"
    bodies = {f"/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*.*")}
    front = whole(
        b'<html><a href="/14838-h/14838-h.htm">The Tale of Peter Rabbit</a>', "Content-Type: text/html"
    )
    endpoints = {
        path: Endpoint(whole(body, "Content-Type: text/html" if path.endswith("htm") else "X: y"), SUCCESS)
        for path, body in bodies.items()
    }
    with Web(endpoints | {"/": Endpoint(front, SUCCESS)}) as web:
        (tmp_path / "list.txt").write_text(f"# pages\n{web.url('/gone.html')}\n")
        keys = f"urls = {strings([web.url('/')])}\npath = {strings([f'{tmp_path}/list.txt'])}\ndepth = 1"
        text = "Peter Rabbit and Mrs Rabbit, mother and McGregor of the garden"
        code, signed = extract(tmp_path, web, text, f'kind = "pages"\n{keys}')
        assert code == 0
        found = candidates(tmp_path, signed)
        assert not any(path.endswith((".jpg", ".gif")) for path in web.log.paths)  # images are for `crawl`
    assert signed is not None
    assert signed.counts.rejected["http_not_found"] == 1
    assert "Mrs. Rabbit gives Peter camomile tea" in {candidate.caption for candidate in found}
    assert {candidate.page_url for candidate in found} == {web.url("/14838-h/14838-h.htm")}
    assert {candidate.source for candidate in found} == {"pages"}
    images = {path for path in bodies if path.endswith((".jpg", ".gif"))}
    assert len(images) == 28
    assert {candidate.url.removeprefix(web.url("")) for candidate in found} <= images


MARKDOWN = re.compile(r'!\[([^\]]*)\]\((\S+?)(?: "([^"]*)")?\)')  # an image: its text, URL and title


def test_real_recipes_by_their_sitemap(real_data: Path, tmp_path: Path) -> None:
    """Pages of recipes with short, noisy alt texts, as a site generator would write them."""
    pages = {}
    images = 0
    for path in sorted((real_data / "pairs_recipes_webp/pages").glob("*.md")):
        text = path.read_text()
        found = MARKDOWN.findall(text)
        images += len(found) + sum(title not in ("", alt) for alt, _, title in found)
        body = MARKDOWN.sub(r'<figure><img alt="\1" src="\2" title="\3"></figure>', text)
        pages[f"/{path.stem}"] = f"<!doctype html><html lang=en><body>{body}".encode()
    endpoints = {
        path: Endpoint(whole(body, "Content-Type: text/html; charset=utf-8"), SUCCESS)
        for path, body in pages.items()
    }
    with Web(endpoints) as web:
        locations = "".join(f"<url><loc>{web.url(path)}</loc></url>" for path in pages)
        sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{locations}</urlset>'
        web.endpoints["/sitemap.xml"] = Endpoint(whole(sitemap.encode(), "Content-Type: text/xml"), SUCCESS)
        source = f'kind = "pages"\nsitemaps = {strings([web.url("/sitemap.xml")])}'
        words = "butter chicken sauce bolognese lasagna soup bread cake pie cheese and tea with potatoes"
        code, signed = extract(tmp_path, web, words, source)
        assert code == 0
        assert signed is not None
        assert signed.counts.read == images >= 25
        kept = candidates(tmp_path, signed)
        assert {"Bolognese sauce", "Butter Chicken Masala"} <= {item.caption for item in kept}
        assert all(item.url.startswith(web.url("/pix/")) and item.url.endswith(".webp") for item in kept)
        assert {item.language for item in kept} == {"en"}


def test_an_interface_that_stops_for_the_day_is_asked_for_the_rest_the_day_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(api, "SPLIT_REQUESTS", 1)
    monkeypatch.setattr(machine, "folder", lambda: tmp_path)
    found = {f'"{word}"': [file(number)] for number, word in enumerate(("dog", "red", "cat"))}
    stop: Answer = whole(b"", "Retry-After: 70000", status="429 Too Many Requests")
    answer = commons(found)
    with interface(in_turn(answer, stop, answer)) as web:
        source = f'kind = "commons"\napi = "{web.url("/api")}"\ninterval = 0.0'
        code, signed = extract(tmp_path, web, "dog dog dog red red cat", source)
        assert (code, signed) == (1, None)
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.endswith(
            "wants no request for 70000 s: its limit is reached; a later run goes on from here"
        )
        asked = len(web.log.paths)

        job.client.cache_clear()  # another process, of the same day, knows of it
        assert extract(tmp_path, web, "dog dog dog red red cat", source)[0] == 1
        assert len(web.log.paths) == asked

        job.client.cache_clear()
        monotonic = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: monotonic() + 70_001)
        code, signed = extract(tmp_path, web, "dog dog dog red red cat", source)
        assert code == 0
        searches = [unquote_plus(path).partition('bitmap "')[2].partition('"')[0] for path in web.log.paths]
    assert asked == 2
    assert searches[0] not in searches[1:]
    assert searches[1] == searches[2]
    kept = {(candidate.url, candidate.caption) for candidate in candidates(tmp_path, signed)}
    assert kept == {(f"https://thumb.test/{i}/960px-Dog_{i}.jpg", f"Dog {i}") for i in range(3)}
