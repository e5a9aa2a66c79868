"""Every primitive of Beam's that our graphs use, as a question whose answer is known."""

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from beam_jobs.engine.stage import Task
from wit_pipeline.vocabulary import manifest
from wit_pipeline.vocabulary.store import place

MANY = 3_000  # numbers that the questions are about
KEYS = 7


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, what is right, and the graph from numbers to the answer."""

    name: str  # as it is said where the answer is wrong
    right: Callable[[], Iterable[Any]]
    graph: Callable[[Any], Any]


def even(number: int) -> Iterator[Any]:
    """The even ones, and the others by a tag."""
    yield number if number % 2 == 0 else beam.pvalue.TaggedOutput("odd", number)


def parted(numbers: Any) -> Any:
    return numbers | "Part" >> beam.FlatMap(even).with_outputs("odd", main="even")


def keyed(numbers: Any) -> Any:
    return numbers | "Key" >> beam.Map(lambda number: (number % KEYS, number))


class Highest(beam.CombineFn):
    """The highest number and how many there are: an accumulator that is neither input nor output."""

    def create_accumulator(self) -> tuple[int, int]:
        return (-1, 0)

    def add_input(self, seen: tuple[int, int], number: int) -> tuple[int, int]:
        return max(seen[0], number), seen[1] + 1

    def merge_accumulators(self, several: Iterable[tuple[int, int]]) -> tuple[int, int]:
        every = list(several)
        return max(high for high, _ in every), sum(count for _, count in every)

    def extract_output(self, seen: tuple[int, int]) -> list[int]:
        return list(seen)


class AtTheEnd(beam.DoFn):
    """Gives what it was given when its bundle ends."""

    def start_bundle(self) -> None:
        self.kept: list[int] = []

    def process(self, number: int) -> None:
        self.kept.append(number)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for number in self.kept:
            yield WindowedValue(number, GlobalWindow().max_timestamp(), (GlobalWindow(),))


def by_key() -> dict[int, list[int]]:
    return {key: list(range(key, MANY, KEYS)) for key in range(KEYS)}


def _listed(numbers: Any, of: Any, name: str) -> Any:
    """How many there are in a list side input, and their sum, beside each of three elements."""
    three = numbers.pipeline | f"Three{name}" >> beam.Create([0, 1, 2])
    return three | name >> beam.Map(lambda one, every: [one, len(every), sum(every)], beam.pvalue.AsList(of))


def _branches(numbers: Any) -> Any:
    """One collection that three consumers read, put together again."""
    doubled = numbers | "Doubled" >> beam.Map(lambda number: 2 * number)
    low = doubled | "Low" >> beam.Filter(lambda number: number < MANY)
    high = doubled | "High" >> beam.Filter(lambda number: number >= MANY)
    return [low, high, doubled] | "Together" >> beam.Flatten()


def _joined(numbers: Any) -> Any:
    both = {
        "plain": keyed(numbers),
        "square": numbers | "Square" >> beam.Map(lambda number: (number % KEYS, number * number)),
    }
    return (
        both
        | "Join" >> beam.CoGroupByKey()
        | "Sums"
        >> beam.MapTuple(
            lambda key, found: [key, sum(found["plain"]), sum(found["square"]), len(list(found["square"]))]
        )
    )


QUESTIONS = (
    Question("elements of one collection", lambda: range(MANY), lambda numbers: numbers),
    Question(
        "grouping by key",
        lambda: ([key, found] for key, found in by_key().items()),
        lambda numbers: (
            keyed(numbers)
            | beam.GroupByKey()
            | "Sorted" >> beam.MapTuple(lambda key, found: [key, sorted(found)])
        ),
    ),
    Question(
        "a join of two collections",
        lambda: ([key, sum(of), sum(one * one for one in of), len(of)] for key, of in by_key().items()),
        _joined,
    ),
    Question(
        "sums by key",
        lambda: ([key, sum(found)] for key, found in by_key().items()),
        lambda numbers: keyed(numbers) | beam.CombinePerKey(sum) | "Pair" >> beam.Map(list),
    ),
    Question(
        "a combiner over all",
        lambda: [[MANY - 1, MANY]],
        lambda numbers: numbers | beam.CombineGlobally(Highest()),  # type: ignore[no-untyped-call]
    ),
    Question(
        "counts of each element",
        lambda: ([key, len(found)] for key, found in by_key().items()),
        lambda numbers: (
            numbers
            | "Rest" >> beam.Map(lambda number: number % KEYS)
            | beam.combiners.Count.PerElement()
            | "Pair" >> beam.Map(list)
        ),
    ),
    Question(
        "distinct elements",
        lambda: range(KEYS),
        lambda numbers: numbers | "Rest" >> beam.Map(lambda number: number % KEYS) | beam.Distinct(),
    ),
    Question("the main one of two outputs", lambda: range(0, MANY, 2), lambda numbers: parted(numbers).even),
    Question("the tagged one of two outputs", lambda: range(1, MANY, 2), lambda numbers: parted(numbers).odd),
    Question(
        "a list of a main output beside each element",
        lambda: ([one, MANY // 2, sum(range(0, MANY, 2))] for one in range(3)),
        lambda numbers: _listed(numbers, parted(numbers).even, "OfMain"),
    ),
    Question(
        "a list of a tagged output beside each element",
        lambda: ([one, MANY // 2, sum(range(1, MANY, 2))] for one in range(3)),
        lambda numbers: _listed(numbers, parted(numbers).odd, "OfTagged"),
    ),
    Question(
        "a table beside each element",
        lambda: ([number, sum(by_key()[number % KEYS])] for number in range(MANY)),
        lambda numbers: (
            numbers
            | "Look"
            >> beam.Map(
                lambda number, table: [number, table[number % KEYS]],
                beam.pvalue.AsDict(keyed(numbers) | "Table" >> beam.CombinePerKey(sum)),
            )
        ),
    ),
    Question(
        "branches of one collection, put together",
        lambda: [2 * number for number in range(MANY) for _ in range(2)],
        _branches,
    ),
    Question(
        "what a step gives when its bundle ends",
        lambda: range(MANY),
        lambda numbers: numbers | beam.ParDo(AtTheEnd()),  # type: ignore[no-untyped-call]
    ),
    Question(
        "elements that were shared out anew",
        lambda: range(MANY),
        lambda numbers: numbers | beam.Reshuffle(),
    ),
)


class Within(beam.PTransform[Any, Any]):
    """A question's graph, in a scope of its own, and its answer in a file."""

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__()
        self.number = number
        self.path = str(folder / f"answer-{number}.json")

    def expand(self, numbers: Any) -> Any:
        # Gathered by a key, not as a side input: one wrong primitive is not to spoil the others' answers.
        return (
            QUESTIONS[self.number].graph(numbers)
            | "ToOne" >> beam.Map(lambda answer: (0, json.dumps(answer)))
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.MapTuple(functools.partial(write_answer, self.path))
        )


