"""Matching 500,000 queries: ours beside the published substring matcher and two Aho-Corasick automata.

    python -m benchmarks.matching [--queries queries.parquet] [--rounds 5]

Captions are the real ones of the sample data (COCO, LAION, CC3M, RedCaps, museum). Without --queries the list
is a stand-in with the source counts of MetaCLIP's (arXiv 2309.16671, Table 1): WordNet, words and bigrams of
word lists, titles of page views. All of them go by the strict rule, and all must find the same: the run ends
with an error where one match differs. CPU time of one process, medians, the contestants taking turns; the
peers come with pip install '.[bench]'.
"""

import argparse
import json
import re
import statistics
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.resources import files
from itertools import chain, product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.clock import cpu, ratio, say, timed
from wit_pipeline.text.match import Matcher

DATA = Path(__file__).parents[2] / "shared/data"
COUNTS = {"WordNet": 86_654, "words": 251_465, "bigrams": 100_646, "titles": 61_235}  # 500,000 together
NAIVE = 100  # captions that the substring matcher gets a round: at 25 to 40 a second
AUTOMATA = 20_000  # and the automata
Found = list[tuple[int, ...]]


def captions() -> list[str]:
    """The captions of the sample data."""
    lists = DATA / "url_caption_lists"
    coco = json.loads((DATA / "captions_text/coco/captions_val2017.json").read_text())["annotations"]
    laion = pq.read_table(next(lists.rglob("test_10000.parquet")))["TEXT"].to_pylist()
    cc3m = next(lists.rglob("Validation_GCC*.tsv")).read_text().splitlines()
    redcaps = [
        row[3] for path in sorted(lists.glob("redcaps/*.json")) for row in json.loads(path.read_text())
    ]
    museum = [json.loads(line)["title"] for line in next(lists.rglob("teenie_4000.jsonl")).open()]
    found = [row["caption"] for row in coco] + laion + [line.split("\t")[0] for line in cc3m]
    return [text or "" for text in [*found, *redcaps, *museum]]


def stand_in() -> list[str]:
    """500,000 queries with the published numbers by source."""
    import symspellpy  # noqa: F401  its package holds the bigrams
    import wordfreq

    lemmas = (line.split("\t")[0] for line in (DATA / "wordnet_oewn/lemmas.tsv").open())
    pairs = (files("symspellpy") / "frequency_bigramdictionary_en_243_342.txt").read_text().splitlines()
    views = json.loads(next((DATA / "wiki_pageviews").glob("*.json")).read_text())["article_views"]
    titles = (urllib.parse.unquote(row["article"]).replace("_", " ") for row in views)
    sources = {
        "WordNet": lemmas,
        "words": wordfreq.top_n_list("en", 400_000),
        "bigrams": (line.rpartition(" ")[0] for line in pairs),
        "titles": chain(titles, names()),
    }
    queries: dict[str, None] = {}
    for name, texts in sources.items():
        wanted = len(queries) + COUNTS[name]
        for text in texts:
            if len(queries) < wanted:
                queries[text] = None
        if len(queries) < wanted:
            say(f"{name}: {wanted - len(queries):,} queries short")
    return list(queries)


def names() -> Iterator[str]:
    """Two capitalised words each, in the place of the titles that one month's ranking lacks."""
    import wordfreq

    words = [word.capitalize() for word in wordfreq.top_n_list("en", 400) if word.isalpha()]
    return (f"{one} {other}" for one, other in product(words, words))


def spaced(caption: str) -> str:
    """A caption as the published matcher sees it."""
    caption = re.sub(r"([,.;:?!`])", r" \1 ", f" {caption} ")
    return caption.translate({9: " ", 10: " ", 13: " "})


def naive(queries: Sequence[str]) -> Callable[[Iterable[str]], Found]:
    """The published way: every query, between blanks, as a substring of every caption."""
    padded = [f" {query} " for query in queries]

    def match(texts: Iterable[str]) -> Found:
        held = map(spaced, texts)
        return [tuple(i for i, query in enumerate(padded) if query in text) for text in held]

    return match


