from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wit_pipeline.copies.decoys import NOTHING
from wit_pipeline.copies.evaluation import AuditConfig, EvaluationImage
from wit_pipeline.copies.evaluation_index import Evaluation
from wit_pipeline.copies.sightings import WIDEST, By, Own, Reached, Sighting, Spread
from wit_pipeline.copies.thresholds import (
    Limits,
    SetLimits,
    Trusted,
    by_caption,
    copies,
    decide,
    from_json,
    merged,
    of_sets,
    own_of,
    rank,
    seen,
    spread_of,
    to_json,
    trusted_bits,
)
from wit_pipeline.vocabulary import rows

CONFIG = AuditConfig(sets={"a": "x", "b": "y"})


def reached(image: str, name: str = "a", **near: int) -> Reached:
    blank = {key: NOTHING for key in Reached.__dataclass_fields__ if key not in ("set", "image")}
    return Reached(set=name, image=image, **{**blank, **near})


def sighting(distance: int, apart: int = NOTHING, method: str = "plain") -> Sighting:
    return Sighting(set="a", image="1.png", key="k", distance=distance, apart=apart, method=method)


@pytest.mark.parametrize(
    ("images", "bits"),
    [
        (1, 64),
        (2_500_000, 64),
        (2_500_001, 56),
        (100_000_000, 48),
        (400_000_000, 40),
        (10**10, 32),
        (10**12, 0),
    ],
)
def test_the_more_images_the_nearer_is_trusted(images: int, bits: int) -> None:
    assert trusted_bits(images) == bits


@pytest.mark.parametrize(
    ("item", "taken"),
    [
        (sighting(40), True),
        (sighting(41), False),
        (sighting(WIDEST, 100), True),
        (sighting(WIDEST, 101), False),
        (sighting(WIDEST + 1, 100), False),
        (sighting(256, 50, "learned"), True),
        (sighting(256, 51, "learned"), False),
        (sighting(256, NOTHING, "exact"), True),
    ],
)
def test_both_sides_of_each_limit(item: Sighting, taken: bool) -> None:
    limits = {"a": Limits(codes=40, judged=100, learned=50)}
    assert copies([item], limits) == ([item] if taken else [])


def test_an_image_names_its_copies_nearest_first() -> None:
    near, far, exact = sighting(3), sighting(30), sighting(256, NOTHING, "exact")
    assert by_caption([far, near, exact]) == by_caption([exact, far, near]) == {"k": [exact, near, far]}
    assert by_caption([]) == {}


def test_no_limit_takes_equal_bytes_alone() -> None:
    none = Limits(codes=-1, judged=-1, learned=-1)
    assert [none.takes(item) for item in (sighting(0), sighting(0, 0), sighting(0, 0, "exact"))] == [
        False,
        False,
        True,
    ]


