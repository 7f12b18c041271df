"""Optimisers by name, and the course of the learning rate."""

from __future__ import annotations

import copy

import pytest
import torch

from luban.core.errors import UsageError
from luban.recipe.recipe import Train
from luban.training.optimizing import factor, optimizer, settled

SCHEDULES = ("auto", "constant", "cosine", "linear", "one-cycle", "trapezoid")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", "SGD"),
        ("adam", "Adam"),
        ("adamw", "AdamW"),
        ("auto", "AdamW"),
        ("AdamW", "AdamW"),
        ("rmsprop", "RMSprop"),
        ("nadam", "NAdam"),
    ],
)
def test_an_optimiser_is_found_by_its_name(name, kind):
    made = optimizer(torch.nn.Linear(2, 2), Train(optimizer=name), 0.1)
    assert type(made).__name__ == kind
    assert made.param_groups[0]["lr"] == 0.1


def test_an_unknown_optimiser_is_answered_with_the_near_name():
    with pytest.raises(UsageError, match=r"no optimiser is called 'adamm'.*adam"):
        optimizer(torch.nn.Linear(2, 2), Train(optimizer="adamm"), 0.1)


def test_biases_and_scales_do_not_decay():
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
    groups = optimizer(module, Train(weight_decay=0.3), 0.1).param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert {name: decays[id(p)] for name, p in module.named_parameters()} == {
        "0.weight": 0.3, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0,
    }  # fmt: skip


def test_what_is_frozen_is_left_out():
    module = torch.nn.Linear(3, 2)
    module.bias.requires_grad = False
    groups = optimizer(module, Train(), 0.1).param_groups
    assert sum(len(group["params"]) for group in groups) == 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_starts_above_zero_and_stays_between_zero_and_its_largest(schedule):
    rates = [factor(schedule, 0.1, step, 100) for step in range(100)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "one-cycle", "trapezoid"])
def test_the_rate_ends_near_zero(schedule):
    assert factor(schedule, 0.1, 99, 100) < 0.03


def test_the_warm_up_rises_linearly():
    rates = [factor("constant", 0.5, step, 8) for step in range(8)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_before_it_is_settled_the_rate_hardly_depends_on_how_many_steps_follow(schedule):
    if schedule not in ("linear", "one-cycle"):
        until = int(settled(schedule) * 1_000)
        rates = [[factor(schedule, 0.0, step, steps) for step in range(until)] for steps in (1_000, 2_000)]
        assert max(abs(one - other) for one, other in zip(*rates, strict=True)) < 0.02


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_training_of_one_step_moves(schedule):
    assert factor(schedule, 0.05, 0, 1) > 0


def test_muon_turns_matrices_of_layers_and_leaves_embeddings_and_vectors_to_adam():
    module = torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Linear(4, 6))
    made = optimizer(module, Train(optimizer="muon", weight_decay=0.3), 0.1)
    shapes = {tuple(p.shape): (g["orthogonal"], g["weight_decay"]) for g in made.param_groups for p in g["params"]}
    assert shapes == {(7, 4): (False, 0.3), (6, 4): (True, 0.3), (6,): (False, 0.0)}
    before = module[1].weight.detach().clone()
    torch.manual_seed(0)
    module[1].weight.grad = torch.randn(6, 4) * torch.tensor([10.0, 1.0, 1.0, 0.2])
    made.param_groups[0]["weight_decay"] = made.param_groups[1]["weight_decay"] = 0.0
    made.step()
    moved = torch.linalg.svdvals((before - module[1].weight.detach()) / (0.1 * 0.2 * 6**0.5))
    # However unlike the directions of the gradient are, all of them move, and none of them far.
    assert moved.min() > 0.1 and moved.max() < 1.9


def test_muon_turns_matrices_in_bfloat16_where_the_network_is_trained_so():
    def moved(lower):
        torch.manual_seed(0)
        module = torch.nn.Linear(24, 16)
        made = optimizer(module, Train(optimizer="muon"), 0.1, lower=lower)
        before = module.weight.detach().clone()
        module.weight.grad = torch.randn(16, 24)
        made.step()
        return before - module.weight.detach()

    exact, lower = moved(False), moved(True)
    assert not torch.equal(exact, lower) and torch.allclose(exact, lower, atol=0.1 * exact.abs().max())


def test_muon_goes_on_from_its_state():
    def trained(steps, state=None):
        torch.manual_seed(1)
        module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Linear(5, 1))
        made = optimizer(module, Train(optimizer="muon"), 0.05)
        if state is not None:
            module.load_state_dict(state[0])
            made.load_state_dict(state[1])
        rows = torch.randn(8, 3, generator=torch.Generator().manual_seed(2))
        for _ in range(steps):
            made.zero_grad()
            module(rows).square().mean().backward()
            made.step()
        return {k: v.clone() for k, v in module.state_dict().items()}, copy.deepcopy(made.state_dict())

    whole, _ = trained(6)
    again, _ = trained(3, trained(3))
    assert all(torch.equal(whole[name], again[name]) for name in whole)
