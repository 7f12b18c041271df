"""Parameters that should learn and do not."""

import pytest
import torch
from torch import nn

from conditions.trained import examine, found, moving, parameter, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "frozen-or-unused-parameter"


def test_a_layer_outside_of_the_optimiser_is_found_and_named():
    model = perceptron(16)
    finding = found(train(model, steps=1, optimizer=torch.optim.SGD(model[2].parameters(), lr=0.1)), NAME)
    assert (finding.severity, finding.where.layer) == ("severe", "0")
    assert "'0.weight' (and 1 more)" in finding.text and "the optimiser has not got it" in finding.text


def test_a_layer_that_is_switched_off_is_a_warning_unless_it_was_declared():
    model = perceptron(16)
    model[0].requires_grad_(False)
    assert found(train(model, steps=1), NAME).severity == "warning"
    for declared in ("0", "0.*", "?", "0.weight"):
        kept = found(train(model, steps=1, frozen=[declared]), NAME)
        assert (kept is None) is (declared != "0.weight"), declared


def test_a_layer_that_the_forward_pass_leaves_out_is_found_after_five_steps():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(64, 10), nn.Linear(64, 10)

        def forward(self, rows):
            return self.used(rows)

    finding = found(train(Forgetful(), steps=6), NAME)
    assert finding.where.layer == "unused"
    assert "the forward pass does not use it" in finding.text
    assert found(train(Forgetful(), steps=4), NAME) is None


def test_a_sound_training_is_no_fault():
    assert found(train(perceptron(16), steps=10), NAME) is None


@pytest.mark.parametrize("rate, fires", [(0.1, True), (0.0, False)])
def test_a_weight_that_gets_a_gradient_moves_but_not_at_a_rate_of_zero(rate, fires):
    stuck = Trace(parameters=(parameter(),), watched=[step(n, rate=rate, still=("0.weight",)) for n in range(5)])
    assert [one.text.count("does not move") for one in examine(NAME, stuck)] == [1] * fires
    rows = Trace(parameters=(parameter(kind="embedding"),), watched=stuck.watched)
    assert examine(NAME, rows) == []


def test_it_needs_parameters():
    with pytest.raises(ValueError, match="not known"):
        examine(NAME, Trace())


def test_where_no_weight_moves_at_all_the_step_is_too_small_and_nothing_is_frozen():
    several = (parameter("0.weight"), parameter("1.weight"))

    def seen(*still):
        return Trace(parameters=several, watched=[step(n, still=still) for n in range(5)])

    assert examine(NAME, seen("0.weight", "1.weight")) == []
    assert examine(NAME, seen("0.weight"))[0].where.layer == "0"


@pytest.mark.parametrize("update, fires", [(1e-8, False), (1e-4, True)])
def test_a_weight_that_stands_where_others_move_less_than_their_digits_hold_is_not_frozen(update, fires):
    several = (parameter("0.weight"), parameter("1.weight"))
    seen = [step(n, still=("0.weight",), layers=moving(1.0, 1.0, update=update)) for n in range(5)]
    assert bool(examine(NAME, Trace(parameters=several, watched=seen))) is fires
