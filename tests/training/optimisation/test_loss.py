import math

import pytest
import torch
from torch.nn.functional import normalize

from training.optimisation.loss import contrastive


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


def grads(
    image: torch.Tensor, text: torch.Tensor, scale: torch.Tensor, chunk: int
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    leaves = [value.clone().requires_grad_() for value in (image, text, scale)]
    loss = contrastive(*leaves, chunk=chunk)
    (3 * loss).backward()  # type: ignore[no-untyped-call]
    return loss.detach(), [leaf.grad for leaf in leaves if leaf.grad is not None]


@pytest.mark.parametrize("chunk", [1, 7, 16, 100])
def test_chunks_change_neither_the_loss_nor_its_gradients(chunk: int) -> None:
    torch.manual_seed(0)
    image, text = (normalize(torch.randn(33, 16), dim=-1) for _ in range(2))
    scale = torch.tensor(14.3)
    dense, wanted = grads(image, text, scale, 0)
    loss, found = grads(image, text, scale, chunk)
    torch.testing.assert_close(loss, dense, atol=1e-6, rtol=0)
    assert len(found) == len(wanted) == 3
    for own, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(own, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("chunk", [0, 5])
@pytest.mark.parametrize("processes", [2, 4])
def test_processes_that_see_all_vectors_have_the_loss_of_the_batch(processes: int, chunk: int) -> None:
    """Their mean is the loss; the sum of what each gives back to a vector is its gradient."""
    torch.manual_seed(1)
    image, text = (normalize(torch.randn(24, 16), dim=-1) for _ in range(2))
    scale = torch.tensor(20.0)
    dense, wanted = grads(image, text, scale, 0)
    leaves = [value.clone().requires_grad_() for value in (image, text, scale)]
    size = 24 // processes
    parts = [
        contrastive(
            leaves[0][first : first + size],
            leaves[1][first : first + size],
            leaves[2],
            chunk=chunk,
            all_image_BD=leaves[0],
            all_text_BD=leaves[1],
            first=first,
        )
        for first in range(0, 24, size)
    ]
    loss = torch.stack(parts).mean()
    (3 * loss).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss.detach(), dense, atol=1e-6, rtol=0)
    for leaf, theirs in zip(leaves, wanted, strict=True):
        torch.testing.assert_close(leaf.grad, theirs, atol=1e-6, rtol=1e-5)
