"""dedup: one image per picture, and the copies of evaluation images flagged or dropped."""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import apache_beam as beam

from beam_jobs.engine import passes
from beam_jobs.engine.failure import remembered
from beam_jobs.engine.stage import Done, Shuffle, Stage, Task, Unit, Work, each_part, unit_of
from beam_jobs.engine.tables import SHARES, Shares, WriteTable, write_whole
from beam_jobs.stages import sets
from beam_jobs.stages.copies import comparing
from beam_jobs.stages.copies.comparing import meeting, verdicts_on
from wit_pipeline.copies import evaluation, thresholds
from wit_pipeline.copies.evaluation import EvaluationImage
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.sightings import Own, Reached, Sighting, Spread
from wit_pipeline.copies.thresholds import Limits
from wit_pipeline.dedup import judge
from wit_pipeline.shard import read_unless_erased
from wit_pipeline.text import repeated
from wit_pipeline.text.repeated import CAPTION, CaptionLimit, drawn, limits
from wit_pipeline.text.texts import by_image
from wit_pipeline.vocabulary import rows
from wit_pipeline.vocabulary.manifest import Counts, File, describe, write_json
from wit_pipeline.vocabulary.records import Pair, Reject
from wit_pipeline.vocabulary.sift import write_sifted

SET_IMAGES = 2000  # evaluation images of one unit of work
NAMED = 10  # copies that a training image names, the nearest


def set_units(task: Task) -> Sequence[Unit]:
    """The evaluation sets, some thousand images at a time."""
    chunks = []
    for name in task.recipe.audit.named_sets():
        found = task.recipe.audit.pictures(name)
        chunks += [(name, found[i : i + SET_IMAGES]) for i in range(0, len(found), SET_IMAGES)]
    return [Unit(name=f"evaluation-{number:05d}", covers=chunk) for number, chunk in enumerate(chunks)]


def encode_set(task: Task, unit: Unit) -> Done:
    """Write the codes of some images of a set."""
    name, found = unit.covers
    path = task.folders.out / f"{unit.name}.parquet"
    known = evaluation.read(name, found, task.recipe.crawl, sets.detector_of(task))
    return Counts(), (describe(path, write_whole(path, EvaluationImage, known)),)


def look_units(task: Task) -> Sequence[Unit]:
    """The parts of filter, where there are sets to look them up in."""
    return each_part("filter")(task) if task.recipe.audit.sets else ()


def look(task: Task, unit: Unit) -> Done:
    """Write which images of a part lie near which evaluation images, and how near each was reached."""
    known = evaluation_index(task)
    captions = [first for first, *_ in by_image(rows.read(unit.covers, Pair)).values()]
    seen = sets.look(task, known, [pair.image for pair in captions], partial(stored, task, captions))
    named = seen.pairs[seen.pairs.nearest(seen.pairs.sample, NAMED)]
    keys = [pair.key for pair in captions]
    near, reached, spread = (sets.table(task, kind, unit) for kind in ("near", *sets.SHOWN))
    write_whole(near, Sighting, known.sightings(named, keys))
    write_whole(reached, Reached, known.reached(seen.reached))
    write_whole(spread, Spread, known.spread(seen.spread))
    return Counts(), (describe(near), describe(reached), describe(spread))


def look_among(task: Task, unit: Unit) -> Done:
    """Write how near other pictures of its set are to each of some evaluation images."""
    known, path = evaluation_index(task), sets.table(task, "own", unit)
    first = SET_IMAGES * unit.covers
    write_whole(path, Own, known.own(first, first + SET_IMAGES))
    return Counts(), (describe(path),)


def own_units(task: Task) -> Sequence[Unit]:
    """The evaluation images that can be compared, some thousand at a time; the last units may have none."""
    return [Unit(name=unit.name, covers=number) for number, unit in enumerate(set_units(task))]


def evaluation_index(task: Task) -> Evaluation:
    """The index of all evaluation images; made once a process."""
    return sets.index_of(
        task, lambda: [task.folders.out / f"{unit.name}.parquet" for unit in set_units(task)]
    )


def stored(task: Task, captions: Sequence[Pair], number: int) -> bytes:
    """The stored bytes of an image; none of one that was taken down."""
    return read_unless_erased(captions[number].image, task.folders.reads("crawl"))


_limits: dict[str, dict[str, Limits]] = {}  # by plan


