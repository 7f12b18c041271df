"""Asking a network beside its training: what comes back, and what is left as it was."""

import random

import pytest
import torch
from torch import nn

from luban.training.asking import dependence, first_not_finite, unchanged

ROWS = torch.linspace(-1, 1, 24).reshape(6, 4)


class Counting(nn.Module):
    """Counts its calls in a buffer, draws numbers, and may fail from the second call on."""

    def __init__(self, fails=False):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.register_buffer("calls", torch.zeros(1))
        self.fails = fails

    def forward(self, rows):
        self.calls = self.calls + 1
        random.random()
        if self.fails:
            raise KeyError("once only")
        return self.layer(rows) + 0 * torch.rand(len(rows), 2)


def state(model):
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return buffers, [layer.training for layer in model.modules()], torch.get_rng_state(), random.getstate()


@pytest.mark.parametrize(
    "model",
    [nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)), Counting(), Counting(fails=True)],
    ids=["normalises and drops", "counts", "fails"],
)
@pytest.mark.parametrize("ask", [dependence, lambda model, rows: first_not_finite(model, ((rows,), {}))])
def test_modes_buffers_and_random_states_come_back(model, ask):
    model[0].eval() if isinstance(model, nn.Sequential) else None
    before, gradients = state(model), torch.is_grad_enabled()
    held = dict(model.named_buffers())
    ask(model, ROWS)
    after = state(model)
    assert all(torch.equal(before[0][name], after[0][name]) for name in before[0])
    assert all(dict(model.named_buffers())[name] is buffer for name, buffer in held.items())
    assert before[1] == after[1] and before[3] == after[3] and torch.equal(before[2], after[2])
    assert torch.is_grad_enabled() is gradients


def test_they_come_back_when_it_is_interrupted():
    model = nn.Dropout(0.5)
    with pytest.raises(KeyboardInterrupt), unchanged(model):
        model.eval()
        raise KeyboardInterrupt
    assert model.training


@pytest.mark.parametrize(
    "model, expected",
    [(nn.Linear(4, 2), 0.0), (nn.BatchNorm1d(4), 0.0), (nn.LSTM(4, 3), None)],
    ids=["linear", "batch normalisation", "answers a tuple"],
)
def test_rows_that_stay_apart(model, expected):
    assert dependence(model, ROWS) == expected


def test_rows_that_are_mixed_by_known_shares():
    class Mean(nn.Module):
        def forward(self, rows):
            return rows + rows.mean(0)

    rows = torch.ones(4, 1)
    # Others fall to a half: the mean by 3/8. The row itself falls by 1/2, and the mean by 1/8 with it.
    assert dependence(Mean(), rows) == pytest.approx((3 / 8) / (1 / 2 + 1 / 8))


@pytest.mark.parametrize(
    "model, rows",
    [
        (nn.Linear(4, 2), None),
        (nn.Linear(4, 2), ROWS[:2]),
        (nn.Linear(4, 2), ROWS.long()),
        (nn.Linear(4, 2), ROWS[:, 0]),
        (nn.Linear(4, 2), torch.zeros(6, 4)),
        (nn.Linear(4, 2), torch.full((6, 4), float("nan"))),
        (nn.Linear(5, 2), ROWS),
        (nn.Bilinear(4, 4, 2), ROWS),
        (nn.Flatten(0), ROWS),
        (nn.Sequential(nn.Flatten(0), nn.Linear(24, 1), nn.Unflatten(0, ())), ROWS),
    ],
)
def test_where_it_cannot_be_tried_it_is_none(model, rows):
    assert dependence(model, rows) is None


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


def spoilt(model, at=(2, 1)):
    rows = ROWS.clone()
    rows[at] = float("inf")
    return first_not_finite(model, ((rows,), {}))


def test_weights_come_first():
    model = network()
    with torch.no_grad():
        model[2].bias[0] = float("nan")
    assert spoilt(model) == ("the weights '2.bias' are not finite", "2")


def test_then_the_row_of_the_batch():
    assert spoilt(network()) == ("row 2 of the batch is not finite (argument 0 of the network)", None)
    call = ((ROWS,), {"scale": torch.tensor(float("nan"))})
    assert first_not_finite(network(), call)[0].startswith("row 0 of the batch is not finite (argument 1")


def test_then_the_layer_that_gives_it_out():
    class Root(nn.Module):
        def forward(self, values):
            return values.sqrt()

    model = nn.Sequential(nn.Linear(4, 3), Root(), nn.Linear(3, 2))
    with torch.no_grad():
        model[0].bias.fill_(-9.0)
    assert first_not_finite(model, ((ROWS,), {})) == ("the layer '1' gives out what is not finite", "1")
    assert first_not_finite(nn.DataParallel(model), ((ROWS,), {}))[1] == "module.1"


def test_then_the_last_gradient_and_then_the_loss():
    model = network()
    call = ((ROWS,), {})
    assert first_not_finite(model, call) == ("every layer's output is finite, so it is the loss", None)
    model[0].weight.grad = torch.full((3, 4), float("nan"))
    assert first_not_finite(model, call) == ("the gradient of '0.weight' is not finite", "0")


def test_a_forward_pass_that_fails_the_second_time_is_no_failure_of_the_training():
    model = Counting(fails=True)
    model.layer.bias.grad = torch.full((2,), float("inf"))
    assert first_not_finite(model, ((ROWS,), {})) == ("the gradient of 'layer.bias' is not finite", "layer")
