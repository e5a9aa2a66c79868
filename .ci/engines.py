"""Prism, and the program that starts a Python worker in Beam's containers, made by Go: run by `make engines`.

Both are of the release of Beam that is installed. Where Go is not, or its modules cannot be fetched, one line
says so, and tests of other engines are skipped.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import apache_beam

HERE = Path(__file__).resolve().parents[1] / ".engines"
MADE = {"prism": "go/cmd/prism", "container": "python/container"}  # the binary, and where its source is
MOST = 420.0  # seconds: without a cache Prism takes some 150 on two cores
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
    version = apache_beam.__version__
    if not shutil.which("go"):
        sys.stdout.write("engines: Go is not here, nothing is made; tests of other engines are skipped\n")
        return 0
    HERE.mkdir(exist_ok=True)
    for name, source in MADE.items():
        if (HERE / name).exists():
            continue
        package = f"github.com/apache/beam/sdks/v2/{source}@v{version}"
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
                timeout=MOST,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said = error.output if isinstance(error.output, str) else ""
            sys.stdout.write(f"{said}engines: {package} could not be made; its tests are skipped\n")
            return 0
    boot = HERE / "boot"
    boot.write_text(BOOT.format(bin=Path(sys.executable).parent, here=HERE))
    boot.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main())
