from pathlib import Path

import pyarrow as pa
import pytest

from wit_pipeline import rows
from wit_pipeline.decoys import NOTHING
from wit_pipeline.evaluation import AuditConfig
from wit_pipeline.sightings import WIDEST, Reached, Sighting
from wit_pipeline.thresholds import (
    Limits,
    SetLimits,
    Trusted,
    copies,
    decide,
    from_json,
    merged,
    of_sets,
    rank,
    to_json,
    trusted_bits,
)

CONFIG = AuditConfig(sets={"a": "x", "b": "y"})


def reached(image: str, name: str = "a", **near: int) -> Reached:
    blank = {key: NOTHING for key in Reached.__dataclass_fields__ if key not in ("set", "image")}
    return Reached(set=name, image=image, **{**blank, **near})


def seen(distance: int, apart: int = NOTHING, method: str = "plain") -> Sighting:
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
        (seen(40), True),
        (seen(41), False),
        (seen(WIDEST, 100), True),
        (seen(WIDEST, 101), False),
        (seen(WIDEST + 1, 100), False),
        (seen(256, 50, "learned"), True),
        (seen(256, 51, "learned"), False),
        (seen(256, NOTHING, "exact"), True),
    ],
)
def test_both_sides_of_each_limit(item: Sighting, taken: bool) -> None:
    limits = {"a": Limits(codes=40, judged=100, learned=50)}
    assert copies([item], limits) == ([item] if taken else [])


def test_no_limit_takes_equal_bytes_alone() -> None:
    none = Limits(codes=-1, judged=-1, learned=-1)
    assert [none.takes(item) for item in (seen(0), seen(0, 0), seen(0, 0, "exact"))] == [False, False, True]


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


def told(reached: pa.Table, config: AuditConfig, trusted: Trusted) -> dict[str, SetLimits]:
    return of_sets(reached, config, decide(reached, config, trusted))


def test_each_set_has_a_distance_of_its_own(tmp_path: Path) -> None:
    many = [reached(str(i), codes=50) for i in range(150)]
    few = [reached(str(i), "b", codes=50) for i in range(10)]
    found = told(merged([table(tmp_path, [*many, *few])]), CONFIG, Trusted(bits=32))
    assert (found["a"].limits.codes, found["b"].limits.codes) == (WIDEST, 32)
    assert (found["a"].limits.learned, found["a"].limits.judged) == (-1, -1)  # no detector
    assert (found["a"].targets, found["a"].decoys, found["a"].fdr) == (150, 0, 0.0)
    stated = AuditConfig(sets=CONFIG.sets, distances={"a": 5})
    override = told(merged([table(tmp_path, [*many, *few])]), stated, Trusted(bits=32))
    assert (override["a"].limits.codes, override["a"].stated, override["b"].stated) == (5, True, False)


def test_ways_together_keep_to_the_rate(tmp_path: Path) -> None:
    """Codes and detector each at their rate would be wrong at twice that: each gets a part of it."""
    copied = [reached(str(i), codes=10, learned=10) for i in range(400)]
    chance = [reached(f"c{i}", codes_decoy=70 + i % 10) for i in range(4)]
    chance += [reached(f"l{i}", learned_decoy=390 + i) for i in range(4)]
    config = AuditConfig(sets=CONFIG.sets, detector="d.onnx")
    found = told(merged([table(tmp_path, [*copied, *chance])]), config, Trusted(bits=32, apart=20))["a"]
    assert found.fdr <= config.fdr
    assert found.limits.codes >= 32


def test_limits_are_told_from_stage_to_stage(tmp_path: Path) -> None:
    found = told(merged([table(tmp_path, [reached("1", codes=1)])]), CONFIG, Trusted(bits=48))
    limits = {name: item.limits for name, item in found.items()}
    assert from_json(to_json(limits)) == limits
    given = of_sets(merged([]), CONFIG, limits)
    assert {name: item.limits for name, item in given.items()} == limits


def test_equal_bytes_come_first_then_the_nearest() -> None:
    items = [seen(5), seen(256, 30, "learned"), seen(0, 0, "exact"), seen(4, 200)]
    assert [item.distance for item in sorted(items, key=rank)] == [0, 4, 5, 256]
