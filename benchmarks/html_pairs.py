"""HTML to image-text pairs: from WARC files, beside the tree builders, and what an img+alt reader misses.

    python -m benchmarks.html_pairs [--warcs FOLDER] [--rounds 5] [--copies 10]

CPU time of one process in seconds; medians over the rounds and their range, the contestants taking turns. The
pages are those of the folder's WARC files, read `--copies` times a round, so that the clock's steps vanish.
"""

import argparse
import gzip
import io
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType

from benchmarks.clock import say
from wit_pipeline.fetch.http.media import HTML_TYPES
from wit_pipeline.html import lazy
from wit_pipeline.html.encoding import utf8
from wit_pipeline.html.page import read_page
from wit_pipeline.html.rows import attributes, rows_of, scan, value
from wit_pipeline.html.scan import IMG
from wit_pipeline.sources import warc
from wit_pipeline.sources.archives.http_page import MAX_PAGE
from wit_pipeline.sources.archives.records import records
from wit_pipeline.sources.source import Split, World
from wit_pipeline.vocabulary.records import Raw

SAMPLES = Path(__file__).parents[2] / "shared/data/warc_samples"
SLOW_COPIES = 1  # of html5lib, which needs minutes for what the others do in one second
LARGE = 200_000  # bytes of a page that html5lib is spared

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    url: str
    body: bytes
    charset: str
    utf8: bytes


def pages_of(packed: bytes) -> Iterator[Page]:
    """The HTML pages of a WARC, up to where it is damaged."""
    records = ArchiveIterator(io.BytesIO(packed), record_types=WarcRecordType.response, parse_http=True)
    while True:
        try:
            record = next(records)
        except (StopIteration, ValueError, OSError):
            return
        headers = record.http_headers
        if headers and headers.status_code == 200 and record.http_content_type in HTML_TYPES:
            body, charset = record.reader.read(MAX_PAGE), record.http_charset or ""
            url = (record.headers.get("WARC-Target-URI") or "").strip("<> ")
            yield Page(url=url, body=body, charset=charset, utf8=utf8(body, charset))


def read_warcs(files: dict[str, bytes]) -> None:
    """Read every record and every page's bytes, and nothing more."""
    for packed in files.values():
        try:
            for record in ArchiveIterator(
                io.BytesIO(packed), record_types=WarcRecordType.response, parse_http=True
            ):
                record.reader.read(MAX_PAGE)
        except (ValueError, OSError):
            continue


def our_records(files: dict[str, bytes]) -> None:
    """Every response that may be a page, by our own reader."""
    for data in files.values():
        for _ in records(io.BytesIO(data), 0, 0, warc.WANTED):
            pass


def pairs_of_warcs(files: dict[str, bytes]) -> None:
    """The source as the job reads it: files to records."""
    where = World(open=lambda path: io.BytesIO(files[path]), size=lambda path: len(files[path]))
    config = warc.WarcSource(path=("*",))
    for name in files:
        for _ in warc.read(config, Split(source=0, path=name), where):
            pass


def ours(page: Page) -> None:
    for _ in read_page(page.body, page.url, "w#0", [], page.charset):
        pass


def by_scan(page: Page) -> Pairs:
    """src and alt of every img, by the scan."""
    found = scan(page.utf8)
    images = [row for row in rows_of(found.items) if row[0] == IMG]
    return [(value(found.data, row[4], row[5]), value(found.data, row[6], row[7])) for row in images]


def by_lexbor(page: Page) -> Pairs:
    from selectolax.lexbor import LexborHTMLParser

    found = (node.attributes for node in LexborHTMLParser(page.utf8).css("img"))
    return [(node.get("src") or "", node.get("alt") or "") for node in found]


def by_lxml(page: Page) -> Pairs:
    from lxml import html

    if not page.utf8.strip():
        return []
    tree = html.document_fromstring(page.utf8, html.HTMLParser(encoding="utf-8"))
    return [(node.get("src") or "", node.get("alt") or "") for node in tree.iter("img")]


def by_html5lib(page: Page) -> Pairs:
    import html5lib

    tree = html5lib.parse(page.utf8.decode(), namespaceHTMLElements=False)
    return [(node.get("src") or "", node.get("alt") or "") for node in tree.iter("img")]


