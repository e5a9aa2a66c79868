"""Captions of articles' own images, by language: how many are kept, and how many the wiki's list matches.

    python -m benchmarks.languages [--min-count 5] [--show] [DUMP …]
    python -m benchmarks.languages --lists 27000000

For each dump of the sample data (or those named) a list is made of the words that occur `--min-count` times
in its text, and the captions of its images are judged as `extract` does it, by default settings. Of what is
not kept the reasons are told; `--show` prints the captions, what was matched and why not. `--lists N`: the
memory and the CPU that a process takes to hold N queries of 300 languages, a third of their texts twice.
"""

import argparse
import html
import re
import resource
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.clock import cpu, say
from queries.count import segments
from queries.dumps.namespaces import IMAGE_OPTION
from queries.dumps.unpack import unpacked
from queries.dumps.wikitext import MEDIUM, plain
from queries.merge import worth_asking
from wit_pipeline.extract import ExtractConfig, judge, rules_of
from wit_pipeline.text.match import Lists
from wit_pipeline.text.text import normalise
from wit_pipeline.vocabulary.records import Candidate, Raw

DUMPS = Path(__file__).parents[2] / "shared/data/wiki_dumps/languages"
TEXT = re.compile(r"<text\b[^>]*>(.*?)</text>", re.DOTALL)
PIECE = re.compile(r"\[\[|\]\]")


def wikitexts(path: Path) -> list[str]:
    """The source of each page of a dump that fits in memory."""
    with path.open("rb") as file:
        whole = b"".join(piece for piece in unpacked(file) if isinstance(piece, bytes)).decode()
    return [html.unescape(text) for text in TEXT.findall(whole)]


def captions(wikitext: str) -> Iterator[str]:
    """The captions of the images that a page shows, as readers see them."""
    opened: list[int] = []
    for found in PIECE.finditer(wikitext):
        if found[0] == "[[":
            opened.append(found.end())
        elif opened:
            target, _, options = wikitext[opened.pop() : found.start()].partition("|")
            if opened or not MEDIUM.fullmatch(target.partition(":")[2]):
                continue
            caption = plain(_last(options))
            if caption and not IMAGE_OPTION.fullmatch(caption):
                yield caption


def _last(options: str) -> str:
    """The last of a link's options; those of links and templates in it are none."""
    depth, start = 0, 0
    for found in re.finditer(r"\[\[|\{\{|\]\]|\}\}|\|", options):
        if found[0] == "|":
            start = found.end() if depth == 0 else start
        else:
            depth += 1 if found[0] in ("[[", "{{") else -1
    return options[start:].strip()


def measure(path: Path, least: int, show: bool) -> str:
    """A line of the table."""
    sources = wikitexts(path)
    counts: Counter[str] = Counter()
    for segment in segments(map(plain, sources)):
        for row in segment.counts.filter(pc.field("count") >= least).to_pylist():
            counts[normalise(row["text"])] += row["count"]
    queries = [word for word, _ in counts.most_common() if worth_asking(word)]
    given = list(dict.fromkeys(caption for source in sources for caption in captions(source)))
    raws = [Raw(url=f"https://a.test/{i}.jpg", text=text, where=str(i)) for i, text in enumerate(given)]
    kept, matched, reasons = 0, 0, Counter[str]()
    rules = rules_of(ExtractConfig(), Lists(queries))
    for raw, item in zip(raws, judge(raws, "list", rules), strict=True):
        reason = "" if isinstance(item, Candidate) else str(item.reason)
        matched += not reason
        kept += reason in ("", "no_query")
        reasons.update([reason] if reason else [])
        if show:
            found = " | ".join(queries[i] for i in item.queries) if isinstance(item, Candidate) else reason
            say(f"  {raw.text}  ->  {found}")
    told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    top = " ".join(queries[:8])
    name = path.name.partition("_")[0].partition(".")[0]
    return f"| {name} | {len(queries)} | {top} | {len(given)} | {kept} | {matched} | {told} |"


def hold(number: int) -> str:
    """What lists of so many made-up queries of one or two words cost a process."""
    texts = number * 3 // 4  # each of a third of them is two queries
    again = number - texts
    ids = pa.array(np.concatenate([np.arange(texts), np.arange(again)]))
    words = pc.binary_join_element_wise("w", pc.cast(ids, pa.string()), "")
    longer = pc.binary_join_element_wise(words, "x", " ")
    spelled = pc.if_else(pa.array(np.asarray(ids) % 2 == 0), words, longer)
    places = np.concatenate([np.arange(texts) % 300, (np.arange(again) + 1) % 300])
    codes = pa.array([f"q{place:03d}" for place in range(300)]).take(pa.array(places))
    before, start = peak(), cpu()
    lists = Lists(spelled, codes, np.arange(number), "normalised")
    spent, more = cpu() - start, peak() - before
    found = lists.of(lists.matcher.match_all(["w8 and w9 x"]), [""])
    return (
        f"{number:,} queries of {len(lists.languages)} languages: {spent:.0f} s of CPU, {more / 1e9:.1f} GB "
        f"more at the peak ({before / 1e9:.1f} before, the texts among it); matches {len(found.ids)}"
    )


def peak() -> float:
    """Bytes that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dumps", nargs="*", type=Path, metavar="DUMP")
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--lists", type=int, default=0, metavar="N")
    given = parser.parse_args(argv)
    if given.lists:
        say(hold(given.lists))
        return 0
    lines = [
        "| language | queries | the most frequent | captions | kept | matched | not kept |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    lines += [measure(path, given.min_count, given.show) for path in given.dumps or sorted(DUMPS.iterdir())]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
