"""The best weights come back as they were, whatever a training did since, and nothing is written over where it did
nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from luban.models._occurring import Occurring
from luban.training.keeping import Kept


def network(occurring: bool = False) -> nn.Module:
    torch.manual_seed(0)
    table: nn.Embedding = nn.Embedding(9, 4)
    return nn.Sequential(
        Occurring(table, torch.tensor([2, 5])) if occurring else table, nn.BatchNorm1d(4), nn.Linear(4, 2)
    )


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def step(module: nn.Module, kept: Kept) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 1.0
    module(torch.tensor([1, 2, 5]))
    kept.average()


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("occurring", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_the_best_weights_come_back(occurring: bool, decay: float, after: int) -> None:
    module = network(occurring)
    kept = Kept(module, decay)
    step(module, kept)
    with kept.answering(module):
        best = state(module)
        kept.best(module)
    for _ in range(after):
        step(module, kept)
    assert same(state(module), best) == (not after and not decay)
    kept.give_back(module)
    assert same(state(module), best)


def test_what_is_kept_is_a_copy_and_is_restored() -> None:
    module = network(occurring=True)
    kept = Kept(module, 0.0)
    kept.best(module)
    best, held = state(module), {name: tensor.clone() for name, tensor in kept.tensors().items()}
    step(module, kept)
    assert same(kept.tensors(), held) and held["best.0.weight"].shape == (9, 4)
    again = Kept(module, 0.0)
    again.restore(held)
    again.give_back(module)
    assert same(state(module), best)
