"""What a training program is, from outside: known answers."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from luban.evidence.trace import Activation
from luban.training import program


@pytest.mark.parametrize(
    "weight, expected",
    [
        (torch.ones(4, 3), 0.0),
        (torch.zeros(4, 3), 0.0),
        (torch.tensor([[1.0], [-1.0]]), 1.0),
        (torch.tensor([[1.0], [3.0]]), 0.5),
        (torch.ones(1, 3), None),
        (torch.ones(4), None),
    ],
)
def test_the_spread_of_units(weight, expected):
    assert program.spread(weight) == expected


def test_random_units_spread_by_about_one():
    torch.manual_seed(0)
    assert 1.1 < program.spread(torch.randn(64, 64)) < 1.4


def entropy(*shares):
    return -sum(share * math.log(share) for share in shares)


@pytest.mark.parametrize(
    "function, batches, expected",
    [
        ("cross-entropy", [[0, 0, 1, 2]], entropy(0.5, 0.25, 0.25)),
        ("cross-entropy", [[0], [1]], entropy(0.5, 0.5)),
        ("cross-entropy", [[0, -100, 1, 1]], entropy(1 / 3, 2 / 3)),
        ("cross-entropy", [[[0.75, 0.25], [0.25, 0.75]]], entropy(0.5, 0.5)),
        ("negative-log-likelihood", [[1, 1]], 0.0),
        ("binary-cross-entropy", [[[1.0], [0.0], [0.0], [0.0]]], entropy(0.25, 0.75)),
        ("binary-cross-entropy-with-logits", [[[1.0, 0.0], [0.0, 0.0]]], entropy(0.5, 0.5) / 2),
        ("squared", [[1.0, 3.0]], 1.0),
        ("squared", [[[1.0, 0.0], [3.0, 0.0]]], 0.5),
        ("absolute", [[0.0, 1.0, 5.0]], 5 / 3),
        ("cross-entropy", [[-100]], None),
        ("", [[0, 1]], None),
        ("squared", [], None),
    ],
)
def test_the_loss_of_the_best_constant_answer(function, batches, expected):
    answer = program.constant_loss(function, [torch.tensor(batch) for batch in batches])
    assert answer == (None if expected is None else pytest.approx(expected, abs=1e-6))


def test_sequences_may_differ_in_their_length():
    words = [torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1], [0, 0]])]
    assert program.constant_loss("cross-entropy", words) == pytest.approx(entropy(4 / 7, 3 / 7))
    values = [torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 3.0, 2.0]])]
    assert program.constant_loss("squared", values) == pytest.approx(0.8)
    seen = program.answering([torch.rand(2, 5), torch.rand(2, 7)], [None, None], None)
    assert (seen.shape, seen.rows) == ((5,), 2)


@pytest.mark.parametrize(
    "loss, name",
    [
        (nn.CrossEntropyLoss(), "cross-entropy"),
        (nn.functional.binary_cross_entropy_with_logits, "binary-cross-entropy-with-logits"),
        (nn.CrossEntropyLoss(reduction="sum"), ""),
        (nn.CrossEntropyLoss(weight=torch.ones(3)), ""),
        (lambda answers, targets: 0.0, ""),
        (None, ""),
    ],
)
def test_losses_of_torch_are_known_by_name(loss, name):
    assert program.loss_function(loss) == name


@pytest.mark.parametrize("kind", [int, float, bool])
def test_sorted_targets_are_not_mixed(kind):
    halves = [np.zeros(20, kind), np.zeros(20, kind), np.ones(20, kind), np.ones(20, kind)]
    assert program.mixing(halves) == 1 / 2001


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_targets_are_mixed(seed):
    random = np.random.default_rng(seed)
    classes = random.integers(0, 5, 200)
    assert program.mixing(np.split(classes, 10)) > 0.05
    assert program.mixing(np.split(random.normal(size=200), 10)) > 0.05


@pytest.mark.parametrize(
    "batches",
    [[], [np.arange(9.0)] * 2, [np.arange(3.0)] * 9, [np.ones(9)] * 3, [np.array([1.0, np.nan, 2.0, 3.0])] * 3],
    ids=["none", "two", "short", "equal", "not finite"],
)
def test_mixing_is_none_where_nothing_can_be_said(batches):
    assert program.mixing(batches) is None


def test_parameters_tell_who_holds_them():
    model = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 4), nn.LayerNorm(4))
    model[1].weight.requires_grad_(False)
    optimizer = torch.optim.AdamW([{"params": [model[0].weight], "weight_decay": 0.2}, {"params": [model[1].bias]}])
    found = {one.name: one for one in program.parameters(model, [optimizer], ["1"])}
    assert {name: one.kind for name, one in found.items()} == {
        "0.weight": "embedding", "1.weight": "weight", "1.bias": "bias", "2.weight": "normalisation",
        "2.bias": "normalisation",
    }  # fmt: skip
    assert [(one.optimised, one.learns, one.frozen) for one in found.values()] == [
        (1, True, False), (0, False, True), (1, True, True), (0, True, False), (0, True, False),
    ]  # fmt: skip
    assert found["0.weight"].decay == 0.2 and found["2.bias"].zero


def test_a_layer_that_is_called_network_keeps_its_name():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = nn.Linear(3, 2)
            self.own = nn.Parameter(torch.ones(2, 2))

    names = {one.name for one in program.parameters(Wrapped(), [], ["network.*"]) if one.frozen}
    assert names == {"network.weight", "network.bias"}


def test_equal_pairs_are_two_objects_with_one_value():
    model = nn.ModuleDict({"embed": nn.Embedding(20, 8), "head": nn.Linear(8, 20)})
    assert program.equal_pairs(model) == []
    model["head"].weight = nn.Parameter(model["embed"].weight.detach().clone())
    assert program.equal_pairs(model) == [("embed.weight", "head.weight")]
    model["head"].weight = model["embed"].weight
    assert program.equal_pairs(model) == []


def test_switched_off_layers_are_told_where_the_whole_network_is():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3), nn.Linear(3, 2))
    assert program.switched_off(model) == ()
    model[1].eval()
    assert program.switched_off(model) == ()
    assert program.switched_off(model.eval()) == ("0", "1")


def test_the_norm_of_all_gradients_is_that_of_clipping_and_knows_sparse_ones():
    model = nn.Sequential(nn.EmbeddingBag(9, 4, mode="sum", sparse=True), nn.Linear(4, 2))
    assert program.gradient_norm(model.parameters()) == 0.0
    model(torch.tensor([[1, 2], [2, 3]])).square().sum().backward()
    squares = sum(float(p.grad.to_dense().square().sum()) for p in model.parameters())
    assert program.gradient_norm(model.parameters()) == pytest.approx(math.sqrt(squares), rel=1e-5)


def test_what_was_answered():
    probabilities = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    seen = program.answering([probabilities, probabilities.log()], [torch.tensor([1, 0])] * 2, None)
    assert (seen.shape, seen.target_shape, seen.rows, seen.target_rows) == ((2,), (), 4, 2)
    assert not seen.sums_to_one and not seen.positive and not seen.logarithms
    assert program.answering([probabilities], [None], None).sums_to_one
    assert program.answering([probabilities.log()], [None], None).logarithms
    assert program.answering([torch.ones(3)], [None], None) is None
    tanh = Activation("tanh", 0.0, 0.0, 0.0, 4, True)
    targets = torch.tensor([[0.5], [2.0], [-0.5], [-3.0]])
    assert program.answering([torch.zeros(4, 1)], [targets], tanh).outside == 0.5


@pytest.mark.parametrize(
    "target, expected",
    [(torch.tensor([[1.0], [2.0]]), [1.0, 2.0]), (torch.tensor([3, 4]), [3, 4]), (torch.ones(2, 2), None),
     (torch.tensor(1.0), None), ([1, 2], None)],
)  # fmt: skip
def test_targets_of_a_batch(target, expected):
    found = program.targets_of(target)
    assert (found if found is None else found.tolist()) == expected
