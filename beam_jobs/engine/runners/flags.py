"""The flags after `--`: Beam's own, read by Beam, with what `wit` decides for every runner.

A local run is FnApiRunner in_memory: measured on 2.77, DirectRunner first tries to download Prism.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stderr

from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.runner import PipelineRunner, create_runner

from wit_pipeline.vocabulary.config import did_you_mean
from wit_pipeline.vocabulary.errors import UserError

LOCAL = "FnApiRunner"
DIRECT = ("directrunner", "direct")  # Beam's default, a choice between three runners; here it is LOCAL
TAKEN = (LOCAL, "PortableRunner", "PrismRunner", "FlinkRunner", "SparkRunner", "DataflowRunner")
REFUSED = {  # for what they are; whether one that is taken can be trusted is found out by what it does
    "InteractiveRunner": "is for notebooks; leave --runner out to build on this machine",
    "SwitchingDirectRunner": "chooses another runner by what a graph holds; leave --runner out",
    "TestDirectRunner": "chooses another runner by what a graph holds; leave --runner out",
    "RenderRunner": "draws a graph and runs nothing; leave --runner out to build on this machine",
}


def read(flags: Sequence[str]) -> PipelineOptions:
    """Beam's options; a `UserError` for what Beam cannot read, and for a runner that there is not."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):  # argparse would print Beam's 300 flags above its complaint
            given = PipelineOptions(list(flags), pipeline_type_check=True)
            known = given.get_all_options(drop_default=True)
            strange = given.get_all_options(drop_default=True, retain_unknown_options=True).keys() - known
    except SystemExit:
        raise UserError(f"after --: {said.getvalue().splitlines()[-1].rpartition('error: ')[2]}") from None
    if "runner" not in known or is_direct(runner(given)):
        given.view_as(StandardOptions).runner = LOCAL
    named(runner(given))
    if strange and runner(given) == LOCAL:  # others have flags of their own
        raise UserError(f"after --: Beam knows no flag --{min(strange)}")
    return given


def runner(given: PipelineOptions) -> str:
    """The runner that options name."""
    return str(given.view_as(StandardOptions).runner)


def is_direct(name: str) -> bool:
    """Whether a name, in any case as Beam takes it, is that of Beam's default."""
    return name.rpartition(".")[2].lower() in DIRECT


def is_local(given: PipelineOptions) -> bool:
    """Whether pipelines run in whichever process asks for them, in the one mode that `wit` was made with."""
    mode = given.get_all_options().get("direct_running_mode")
    return runner(given) == LOCAL and mode in (None, "in_memory")


def named(name: str) -> PipelineRunner:
    """The runner of a name; a `UserError` where there is none, or it runs no builds."""
    _refuse(name, name.rpartition(".")[2])  # before the import, which may lack a package
    try:
        found = create_runner(name)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        known = "" if "." in name else did_you_mean(name, TAKEN)
        said = f"Beam has no such runner{known}" if known else str(error).splitlines()[0]
        raise UserError(f"--runner={name}: {said}") from None
    if not isinstance(found, PipelineRunner):
        raise UserError(f"--runner={name}: is no runner of Beam's{did_you_mean(name, TAKEN)}")
    for kind in type(found).__mro__:
        _refuse(name, kind.__name__)
    return found


def _refuse(name: str, kind: str) -> None:
    for refused, why in REFUSED.items():
        if kind.lower() in (refused.lower(), refused.removesuffix("Runner").lower()):
            raise UserError(f"--runner={name} {why}")
