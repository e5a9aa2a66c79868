"""The wheel as a stranger gets it: built from the sdist, installed alone, and used where no checkout is.

Run by `make wheel`. All of it lies in a temporary folder, which is gone afterwards.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).parents[1]
CONSTRAINTS = HERE / "constraints.txt"
PACKAGES = {"wit_pipeline", "queries", "beam_jobs", "training"}
MADE = {"PKG-INFO"}  # in an sdist and in no checkout
# Nothing of the checkout is imported: not by a path in the environment, nor from where a script lies.
OUTSIDE = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
OUTSIDE |= {"PYTHONSAFEPATH": "1"}


def main() -> int:
    """The exit code: 0 where every step went well, else 1, with what the step that did not has said."""
    with tempfile.TemporaryDirectory(prefix="wit-wheel-") as name:
        try:
            check(Path(name))
        except subprocess.CalledProcessError as error:
            sys.stdout.write(f"{error.output}\nwheel: {' '.join(error.cmd)} ended with {error.returncode}\n")
            return 1
        except Wrong as error:
            sys.stdout.write(f"wheel: {error}\n")
            return 1
    return 0


class Wrong(Exception):
    """What is built is not what is wanted."""


def check(work: Path) -> None:
    """Every step, in a folder of its own."""
    dist, venv, away = work / "dist", work / "venv", work / "away"
    away.mkdir()
    # Without flags the wheel is built from the sdist, not from the checkout.
    step("sdist and wheel", sys.executable, "-m", "build", "--outdir", dist, HERE, cwd=HERE)
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    holds_what_it_should(sdist, wheel)
    python = venv / "bin" / "python"
    step("a clean environment", sys.executable, "-m", "venv", venv, cwd=away)
    step("wheel installed", python, "-m", "pip", "install", "-c", CONSTRAINTS, wheel, cwd=away)
    road, bin, root = away / "road.py", venv / "bin", away / "root"
    shutil.copy(HERE / ".ci" / "road.py", road)
    step("a small world, wit build", python, road, bin / "wit", root, cwd=away)
    step("wit verify", bin / "wit", "verify", "--root", root, cwd=away)
    step("wit report", bin / "wit", "report", "--root", root, cwd=away)
    step("wit-clip --help", bin / "wit-clip", "--help", cwd=away)


def step(name: str, *command: str | Path, cwd: Path) -> None:
    """Run one command; says how long it took, or raises with all that it said."""
    began = time.monotonic()
    line = [str(part) for part in command]
    environment = OUTSIDE | {"PIP_CONSTRAINT": str(CONSTRAINTS), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        line,
        cwd=cwd,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    sys.stdout.write(f"wheel: {name}, {time.monotonic() - began:.0f} s\n")
    sys.stdout.flush()


def holds_what_it_should(sdist: Path, wheel: Path) -> None:
    """All files of the packages are in both, and nothing else is in the wheel, nor junk in the sdist."""
    with tarfile.open(sdist) as archive:
        source = {member.name.split("/", 1)[1] for member in archive.getmembers() if not member.isdir()}
    with zipfile.ZipFile(wheel) as opened:
        binary = {name for name in opened.namelist() if ".dist-info/" not in name}
    listed = known_files()
    wanted = {name for name in listed if name.split("/")[0] in PACKAGES}
    for what, names in (
        ("the wheel lacks", wanted - binary),
        ("the wheel has", binary - wanted),
        ("the sdist lacks", wanted - source),
        ("the sdist has", source - listed - MADE),
    ):
        if names:
            raise Wrong(f"{what} {', '.join(sorted(names)[:20])}")


def known_files() -> set[str]:
    """The files of the checkout, without those that git ignores; of an unpacked sdist, all."""
    if not (HERE / ".git").exists():
        files = (path for path in HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(HERE).as_posix() for path in files}
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
    return {name for name in done.stdout.splitlines() if (HERE / name).exists()}


if __name__ == "__main__":
    sys.exit(main())
