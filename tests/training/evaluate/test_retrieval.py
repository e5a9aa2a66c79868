import pytest
import torch
from torch.nn.functional import normalize

from training.evaluate import retrieval
from training.evaluate.retrieval import chance, ranks, recall


def test_ranks_are_those_of_sorting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "BLOCK", 7)
    torch.manual_seed(0)
    query_ND, candidate_ND = normalize(torch.randn(30, 8)), normalize(torch.randn(30, 8))
    order_NN = (query_ND @ candidate_ND.T).argsort(dim=1, descending=True)
    expected = [order.tolist().index(i) + 1 for i, order in enumerate(order_NN)]
    assert ranks(query_ND, candidate_ND).tolist() == expected


def test_a_model_that_tells_nothing_apart_gets_chance() -> None:
    same_ND = torch.ones(101, 4) / 2
    found = recall(ranks(same_ND, same_ND))
    assert (found["r1"], found["r5"], found["r10"]) == (0, 0, 0)
    assert found["mean_rank"] == found["median_rank"] == chance(101)["mean_rank"] == 51


@pytest.mark.parametrize(
    ("rank", "shares"), [(1, (1, 1, 1)), (5, (0, 1, 1)), (10, (0, 0, 1)), (11, (0, 0, 0))]
)
def test_both_sides_of_each_recall(rank: int, shares: tuple[int, int, int]) -> None:
    found = recall(torch.tensor([float(rank)]))
    assert (found["r1"], found["r5"], found["r10"]) == shares


def test_chance_is_never_above_one() -> None:
    assert chance(4) == {"r1": 0.25, "r5": 1.0, "r10": 1.0, "mean_rank": 2.5, "median_rank": 2.5}