def limits_of(task: Task) -> dict[str, Limits]:
    """How near is a copy of each set, from what all parts have shown; made once a process."""
    if task.plan not in _limits:
        trusted = sets.trusted(task, task.folders.signed("filter").counts.kept)
        shown = sets.shown(task, look_units(task))
        own = thresholds.own_of([sets.table(task, "own", unit) for unit in own_units(task)])
        _limits[task.plan] = thresholds.decide(shown, own, task.recipe.audit, trusted)
    return _limits[task.plan]


def copies_of(task: Task, unit: Unit) -> dict[str, list[Sighting]]:
    """The copies among a part's images, by the pair that is the caption; nearest first."""
    if not task.recipe.audit.sets:
        return {}
    seen = rows.read(sets.table(task, "near", unit), Sighting)
    return thresholds.by_caption(thresholds.copies(seen, limits_of(task)))


def settled(task: Task, unit: Unit) -> Iterator[Pair | Reject]:
    """A part's pairs, those that are copies as Rejects."""
    judged = rows.read(unit.covers, Pair), verdicts_on(task, unit), copies_of(task, unit)
    return judge(*judged, task.recipe.dedup)


def captions_seen(task: Task) -> int:
    """As how many keys the captions of all images weigh in a shuffle: 16 bytes of each cross it in arrays."""
    return comparing.images(task) // 4 if task.recipe.dedup.per_caption else 0


def captions_at(task: Task, turn: int) -> Path:
    """Where the captions are that a pass has found to be of too many images."""
    return task.folders.scratch / f"captions.{turn}.parquet"


def draw(share: int, found: Sequence[Path], task: Task) -> Iterator[repeated.Rows]:
    """What the captions of the images of some parts draw."""
    for path in found[share::SHARES]:
        with remembered(str(path)):
            yield drawn(settled(task, unit_of(path)), task.recipe.seed)


def count_captions(pipeline: beam.Pipeline, task: Task) -> None:
    """The captions that more images share than may."""
    most, found = task.recipe.dedup.per_caption, comparing.parts(task)
    named = (
        pipeline
        | Shares(len(found))
        | "Draw" >> beam.FlatMap(partial(draw, found=found if most else (), task=task))
    )
    met = meeting(
        "Caption",
        comparing.buckets(task),
        (named, CAPTION, lambda rows_: rows_["caption"]),
        turn=task.turn,
    )
    (
        met
        | "Limit" >> beam.FlatMapTuple(lambda _, arrays: limits(arrays[0], most))
        | "Write" >> WriteTable(captions_at(task, task.turn.number), CaptionLimit)
    )


@cache  # once a process
def captions_of(paths: tuple[Path, ...], plan: str) -> dict[int, CaptionLimit]:
    """The captions of too many images, by number."""
    return {item.caption: item for path in paths for item in rows.read(path, CaptionLimit)}


def do(task: Task, unit: Unit) -> Done:
    """Apply the verdicts to one part, and the limits of captions to what stays."""
    paths = tuple(captions_at(task, turn) for turn in range(passes.taken(task.folders, "Captions")))
    known = captions_of(paths, task.plan)
    most, seed = task.recipe.dedup.per_caption, task.recipe.seed
    judged = repeated.judge(settled(task, unit), known, STAGE.name, most, seed)
    return write_sifted(task.folders.out, unit.name, Pair, judged)


def finish(task: Task, files: Sequence[File]) -> tuple[File, ...]:
    """limits.json: how near is a copy, of each set."""
    path = task.folders.out / sets.LIMITS
    write_json(path, thresholds.to_json(limits_of(task)))
    return (describe(path),)


STAGE = Stage(
    name="dedup",
    about="one image per picture; copies of evaluation images flagged or dropped",
    reads=("filter", "crawl"),
    accounts="filter",
    also=("audit", "crawl"),
    inputs=sets.inputs,
    check=sets.check,
    steps=(
        Work(name="EncodeSets", units=set_units, do=encode_set),
        *comparing.STEPS,
        Work(name="Among", units=own_units, do=look_among, scratch=True),
        Work(name="Look", units=look_units, do=look, scratch=True),
        Shuffle(name="Captions", build=count_captions, keys=captions_seen),
        Work(name="Apply", units=each_part("filter"), do=do),
    ),
    finish=finish,
)
