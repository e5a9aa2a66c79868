"""The posts as a site shows them: HTML pages, the same pages as a WARC, and a list of URLs."""

import gzip
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs.demo.dice import Dice
from beam_jobs.demo.posts import Post
from beam_jobs.demo.troubles import FOLDERS, Trouble
from wit_pipeline.vocabulary.chance import fingerprint

ON_PAGES = 0.6  # share of the posts that pages show; the list has the others
A_PAGE = 12  # posts
WARCS = 2
NOAI = '<meta name="robots" content="noai, noimageai">'
WHEN = "2024-05-01T00:00:00Z"  # nothing in the world tells when it was made


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """An HTML page of the site."""

    path: str
    body: bytes


def write_site(posts: Sequence[Post], folder: Path, site: Path, seed: int, base_url: str) -> None:
    """Write robots.txt, the pages, pages-N.warc.gz and list.parquet."""
    shown, listed = _spread(posts, seed)
    pages = list(_pages(shown, base_url))
    for page in pages:
        (site / page.path).parent.mkdir(parents=True, exist_ok=True)
        (site / page.path).write_bytes(page.body)
    (site / "robots.txt").write_text(
        f"User-agent: *\nDisallow: /{FOLDERS[Trouble.ROBOTS]}/\n", encoding="utf-8"
    )
    for number in range(WARCS):
        write_warc(folder / f"pages-{number}.warc.gz", pages[number::WARCS], base_url)
    table = {"url": [post.url for post in listed], "caption": [post.caption for post in listed]}
    pq.write_table(pa.table(table), folder / "list.parquet")


def _spread(posts: Sequence[Post], seed: int) -> tuple[list[list[Post]], list[Post]]:
    """Posts by page, and those of the list. A page that opts out shows nothing else."""
    dice = Dice(seed, "site")
    closed = [post for post in posts if post.trouble is Trouble.PAGE_OPT_OUT]
    others = dice.shuffled("order", [post for post in posts if post.trouble is not Trouble.PAGE_OPT_OUT])
    cut = round(len(others) * ON_PAGES)
    groups = [*_by(A_PAGE, closed), *_by(A_PAGE, others[:cut])]
    return dice.shuffled("pages", groups), others[cut:]


def _by(count: int, posts: Sequence[Post]) -> list[list[Post]]:
    return [list(posts[start : start + count]) for start in range(0, len(posts), count)]


def _pages(groups: Sequence[Sequence[Post]], base_url: str) -> Iterator[Page]:
    for number, group in enumerate(groups):
        head = NOAI if group[0].trouble is Trouble.PAGE_OPT_OUT else ""
        figures = "\n".join(_figure(post, base_url) for post in group)
        text = (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{head}'
            f"<title>Page {number}</title></head>\n<body><h1>Pictures, page {number}</h1>\n{figures}\n"
            "</body></html>\n"
        )
        yield Page(path=f"pages/{number:03d}.html", body=text.encode())


def _figure(post: Post, base_url: str) -> str:
    source = html.escape(post.url.removeprefix(base_url))
    return f'<p><img src="{source}" alt="{html.escape(post.caption)}"></p>'


def write_warc(path: Path, pages: Sequence[Page], base_url: str) -> None:
    """WARC 1.0, each record a gzip member of its own: the same pages give the same bytes."""
    records = [_record("warcinfo", "", b"software: wit demo\r\n", "application/warc-fields")]
    records += [
        _record("response", f"{base_url}/{page.path}", _answer(page), "application/http; msgtype=response")
        for page in pages
    ]
    path.write_bytes(b"".join(gzip.compress(record, mtime=0) for record in records))


def _answer(page: Page) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page.body)}"
    return head.encode() + b"\r\n\r\n" + page.body


def _record(kind: str, target: str, block: bytes, content_type: str) -> bytes:
    name = UUID(hex=fingerprint(kind, target))
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Date: {WHEN}",
        f"WARC-Record-ID: <urn:uuid:{name}>",
        *([f"WARC-Target-URI: {target}"] if target else []),
        f"Content-Type: {content_type}",
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n"