def write_answer(path: str, _: int, answers: Iterable[str]) -> None:
    """A question's answer, sorted; whoever says it twice writes the same."""
    manifest.write_json(place(path), sorted(answers))


def questions(pipeline: beam.Pipeline, task: Task) -> None:
    """All questions in one graph, from one collection of numbers."""
    numbers = (
        pipeline
        | "Tens" >> beam.Create(range(0, MANY, 10))
        | "Numbers" >> beam.FlatMap(lambda ten: range(ten, ten + 10))
    )
    for number in range(len(QUESTIONS)):
        numbers | f"Question{number}" >> Within(number, task.folders.scratch)


def differences(folder: Path) -> Iterator[str]:
    """Which answers in a folder are wrong, in words."""
    for number, question in enumerate(QUESTIONS):
        path = folder / f"answer-{number}.json"
        right = sorted(json.dumps(answer) for answer in question.right())
        answers = manifest.read_json(path) if path.exists() else []
        if answers != right:
            yield f"{question.name}: {len(answers)} answers for {len(right)}{_example(answers, right)}"


def _example(answers: Sequence[str], right: Sequence[str]) -> str:
    wrong = sorted({*answers} - {*right})
    return f", as {wrong[0]} for {right[0]}" if wrong and len(answers) == len(right) else ""
