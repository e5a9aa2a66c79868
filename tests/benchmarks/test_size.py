"""What a step holds does not grow with the data: measured, each step in a process of its own."""

from pathlib import Path

import pytest

from beam_jobs.engine import passes
from beam_jobs.engine.engine import Engine
from beam_jobs.stages.copies import comparing
from benchmarks import size
from wit_pipeline.vocabulary import manifest

FEW, MANY = 30_000, 300_000
KEYS = 100_000  # of a pass: all of the many would be above what is allowed
WITHIN = 100  # MB


def test_all_that_is_made_up_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the copies: one in twenty is dropped."""
    monkeypatch.setattr(size, "PART", 30)
    monkeypatch.setattr(passes, "KEYS", passes.KEYS)  # put back afterwards
    size.measure(100, tmp_path, keys=60, kind=Engine)
    signed = manifest.load(tmp_path / "shard")
    assert signed is not None
    assert signed.counts.kept == 95
    (shard,) = manifest.read_json(tmp_path / "shard" / "shards.json")["shardlist"]
    assert shard["nsamples"] == 95


@pytest.mark.slow
def test_the_peak_of_every_step_is_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the candidates. There are more parts, units and shards, and none is longer."""
    monkeypatch.setattr(size, "PART", 15_000)
    monkeypatch.setattr(comparing, "BUCKET", 1 << 13)  # as many buckets as passes, and more
    monkeypatch.setattr(passes, "KEYS", passes.KEYS)  # put back afterwards
    few, many = (
        {item.step: item.peak for item in size.measure(rows, tmp_path / str(rows), keys=KEYS)}
        for rows in (FEW, MANY)
    )
    # The launcher is one process, this one, for both.
    steps = [step for step in many if not step.endswith("(launcher)")]
    grown = {step: (few[step], many[step]) for step in steps if many[step] > few[step] + WITHIN}
    assert grown == {}