def with_pyahocorasick(queries: Sequence[str]) -> Callable[[Iterable[str]], Found]:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for number, query in enumerate(queries):
        automaton.add_word(f" {query} ", number)
    automaton.make_automaton()

    def match(texts: Iterable[str]) -> Found:
        return [tuple(sorted({number for _, number in automaton.iter(spaced(text))})) for text in texts]

    return match


def with_ahocorasick_rs(queries: Sequence[str]) -> Callable[[Iterable[str]], Found]:
    import ahocorasick_rs

    automaton = ahocorasick_rs.AhoCorasick(
        [f" {query} " for query in queries], implementation=ahocorasick_rs.Implementation.ContiguousNFA
    )

    def match(texts: Iterable[str]) -> Found:
        return [
            tuple(
                sorted({n for n, _, _ in automaton.find_matches_as_indexes(spaced(text), overlapping=True)})
            )
            for text in texts
        ]

    return match


def check(name: str, found: Found, ours: Found) -> None:
    """End with an error where a contestant finds something else."""
    if found != ours:
        place = next(i for i, (one, other) in enumerate(zip(found, ours, strict=True)) if one != other)
        sys.exit(f"{name} finds {found[place]} where ours finds {ours[place]}, in caption {place}")


def compare(queries: Sequence[str], texts: Sequence[str], rounds: int) -> None:
    """Print the table."""
    start = cpu()
    strict = Matcher(queries, "strict_metaclip")
    strict.match_all(texts[:10])
    characters = sum(map(len, texts)) / 1e6
    say(f"{len(queries):,} queries, {len(texts):,} captions of {characters:.2f} million characters")
    say(f"ours: the first table in {cpu() - start:.2f} s of CPU, compilation or its cache included")
    normalised, arrow = Matcher(queries), pa.array(texts)
    few, some = texts[:: len(texts) // NAIVE][:NAIVE], texts[:: max(len(texts) // AUTOMATA, 1)][:AUTOMATA]
    peers: dict[str, tuple[Callable[[Iterable[str]], Found], Sequence[str]]] = {
        "substrings, as published": (naive(queries), few),
        "pyahocorasick": (with_pyahocorasick(queries), some),
        "ahocorasick_rs, contiguous NFA": (with_ahocorasick_rs(queries), some),
    }
    for name, (match, part) in peers.items():
        check(name, match(part), list(strict.match_all(part)))
    say("all find the same")
    each = [len(matcher.match_all(arrow).ids) / len(texts) for matcher in (strict, normalised)]
    say(f"{each[0]:.2f} matches a caption strictly, {each[1]:.2f} normalised")
    contestants: dict[str, Callable[[], Any]] = {
        "ours, strict, Arrow in, arrays out": lambda: strict.match_all(arrow),
        "ours, strict, list in, tuples out": lambda: list(strict.match_all(texts)),
        "ours, normalised, Arrow in, arrays out": lambda: normalised.match_all(arrow),
        "ours, normalised, list in, tuples out": lambda: list(normalised.match_all(texts)),
    }
    sizes = dict.fromkeys(contestants, len(texts))
    for name, (match, part) in peers.items():
        contestants[name] = partial(match, part)
        sizes[name] = len(part)
    table(timed(contestants, rounds), sizes, list(peers))


def table(spent: dict[str, list[float]], sizes: dict[str, int], peers: Sequence[str]) -> None:
    """Captions a second, and how many times as fast ours are."""
    own = next(iter(spent))
    say("| matcher | captions/s of CPU | ours, strict, is so many times as fast |\n|---|---:|---:|")
    for name, figures in spent.items():
        rate = sizes[name] / statistics.median(figures)
        times = ratio(figures, spent[own], sizes[own] / sizes[name]) if name in peers else ""
        say(f"| {name} | {rate:,.0f} | {times} |")


def main(argv: list[str] | None = None) -> int:
    """Run the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    if not DATA.is_dir():
        say("the sample data does not lie beside this checkout")
        return 2
    given = arguments.queries
    queries = pq.read_table(given, columns=["query"])["query"].to_pylist() if given else stand_in()
    compare(queries, captions(), arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
