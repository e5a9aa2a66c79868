"""How many small changes of a rule its own fast tests notice, and which they do not.

Run by `make mutants`, or `python .ci/mutants.py [NAME …]` for the modules whose path holds one of the names.
cosmic-ray changes one operator, number or constant at a time in a copy of the packages; two modules at once.
A change that no test notices is a survivor: either a test is missing, or the change changes nothing.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).parents[1]
LISTED = Path(__file__).with_suffix(".toml")
COPIED = ("wit_pipeline", "queries", "beam_jobs", "training", "tests", "pyproject.toml")
AT_ONCE = 2  # modules, each with a core
SLOW = 10  # times the tests' own time, after which a mutant hangs: that is noticed too
LEAST_SECONDS = 20.0
PYTEST = "-m pytest -q -x -p no:cacheprovider -p no:xdist --no-header"
# An operator into each of all others would be ten times the mutants and no more news; `|` is mostly a type's.
OPERATORS = re.compile(
    "core/(AddNot|ExceptionReplacer|NumberReplacer|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceTrueWithFalse"
    "|ReplaceFalseWithTrue|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ZeroIterationForLoop"
    "|ReplaceUnaryOperator_(Delete_Not|Delete_USub|USub_UAdd)"
    "|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_FloorDiv|Div_Mul|FloorDiv_Mul|Mod_Add|Pow_Mul|BitAnd_BitXor)"
    "|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|Gt_LtE|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is))"
)
DECORATOR = "@dataclass("  # whose flags are a matter of style, and of the type checker
CONFIG = """[cosmic-ray]
module-path = {path}
timeout = {timeout}
excluded-modules = []
test-command = {command}
[cosmic-ray.distributor]
name = "local"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """A file of rules, and the tests that judge it."""

    path: str
    tests: tuple[str, ...]
    without: str = ""  # an expression of pytest's -k: tests that are slow, and of other things


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What became of a module's mutants."""

    path: str
    mutants: int
    survivors: tuple[str, ...]  # their diffs
    seconds: float

    def row(self) -> str:
        killed = self.mutants - len(self.survivors)
        share = 100 * killed / self.mutants if self.mutants else 100.0
        return f"| {self.path} | {self.mutants} | {killed} | {share:.1f} % | {self.seconds:.0f} |"


def listed(text: str) -> list[Module]:
    """The modules of a list."""
    return [Module(**{**row, "tests": tuple(row["tests"])}) for row in tomllib.loads(text)["module"]]


def chosen(modules: Sequence[Module], names: Sequence[str]) -> list[Module]:
    """Those whose path holds one of the names; without names, all."""
    return [module for module in modules if not names or any(name in module.path for name in names)]


def judged(dump: str) -> Iterator[tuple[str, bool]]:
    """The diff of each mutant that was tried in cosmic-ray's dump of a session, and whether it survived."""
    for line in filter(None, dump.splitlines()):
        _, result = json.loads(line)
        if result and result["worker_outcome"] == "normal":  # else skipped, or a change it could not make
            yield result["diff"] or "", result["test_outcome"] == "survived"


def wanted(operator: str, line: str) -> bool:
    """Whether a change by an operator, in a line, is worth a run of the tests."""
    return bool(OPERATORS.fullmatch(operator)) and not line.startswith(DECORATOR)


def skip(session: Path, lines: Sequence[str]) -> None:
    """Mark what is not wanted in cosmic-ray's session as skipped."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    skipped = WorkResult(worker_outcome=WorkerOutcome.SKIPPED)
    with use_db(str(session)) as database:
        for item in list(database.pending_work_items):
            (change,) = item.mutations
            if not wanted(change.operator_name, lines[change.start_pos[0] - 1].strip()):
                database.set_result(item.job_id, skipped)


def changed_lines(diff: str) -> str:
    """The lines of a diff that say what was changed, and where."""
    lines = [line for line in diff.splitlines() if line[:2] == "@@" or line[:1] in ("+", "-")]
    return "\n".join(line for line in lines if line[:3] not in ("+++", "---"))


def score(module: Module, work: Path) -> Score:
    """Try all mutants of a module in a copy of its own."""
    began = time.monotonic()
    copy = work / module.path.replace("/", "-")
    for name in COPIED:
        here = HERE / name
        if here.is_dir():
            shutil.copytree(here, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(here, copy / name)
    environment = os.environ | {"PYTHONPATH": str(copy), "NUMBA_DISABLE_JIT": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    without = ["-k", f"not ({module.without})"] if module.without else []
    command = [sys.executable, *PYTEST.split(), *module.tests, *without]
    said = partial(output, cwd=copy, environment=environment)
    start = time.monotonic()
    said(*command)  # the tests pass unbroken; all that is not changed is compiled
    timeout = max(LEAST_SECONDS, SLOW * (time.monotonic() - start))
    for stale in (copy / module.path).parent.glob(f"__pycache__/{Path(module.path).stem}.*"):
        stale.unlink()
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # mutants of one second and size are no cache of one another
    (copy / "session.toml").write_text(
        CONFIG.format(
            path=json.dumps(module.path),
            timeout=timeout,
            command=json.dumps(shlex.join(command)),
        )
    )
    cosmic_ray = str(Path(sys.executable).with_name("cosmic-ray"))
    said(cosmic_ray, "init", "session.toml", "session.sqlite")
    skip(copy / "session.sqlite", (copy / module.path).read_text().splitlines())
    said(cosmic_ray, "exec", "session.toml", "session.sqlite")
    found = list(judged(said(cosmic_ray, "dump", "session.sqlite")))
    return Score(
        path=module.path,
        mutants=len(found),
        survivors=tuple(diff for diff, survived in found if survived),
        seconds=time.monotonic() - began,
    )


def output(*command: str, cwd: Path, environment: Mapping[str, str]) -> str:
    """What a command says; raises with it where the command fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.stdout


def main(names: Sequence[str]) -> int:
    """Print a row for each module, then the survivors; 1 where the tests fail without any mutant."""
    modules = chosen(listed(LISTED.read_text()), names)
    say("| module | mutants | noticed | share | s |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="wit-mutants-") as work, ThreadPoolExecutor(AT_ONCE) as pool:
        scores = []
        try:
            for one in pool.map(partial(score, work=Path(work)), modules):
                say(one.row())
                scores.append(one)
        except subprocess.CalledProcessError as error:
            pool.shutdown(cancel_futures=True)
            say(f"{error.output}\nmutants: {' '.join(error.cmd)} ended with {error.returncode}")
            return 1
    for one in scores:
        for diff in one.survivors:
            say(f"\n{one.path}\n{changed_lines(diff)}")
    return 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
