"""What the text tower costs where no padding is computed: forward and backward, beside the padded tower.

    python -m benchmarks.text_lengths [--model ViT-B/32] [--texts 64] [--rounds 3]

Texts of 20 tokens in the mean, 4 to 77; one thread, CPU time, the contestants taking turns. The largest
difference of a vector's parts is printed first.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.clock import ratio, say, timed

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure."""
    import torch
    from torch import Tensor

    from training.config import MODELS
    from training.model.packing import pack
    from training.model.text_tower import TextTower

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="ViT-B/32")
    parser.add_argument("--texts", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(argv)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = MODELS[given.model]
    tower = TextTower(config.text, config.embed_dim)
    lengths = (8 * torch.randn(given.texts) + 20).round().clamp(4, 77).long()
    text_BT = torch.zeros(given.texts, 77, dtype=torch.int64)
    for row, length in zip(text_BT, lengths.tolist(), strict=True):
        row[:length] = torch.randint(1, 40_000, (length,))
        row[length - 1] = 49_407
    longest = int(lengths.max())

    def embedded(text_BT: Tensor, step: int) -> Tensor:
        return tower.embed_packed(pack(text_BT, step))

    def step(embed: Callable[[], Tensor]) -> None:
        embed().sum().backward()  # type: ignore[no-untyped-call]

    with torch.no_grad():
        apart = (tower.embed_text(text_BT) - embedded(text_BT, 77)).abs().max()
    mean = float(lengths.float().mean())
    say(f"{given.texts} texts, {mean:.1f} tokens in the mean; apart {float(apart):.1e}")
    contestants = {
        "packed": partial(tower.embed_text, text_BT),
        "cropped to the longest": partial(embedded, text_BT, longest),
        "padded to 77": partial(embedded, text_BT, 77),
    }
    spent = timed({name: partial(step, embed) for name, embed in contestants.items()}, given.rounds)
    for name, figures in spent.items():
        say(f"{name}: {ratio(figures, spent['packed'])} of the time packed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
