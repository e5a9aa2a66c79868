"""A test process that dies or hangs ends the run, which names the test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

# A child that was forked lives on with all that it was given, until the test below ends.
FORKS = """
import os
def waits():
    os.read(os.open({fifo!r}, os.O_RDONLY), 1)
def forks():
    if os.fork() == 0:
        waits()
        os._exit(0)
"""
ENDS = {"dies": "os.abort()", "exits": "os._exit(0)", "hangs": "waits()"}


def options() -> list[str]:
    """What `make test` gives to pytest."""
    makefile = (REPOSITORY / "Makefile").read_text()
    line = next(line for line in makefile.splitlines() if "-m pytest" in line and "-n 2" in line)
    return line.split("-m pytest ")[1].split()


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_ends_is_named(end: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_sessionstart")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfaulthandler_exit_on_timeout = true\nfaulthandler_timeout = 5\n"
    )
    (tmp_path / "test_other.py").write_text("def test_other(): pass")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    body = f"def test_{end}():\n    forks()\n    {ENDS[end]}\n"
    (tmp_path / "test_ends.py").write_text(FORKS.format(fifo=str(fifo)) + body)
    holds = os.open(fifo, os.O_RDWR)
    try:
        with (tmp_path / "said.txt").open("w+") as said:  # no pipe: the children would hold that open, too
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options(), "-p", "no:cacheprovider"],
                cwd=tmp_path,
                env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]},
                stdout=said,
                stderr=said,
                timeout=60,
                check=False,
            )
            said.seek(0)
            told = said.read()
    finally:
        os.close(holds)
    assert done.returncode == 1
    assert f"crashed while running 'test_ends.py::test_{end}'" in told
    assert "1 failed, 1 passed" in told
