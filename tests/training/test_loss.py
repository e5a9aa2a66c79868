import math

import pytest
import torch
from torch.nn.functional import normalize

from training.loss import contrastive


def test_the_loss_is_that_of_plain_arithmetic() -> None:
    torch.manual_seed(0)
    image, text = (normalize(torch.randn(5, 8, dtype=torch.float64), dim=-1) for _ in range(2))
    scale = 7.0
    total = 0.0
    for i in range(5):
        row = [math.exp(scale * float(image[i] @ text[j])) for j in range(5)]
        column = [math.exp(scale * float(image[j] @ text[i])) for j in range(5)]
        total -= math.log(row[i] / sum(row)) + math.log(column[i] / sum(column))
    assert contrastive(image, text, torch.tensor(scale)).item() == pytest.approx(total / 10)


def test_chance_is_the_logarithm_of_the_batch() -> None:
    same = torch.ones(16, 4) / 2
    assert contrastive(same, same, torch.tensor(14.0)).item() == pytest.approx(math.log(16))


def test_matching_pairs_have_no_loss_and_swapping_the_sides_changes_none() -> None:
    own = torch.eye(4)
    assert contrastive(own, own, torch.tensor(100.0)).item() == pytest.approx(0, abs=1e-6)
    image, text = normalize(torch.randn(4, 3)), normalize(torch.randn(4, 3))
    torch.testing.assert_close(
        contrastive(image, text, torch.tensor(3.0)), contrastive(text, image, torch.tensor(3.0))
    )
