"""What every test shares: hypothesis without clocks or luck, and where the real data lies, if it does."""

import os
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("wit", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("wit")

REAL = Path(__file__).parents[2] / "shared" / "data"


def pytest_sessionstart(session: pytest.Session) -> None:
    """In a process of xdist's: children let go of the pipe to the one that collects the results.

    A process that dies is known by the end of its pipe. A child that was forked, and lives on, would hold it
    open: the run then waits without end, and nobody learns which test it was.
    """
    plugins = session.config.pluginmanager.get_plugins()
    for worker in (item for item in plugins if type(item).__name__ == "WorkerInteractor"):
        pipe = worker.channel.gateway._io
        for end in (pipe.infile.fileno(), pipe.outfile.fileno()):
            os.register_at_fork(after_in_child=partial(os.close, end))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes by their length: what is packed holds the time, and all processes must give a test one name."""
    return f"{len(val)}_bytes" if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real dumps, photographs and WARCs that lies beside some checkouts."""
    if not REAL.is_dir():
        pytest.skip("the real data does not lie beside this checkout")
    return REAL
