"""Prism, and the program that starts a Python worker in Beam's containers, made by Go: run by `make engines`.

Both are of the release of Beam that is pinned; nothing of it needs to be installed, so that Go may compile
while pip downloads. Where Go is not, or its modules cannot be fetched, one line says so, and tests of other
engines are skipped.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
HERE = HOUSE / ".engines"
MADE = {"prism": "go/cmd/prism", "container": "python/container"}  # the binary, and where its source is
MOST = 400.0  # seconds for both: without a cache Prism takes some 150 on two cores
BOOT = """#!/bin/sh
# Starts a worker as Beam's containers do, in the environment that is here. Prism hands its worker's name over
# in quotes, under which nobody would know it.
export RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
export PATH={bin}:$PATH
for argument in "$@"; do
  shift
  set -- "$@" "$(printf %s "$argument" | tr -d "'")"
done
exec {here}/container "$@"
"""


def main() -> int:
    """Make what is not there yet; returns an exit code."""
    pinned = re.search(r"^apache-beam==(\S+)", (HOUSE / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    end = time.monotonic() + MOST
    if not shutil.which("go"):
        sys.stdout.write("engines: Go is not here, nothing is made; tests of other engines are skipped\n")
        return 0
    HERE.mkdir(exist_ok=True)
    for name, source in MADE.items():
        if (HERE / name).exists():
            continue
        package = f"github.com/apache/beam/sdks/v2/{source}@v{pinned[1]}"
        sys.stdout.write(f"engines: go install {package}\n")
        sys.stdout.flush()
        try:
            subprocess.run(
                ["go", "install", package],
                env={**os.environ, "GOBIN": str(HERE)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
                timeout=max(1.0, end - time.monotonic()),
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said = error.output if isinstance(error.output, str) else ""
            sys.stdout.write(f"{said}engines: {package} could not be made; its tests are skipped\n")
            return 0
    boot = HERE / "boot"
    boot.write_text(BOOT.format(bin=HOUSE / ".venv" / "bin", here=HERE))
    boot.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
