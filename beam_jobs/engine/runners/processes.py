"""How many processes that share no folder a runner may give a build: each takes a share of strangers' hosts.

Processes of one machine know of one another by files (`wit_pipeline/fetch/doors.py`). On others each worker,
and on Dataflow each process in a container of its own, asks without knowing what the others do.
"""

import re

from apache_beam.options.pipeline_options import (
    DebugOptions,
    PipelineOptions,
    PortableOptions,
    WorkerOptions,
)

from beam_jobs.engine.runners import flags as given_flags
from beam_jobs.engine.runners.checks import EMBEDDED, is_dataflow

# Of Dataflow's workers where --max_num_workers is not given: its own bound, by "Horizontal Autoscaling" at
# cloud.google.com/dataflow/docs. Less would be a promise that nobody keeps for us.
MOST_WORKERS = 2000

# In machine types' names, as Compute Engine has them: n2-standard-4, n2-custom-6-24576, c3-standard-8-lssd.
_CORES = re.compile(r"custom-(?P<made>\d+)-\d+(-ext)?$|-(?P<named>\d+)(-lssd|-metal)?$")


def asking(options: PipelineOptions) -> int:
    """How many processes may ask servers at once without sharing a folder; 1 where all of them share one."""
    if is_dataflow(given_flags.runner(options)):
        return (_most_workers(options) or MOST_WORKERS) * _processes_of(options)
    portable = options.view_as(PortableOptions)
    if given_flags.runner(options) == given_flags.LOCAL or _are_here(given_flags.runner(options), portable):
        return 1
    values = options.get_all_options()
    given = [str(values.get(name) or "") for name in ("parallelism", "sdk_worker_parallelism")]
    # Of both the larger: bundles may go to more processes, one after the other, than are at work at once.
    return max(1, *(int(number) for number in given if number.isdecimal()))  # -1 and 0 leave it to the runner


def assumed(options: PipelineOptions) -> str:
    """What is to be said of a number of processes that no flag bounds, or ""."""
    if not is_dataflow(given_flags.runner(options)) or _most_workers(options):
        return ""
    return (
        f"--max_num_workers is not given: hosts that redirects lead to are asked as by {asking(options):,} "
        "processes, each a share of the pace; give the number that there may be and each takes more"
    )


def cores(machine_type: str) -> int:
    """The cores of a machine type, by its name; 1 where it does not tell.

    >>> [cores(name) for name in ("n2-standard-4", "n2-custom-6-24576-ext", "c3-standard-8-lssd", "")]
    [4, 6, 8, 1]
    """
    found = _CORES.search(machine_type)
    return max(int(found["made"] or found["named"]), 1) if found else 1


def _most_workers(options: PipelineOptions) -> int:
    """The most machines that Dataflow may start by its flags; 0 where nothing bounds them."""
    workers = options.view_as(WorkerOptions)
    fixed = workers.autoscaling_algorithm == "NONE"  # else `num_workers` is what it begins with
    return int((workers.num_workers if fixed else workers.max_num_workers) or 0)


def _processes_of(options: PipelineOptions) -> int:
    """Python processes of one of Dataflow's machines: one a core, unless an experiment wants one in all."""
    debug = options.view_as(DebugOptions)
    if debug.lookup_experiment("no_use_multiple_sdk_containers", False):
        return 1
    return cores(options.view_as(WorkerOptions).machine_type or "")


def end_with_us(portable: PortableOptions) -> bool:
    """Whether all workers are of the launcher's own process, or were started by it."""
    kind = portable.environment_type or ""
    return kind == "LOOPBACK" or kind.startswith("beam:env:embedded_python")


def _are_here(name: str, portable: PortableOptions) -> bool:
    """Whether all workers are of the launcher's machine, where they find one folder."""
    if end_with_us(portable):
        return True
    kind = portable.environment_type or ""
    ours = portable.job_endpoint == EMBEDDED or (not portable.job_endpoint and "Prism" in name)
    return ours and kind == "PROCESS"
