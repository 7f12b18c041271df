"""Dropout and batch normalisation in the wrong mode."""

import pytest
import torch
from torch import nn

import luban
from conditions.trained import digits, examine, found, perceptron, train
from luban.evidence.trace import Check, Trace

NAME = "train-eval-mode-error"


def dropping(rate=0.5):
    plain = perceptron(16)
    return nn.Sequential(plain[0], nn.ReLU(), nn.Dropout(rate), plain[2])


def test_training_in_evaluation_mode_is_found_and_the_layer_is_named():
    finding = found(train(dropping().eval(), steps=2), NAME)
    assert (finding.severity, finding.where.layer) == ("severe", "2")
    assert "model.train()" in finding.text
    assert found(train(dropping(), steps=2), NAME) is None
    assert found(train(perceptron(16).eval(), steps=2), NAME) is None


def test_a_part_that_was_switched_by_itself_was_meant():
    model = nn.Sequential(nn.BatchNorm1d(64), dropping())
    model[0].eval()
    assert found(train(model, steps=2), NAME) is None


@pytest.mark.parametrize("mode, fires", [("train", True), ("eval", False)])
def test_held_out_rows_are_to_be_answered_in_evaluation_mode(mode, fires):
    model = dropping()
    with luban.watch(model, torch.optim.SGD(model.parameters(), lr=0.1)) as watch:
        getattr(model, mode)()
        with torch.no_grad():
            model(digits()[0][:8])
        watch.validation(1.0)
    assert (found(watch, NAME) is not None) is fires


def test_checks_of_which_the_mode_is_not_known_are_no_fault():
    with pytest.raises(ValueError, match="no held-out rows were seen"):
        examine(NAME, Trace(checks=[Check(1, 1.0, 1.0)]))
    assert examine(NAME, Trace(checks=[Check(1, 1.0, 1.0, trained_mode=False)])) == []
    (finding,) = examine(NAME, Trace(checks=[Check(1, 1.0, 1.0), Check(2, 1.0, 1.0, trained_mode=True)]))
    assert finding.where.step == 2 and finding.text.startswith("1 of 2 checks")


def test_it_needs_a_step_or_a_check():
    with pytest.raises(ValueError, match="no step was watched"):
        examine(NAME, Trace())
