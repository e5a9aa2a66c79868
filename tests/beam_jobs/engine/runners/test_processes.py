"""How many processes share no folder, by the flags that Beam is given."""

from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_jobs import __main__ as command
from beam_jobs.engine import progress
from beam_jobs.engine.engine import Engine, Workers
from beam_jobs.engine.job import Job
from beam_jobs.engine.recipe import Recipe
from beam_jobs.engine.runners import processes
from beam_jobs.engine.runners.processes import MOST_WORKERS
from beam_jobs.engine.stage import NO_LEAVE
from beam_jobs.engine.trust import canary
from beam_jobs.stages.stages import STAGES
from wit_pipeline.vocabulary.store import anywhere

DATAFLOW = "--runner=DataflowRunner"
SERVED = "--runner=PortableRunner --job_endpoint=host:1"


@pytest.mark.parametrize(
    ("flags", "count"),
    [
        ("--runner=FnApiRunner", 1),
        ("--runner=FnApiRunner --direct_running_mode=multi_processing --direct_num_workers=4", 1),
        ("--runner=PortableRunner --job_endpoint=embed --environment_type=LOOPBACK", 1),
        ("--runner=PortableRunner --job_endpoint=embed --environment_type=beam:env:embedded_python:v1", 1),
        (f"{SERVED} --environment_type=LOOPBACK --sdk_worker_parallelism=4", 1),
        (f"{SERVED} --environment_type=DOCKER --sdk_worker_parallelism=4", 4),
        (f"{SERVED} --environment_type=PROCESS --sdk_worker_parallelism=4", 4),  # whose machine, nobody says
        (f"{SERVED} --environment_type=EXTERNAL", 1),
        ("--runner=PrismRunner --environment_type=PROCESS --sdk_worker_parallelism=4", 1),
        ("--runner=PrismRunner --sdk_worker_parallelism=4", 4),  # in containers
        ("--runner=FlinkRunner --parallelism=8", 8),
        ("--runner=FlinkRunner --parallelism=2 --sdk_worker_parallelism=8", 8),
        ("--runner=FlinkRunner --parallelism=8 --environment_type=LOOPBACK", 1),
        ("--runner=FlinkRunner", 1),
        ("--runner=FlinkRunner --parallelism=-1 --sdk_worker_parallelism=0", 1),
        ("--runner=SparkRunner --sdk_worker_parallelism=3", 3),
        (f"{DATAFLOW} --max_num_workers=10", 10),
        (f"{DATAFLOW} --max_num_workers=10 --machine_type=n2-standard-4", 40),
        (f"{DATAFLOW} --max_num_workers=10 --worker_machine_type=n2-standard-4", 40),
        (f"{DATAFLOW} --max_num_workers=10 --num_workers=3", 10),
        (f"{DATAFLOW} --num_workers=3 --autoscaling_algorithm=NONE --machine_type=e2-highmem-8", 24),
        (f"{DATAFLOW} --num_workers=3", MOST_WORKERS),  # with which it begins, and goes on to more
        (f"{DATAFLOW} --machine_type=n2-standard-2", 2 * MOST_WORKERS),
        (
            f"{DATAFLOW} --max_num_workers=10 --machine_type=n2-standard-4 "
            "--experiments=no_use_multiple_sdk_containers",
            10,
        ),
        ("--runner=apache_beam.runners.dataflow.dataflow_runner.DataflowRunner --max_num_workers=7", 7),
        ("--runner=dataflow --max_num_workers=7", 7),
    ],
)
def test_by_flags(flags: str, count: int) -> None:
    assert processes.asking(PipelineOptions(flags.split())) == count


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("n1-standard-1", 1),
        ("n2-highmem-96", 96),
        ("c3-standard-8-lssd", 8),
        ("c3-standard-192-metal", 192),
        ("custom-4-15360", 4),  # the last number is memory
        ("n2-custom-6-24576", 6),
        ("n2-custom-6-24576-ext", 6),
        ("https://a.test/zones/z/machineTypes/n1-standard-4", 4),
        ("e2-medium", 1),
        ("a2-highgpu-1g", 1),
        ("n2-standard-0", 1),
        ("", 1),
    ],
)
def test_cores_by_the_name_of_a_machine_type(name: str, cores: int) -> None:
    assert processes.cores(name) == cores


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (f"{DATAFLOW} --num_workers=3", "as by 2,000 processes"),
        (f"{DATAFLOW} --machine_type=n2-standard-4", "as by 8,000 processes"),
        (f"{DATAFLOW} --max_num_workers=10", ""),
        (f"{DATAFLOW} --num_workers=3 --autoscaling_algorithm=NONE", ""),
        ("--runner=FlinkRunner", ""),
        ("--runner=FnApiRunner", ""),
    ],
)
def test_what_no_flag_bounds_is_said(flags: str, told: str) -> None:
    said = processes.assumed(PipelineOptions(flags.split()))
    assert told in said
    assert bool(said) == bool(told)
    assert said.startswith("--max_num_workers is not given") or not told


@pytest.mark.parametrize(
    ("stages", "flags", "told"),
    [
        (["extract"], DATAFLOW, True),
        (["crawl", "filter"], DATAFLOW, True),
        (["filter"], DATAFLOW, False),  # asks nobody
        (["crawl"], f"{DATAFLOW} --max_num_workers=3", False),
    ],
)
def test_it_is_said_before_anything_is_done(
    stages: list[str], flags: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[progress.Event] = []
    monkeypatch.setattr(progress, "_sink", heard.append)
    monkeypatch.setattr(canary, "ensure", lambda *given: heard.append({"text": "asked"}))
    monkeypatch.setattr(command, "outlook", lambda *given: [])
    named, options = [STAGES[name] for name in stages], PipelineOptions(flags.split())
    command._begin(Engine(workers=Workers(1, ())), options, named, Recipe(), tmp_path, NO_LEAVE)
    texts = [event["text"] for event in heard]
    assert ["--max_num_workers is not given" in text for text in texts] == [True] * told + [False]


def test_an_engine_tells_how_many_there_are() -> None:
    assert Engine(workers=Workers(4, ())).processes == 1  # they share a folder
    flags = ["--runner=FlinkRunner", "--parallelism=8"]
    assert Engine(workers=Job(flags, anywhere("/nowhere"))).processes == 8
