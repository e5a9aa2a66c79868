"""The peer is loaded rightly whichever torch pip brought: each time in a process of its own: it may abort."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.openclip import brings_operators

PEER = "from benchmarks.openclip import open_clip; print(open_clip().__version__)"
PLAIN = "import torchvision, open_clip; print(open_clip.__version__)"
REPOSITORY = Path(__file__).parents[2]


def run(code: str, *first: Path) -> subprocess.CompletedProcess[str]:
    """The code in a process that looks for packages in `first` before all others."""
    path = os.pathsep.join(map(str, (*first, REPOSITORY)))
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def without_its_library(folder: Path) -> Path:
    """A torchvision whose library of operators cannot be loaded, as beside a torch of another build."""
    found = find_spec("torchvision")
    assert found is not None
    assert found.origin is not None
    copy = folder / "torchvision"
    copy.mkdir()
    for item in Path(found.origin).parent.iterdir():
        if item.suffix == ".so":
            (copy / item.name).write_bytes(b"\x7fELF")
        else:
            (copy / item.name).symlink_to(item)
    return folder


def test_the_peer_is_loaded_with_the_torch_that_is_here() -> None:
    done = run(PEER)
    assert done.returncode == 0, done.stderr


def test_the_peer_is_loaded_where_torchvision_is_of_another_build(tmp_path: Path) -> None:
    first = without_its_library(tmp_path)
    assert "torchvision::nms does not exist" in run(PLAIN, first).stderr
    done = run(PEER, first)
    assert done.returncode == 0, done.stderr


def test_the_installation_imports_it_plainly() -> None:
    if not brings_operators():
        pytest.skip("pip brought a torchvision of another build than torch")
    done = run(PLAIN)
    assert done.returncode == 0, done.stderr