def test_the_nearest_of_all_parts_counts(tmp_path: Path) -> None:
    parts = [
        [reached("1", codes=7, codes_decoy=70), reached("2", codes=3)],
        [reached("1", codes=9, codes_decoy=60), reached("1", "b", codes=1)],
        [],
    ]
    paths = [tmp_path / f"{i}.parquet" for i in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        rows.write(path, Reached, part)
    found = [rows.from_row(Reached, row) for row in merged(paths).to_pylist()]
    assert found == [
        reached("1", codes=7, codes_decoy=60),
        reached("2", codes=3),
        reached("1", "b", codes=1),
    ]
    assert merged(paths[::-1]) == merged(paths)


def table(tmp_path: Path, items: list[Reached]) -> Path:
    rows.write(tmp_path / "reached.parquet", Reached, items)
    return tmp_path / "reached.parquet"


def told(
    items: list[Reached],
    config: AuditConfig,
    trusted: Trusted,
    folder: Path,
    more: Sequence[Spread] = (),
) -> dict[str, SetLimits]:
    """What is decided; each image has one pair, the nearest, and there are `more`."""
    path = folder / "spread.parquet"
    rows.write(path, Spread, [*pairs_of(items), *more])
    known = seen(merged([table(folder, items)]), spread_of([path]), config)
    return of_sets(known, config, decide(known, own_of([]), config, trusted))


def pairs_of(items: list[Reached]) -> list[Spread]:
    made = []
    for item in items:
        for by in By:
            own, decoy = (getattr(item, by.name.lower() + kind) for kind in ("", "_decoy"))
            if min(own, decoy) < NOTHING:
                made.append(
                    Spread(set=item.set, by=by, distance=min(own, decoy), pairs=1, decoys=int(decoy < own))
                )
    return made


def test_each_set_has_a_distance_of_its_own(tmp_path: Path) -> None:
    many = [reached(str(i), codes=50) for i in range(250)]
    few = [reached(str(i), "b", codes=50) for i in range(10)]
    found = told([*many, *few], CONFIG, Trusted(bits=32), tmp_path)
    assert (found["a"].limits.codes, found["b"].limits.codes) == (WIDEST, 32)
    assert (found["a"].limits.learned, found["a"].limits.judged) == (-1, -1)  # no detector
    assert (found["a"].images.targets, found["a"].images.decoys, found["a"].images.fdr) == (250, 0, 0.0)
    assert (found["a"].pairs.targets, found["a"].pairs.decoys) == (250, 0)
    stated = AuditConfig(sets=CONFIG.sets, distances={"a": 5})
    override = told([*many, *few], stated, Trusted(bits=32), tmp_path)
    assert (override["a"].limits.codes, override["a"].stated, override["b"].stated) == (5, True, False)


def test_ways_together_keep_to_the_rate(tmp_path: Path) -> None:
    """Codes and detector each at their rate would be wrong at twice that: each gets a part of it."""
    copied = [reached(str(i), codes=10, learned=10) for i in range(2000)]
    chance = [reached(f"c{i}", codes_decoy=70 + i % 10) for i in range(8)]
    chance += [reached(f"l{i}", learned_decoy=390 + i) for i in range(8)]
    config = AuditConfig(sets=CONFIG.sets, detector="d.onnx")
    found = told([*copied, *chance], config, Trusted(bits=32, apart=20), tmp_path)["a"]
    assert found.images.fdr <= config.fdr
    assert found.pairs.fdr <= config.fdr
    assert found.limits.codes >= 32


def test_pairs_that_chance_adds_to_images_with_a_copy_count(tmp_path: Path) -> None:
    """Every image has a copy, which hides its decoy; of pairs, decoys tell that some are false."""
    copied = [reached(str(i), codes=0) for i in range(500)]
    assert told(copied, CONFIG, Trusted(bits=32), tmp_path)["a"].limits.codes == WIDEST
    chance = [Spread(set="a", by=By.CODES, distance=50 + i, pairs=2 + i, decoys=i // 4) for i in range(30)]
    found = told(copied, CONFIG, Trusted(bits=32), tmp_path, chance)["a"]
    assert 32 <= found.limits.codes < 60
    assert found.images.fdr == 0 < found.pairs.fdr <= CONFIG.fdr


def test_what_parts_tell_of_pairs_is_added_up(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.parquet" for i in range(3)]
    here = Spread(set="a", by=By.LEARNED, distance=7, pairs=2, decoys=1)
    for path, part in zip(
        paths, ([here], [here, Spread(set="b", by=0, distance=1, pairs=5, decoys=0)], []), strict=True
    ):
        rows.write(path, Spread, part)
    known = seen(merged([]), spread_of(paths), CONFIG)
    assert known["a"].pairs[By.LEARNED].targets[7] == 4
    assert known["a"].pairs[By.LEARNED].decoys[7] == 2
    assert known["b"].pairs[By.CODES].targets[1] == 5


def test_limits_are_told_from_stage_to_stage(tmp_path: Path) -> None:
    found = told([reached("1", codes=1)], CONFIG, Trusted(bits=48), tmp_path)
    limits = {name: item.limits for name, item in found.items()}
    assert from_json(to_json(limits)) == limits
    given = of_sets(seen(merged([]), spread_of([]), CONFIG), CONFIG, limits)
    assert {name: item.limits for name, item in given.items()} == limits


def test_equal_bytes_come_first_then_the_nearest() -> None:
    items = [sighting(5), sighting(256, 30, "learned"), sighting(0, 0, "exact"), sighting(4, 200)]
    assert [item.distance for item in sorted(items, key=rank)] == [0, 4, 5, 256]


@pytest.mark.parametrize(("near", "limit"), [(0, WIDEST), (2, WIDEST), (20, WIDEST), (21, 41), (30, 41)])
def test_no_distance_counts_at_which_pictures_of_the_set_lie(tmp_path: Path, near: int, limit: int) -> None:
    """At 40, 41, 42 … of 200. With more than 20 look-alikes the set is of one kind, and 2 may lie within."""
    nearest = [40 + i if i < near else NOTHING for i in range(200)]
    own = [Own(set="a", image=str(i), codes=bits, learned=NOTHING) for i, bits in enumerate(nearest)]
    rows.write(tmp_path / "own.parquet", Own, own)
    copied = [reached(str(i), codes=0) for i in range(300)]
    rows.write(tmp_path / "spread.parquet", Spread, pairs_of(copied))
    known = seen(merged([table(tmp_path, copied)]), spread_of([tmp_path / "spread.parquet"]), CONFIG)
    told = own_of([tmp_path / "own.parquet"])
    limits = decide(known, told, CONFIG, Trusted(bits=32))
    assert (limits["a"].codes, limits["a"].own_codes, limits["b"].own_codes) == (limit, limit, WIDEST)
    closer = {str(i): ((40 + i) // 2, -1, -1) for i in range(near)} if limit == WIDEST else {}
    assert limits["a"].closer == closer
    assert from_json(to_json(limits)) == limits
    stated = AuditConfig(sets=CONFIG.sets, distances={"a": 70})
    assert decide(known, told, stated, Trusted(bits=32))["a"].codes == 70


@pytest.mark.parametrize(
    ("own", "taken"),
    [
        ((20, NOTHING), {10: True, 11: False, 40: False}),
        ((NOTHING, NOTHING), {40: True, 41: False}),
        ((39, NOTHING), {19: True, 20: False}),
    ],
)
def test_an_image_with_look_alikes_has_a_limit_of_its_own(
    own: tuple[int, int], taken: dict[int, bool]
) -> None:
    limits = Limits(codes=40, judged=-1, learned=-1, closer={"2.png": (own[0] // 2, -1, -1)})
    image = "1.png" if own[0] == NOTHING else "2.png"
    seen = [replace(sighting(bits), image=image) for bits in taken]
    assert [limits.takes(item) for item in seen] == list(taken.values())


def test_look_alikes_cost_the_others_of_their_set_nothing(tmp_path: Path) -> None:
    """Three charts of one kind, 18 bits apart, among 60 photographs; copies of all are 30 bits away, or 9."""
    draws = np.random.default_rng(7)
    longs = [int.from_bytes(draws.bytes(32)) for _ in range(60)]
    charts = [longs[0] ^ bits for bits in (0, (1 << 18) - 1, (1 << 18) - 1 << 18)]
    known = [evaluation_image(i, long) for i, long in enumerate([*longs[1:], *charts])]
    index = Evaluation(known, CONFIG)
    limits = {}
    for name, some in (("with", [*index.own(0, len(known))]), ("without", [*index.own(0, 59)])):
        path = tmp_path / f"{name}.parquet"
        rows.write(path, Own, some)
        shown = seen(merged([]), spread_of([]), CONFIG)
        limits[name] = decide(shown, own_of([path]), CONFIG, Trusted(bits=48))["a"]
    assert limits["with"].codes == limits["without"].codes == 48
    assert limits["with"].closer == {f"{i}.png": (9, -1, -1) for i in (59, 60, 61)}
    assert not limits["without"].closer
    for image, bits, found in (("3.png", 30, True), ("60.png", 30, False), ("60.png", 9, True)):
        assert limits["with"].takes(replace(sighting(bits), image=image)) is found


def evaluation_image(number: int, long: int) -> EvaluationImage:
    """One whose phash8 says nothing against any other."""
    mirror = f"{long ^ (1 << 256) - 1:064x}"
    return EvaluationImage(
        set="a",
        image=f"{number}.png",
        sha256=f"{number:064x}",
        phash="0" * 16,
        phash16=f"{long:064x}",
        weak=0.1,
        mirror_phash="f" * 16,
        mirror_phash16=mirror,
    )


def test_stated_bits_hold_for_all_images_of_a_set(tmp_path: Path) -> None:
    own = [Own(set="a", image=str(i), codes=20 if i < 3 else NOTHING, learned=NOTHING) for i in range(60)]
    rows.write(tmp_path / "own.parquet", Own, own)
    config = AuditConfig(sets=CONFIG.sets, distances={"a": 33})
    shown = seen(merged([]), spread_of([]), config)
    limits = decide(shown, own_of([tmp_path / "own.parquet"]), config, Trusted(bits=48))["a"]
    assert {limits.of_image(str(i))[By.CODES] for i in range(60)} == {33}
