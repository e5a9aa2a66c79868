"""What the loss of a large batch needs beside the vectors themselves: peak memory, dense and in chunks.

    python -m benchmarks.loss_memory [--pairs 4096] [--chunk 256] [--dims 512]

Each in a process of its own, forward and backward; what the process had before is taken off. CPU.
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.clock import cpu, say


def measure(pairs: int, chunk: int, dims: int) -> None:
    """Print MB of peak memory more than before, and CPU seconds."""
    import torch
    from torch.nn.functional import normalize

    from training.optimisation.loss import contrastive

    torch.manual_seed(0)
    torch.set_num_threads(1)
    small = [normalize(torch.randn(8, dims), dim=1).requires_grad_() for _ in range(2)]
    scale = torch.tensor(14.0, requires_grad=True)
    contrastive(small[0], small[1], scale, chunk=4).backward()  # type: ignore[no-untyped-call]
    vectors = [normalize(torch.randn(pairs, dims), dim=1).requires_grad_() for _ in range(2)]
    for vector in vectors:
        vector.grad = torch.zeros_like(vector)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, cpu()
    contrastive(vectors[0], vectors[1], scale, chunk=chunk).backward()  # type: ignore[no-untyped-call]
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    say(f"{more / 1024:.0f} {cpu() - start:.2f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("pairs", 4096), ("chunk", 256), ("dims", 512)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if given.once:
        measure(given.pairs, given.chunk, given.dims)
        return 0
    needed = {}
    for chunk in (0, given.chunk):
        arguments = ["--once", f"--pairs={given.pairs}", f"--chunk={chunk}", f"--dims={given.dims}"]
        command = [sys.executable, "-m", "benchmarks.loss_memory", *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        memory, seconds = done.stdout.split()
        needed[chunk] = float(memory)
        how = f"chunks of {chunk}" if chunk else "dense"
        say(f"{given.pairs:,} pairs, {how}: {memory} MB, {seconds} s of CPU")
    say(f"in chunks {needed[given.chunk] / needed[0]:.2f} of dense")
    return 0


if __name__ == "__main__":
    sys.exit(main())