class Images(HTMLParser):
    """The standard library's tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Pairs = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            named = dict(reversed(attrs))
            self.found.append((named.get("src") or "", named.get("alt") or ""))


def by_stdlib(page: Page) -> Pairs:
    parser = Images()
    parser.feed(page.utf8.decode())
    parser.close()
    return parser.found


def peers() -> dict[str, Callable[[Page], Pairs]]:
    found = {"Lexbor (selectolax) css('img')": by_lexbor, "html.parser": by_stdlib, "html5lib": by_html5lib}
    try:
        import lxml  # noqa: F401
    except ImportError:
        say("lxml is not installed: pip install lxml")
        return found
    return {"lxml": by_lxml, **found}


def each(read: Callable[[Page], object], pages: list[Page], copies: int) -> None:
    for _ in range(copies):
        for page in pages:
            read(page)


def repeat(run: Callable[[], None], copies: int) -> None:
    for _ in range(copies):
        run()


def timed(contestants: dict[str, tuple[Callable[[], None], float]], rounds: int) -> dict[str, list[float]]:
    """MB of HTML a CPU second of each contestant, one figure a round."""
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, (run, megabytes) in contestants.items():
            start = time.process_time()
            run()
            speeds[name].append(megabytes / (time.process_time() - start))
    return speeds


def compare(files: dict[str, bytes], pages: list[Page], rounds: int, copies: int) -> None:
    """Print the speeds."""
    megabytes = sum(len(page.body) for page in pages) / 1e6
    plain = {name: gzip.decompress(packed) for name, packed in whole(files).items()}
    packed = whole(files)
    kept = sum(len(page.body) for data in plain.values() for page in pages_of(data)) / 1e6
    small = [page for page in pages if len(page.body) < LARGE]
    small_megabytes = sum(len(page.body) for page in small) / 1e6
    warcs: dict[str, tuple[Callable[[dict[str, bytes]], None], dict[str, bytes]]] = {
        "fastwarc reads .warc, no parsing": (read_warcs, plain),
        "our records of .warc, no parsing": (our_records, plain),
        "fastwarc reads .warc.gz, no parsing": (read_warcs, packed),
        "our records of .warc.gz, no parsing": (our_records, packed),
        ".warc to pairs": (pairs_of_warcs, plain),
        ".warc.gz to pairs": (pairs_of_warcs, packed),
    }
    table: dict[str, tuple[Callable[[], None], float]] = {
        name: (partial(repeat, partial(run, some), copies), kept * copies)
        for name, (run, some) in warcs.items()
    }
    for name, work in (
        ("scan", lambda page: scan(page.utf8)),
        ("scan to (src, alt)", by_scan),
        ("read_page, all texts", ours),
    ):
        table[name] = (partial(each, work, pages, copies), megabytes * copies)
    for name, read in peers().items():
        slow = name == "html5lib"
        times, size = (SLOW_COPIES, small_megabytes) if slow else (max(1, copies // 5), megabytes)
        table[name] = (partial(each, read, small if slow else pages, times), size * times)
    timed({name: work for name, work in table.items() if name != "html5lib"}, 1)  # compile, warm
    say(f"{len(pages)} pages, {megabytes:.1f} MB; {len(packed)} whole .warc.gz files; {rounds} rounds")
    say("| contestant | MB of HTML a CPU second | range |\n|---|---:|---|")
    for name, speeds in timed(table, rounds).items():
        say(f"| {name} | {statistics.median(speeds):.0f} | {min(speeds):.0f} to {max(speeds):.0f} |")


def whole(files: dict[str, bytes]) -> dict[str, bytes]:
    """The packed files that unpack to their end."""
    found = {}
    for name, data in files.items():
        try:
            if data[:2] == b"\x1f\x8b" and gzip.decompress(data)[:5] == b"WARC/":
                found[name] = data
        except (OSError, EOFError):
            continue
    return found


def agree(pages: list[Page]) -> None:
    """Print recall and precision of (src, alt) against html5lib."""
    small = [page for page in pages if len(page.body) < LARGE]
    truth = [Counter(by_html5lib(page)) for page in small]
    say(f"\n(src, alt) of every img on the {len(small)} pages below {LARGE} bytes, html5lib being right")
    say("| reader | pairs | recall | precision |\n|---|---:|---:|---:|")
    for name, read in {"scan": by_scan, **peers()}.items():
        found = [Counter(read(page)) for page in small]
        both = sum((a & b).total() for a, b in zip(truth, found, strict=True))
        mine, right = sum(one.total() for one in found), sum(one.total() for one in truth)
        say(f"| {name} | {mine} | {both / right:.4f} | {both / mine:.4f} |")


def missed(pages: list[Page]) -> None:
    """Print what each kind of text gives, and how many images an img+alt reader would pair wrongly or not."""
    kinds: Counter[str] = Counter()
    late = 0
    for page in pages:
        for item in read_page(page.body, page.url, "w#0", [], page.charset):
            kinds[item.text_kind if isinstance(item, Raw) and item.text.strip() else "none"] += 1
        found = scan(page.utf8)
        for row in rows_of(found.items):
            src = value(found.data, row[4], row[5])
            late += row[0] == IMG and lazy.real(src, attributes(found.data, row), []) != src
    say("\n| text | pairs |\n|---|---:|")
    for kind, count in kinds.most_common():
        say(f"| {kind} | {count} |")
    say(f"images whose URL is not in src: {late}")


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--warcs", type=Path, default=SAMPLES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--copies", type=int, default=10)
    arguments = parser.parse_args(argv)
    files = {str(path): path.read_bytes() for path in sorted(arguments.warcs.rglob("*.warc*"))}
    pages = [page for data in files.values() for page in pages_of(data)]
    if not pages:
        say(f"no HTML page in the .warc and .warc.gz files of {arguments.warcs}: give --warcs FOLDER")
        return 2
    compare(files, pages, arguments.rounds, arguments.copies)
    agree(pages)
    missed(pages)
    return 0


if __name__ == "__main__":
    sys.exit(main())
