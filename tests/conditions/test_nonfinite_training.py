"""A loss or a gradient that is not finite."""

import math

import torch

from conditions.trained import digits, examine, found, perceptron, train
from luban.evidence.trace import Trace

NAME = "nonfinite-training"


def test_a_loss_that_is_no_number_names_the_step_and_the_layer():
    model = perceptron(16, 16)
    with torch.no_grad():
        model[2].weight[3, 3] = math.inf
    finding = found(train(model, steps=1), NAME)
    assert (finding.severity, finding.where.step, finding.where.layer) == ("severe", 0, "2")
    assert "at step 0 the loss is not finite" in finding.text and "'2.weight'" in finding.text


def test_a_row_that_is_no_number_is_named():
    rows, classes = digits()
    rows = rows.clone()
    rows[3 * 32 + 7, 5] = math.nan
    finding = found(train(perceptron(16), (rows, classes), steps=5), "nonfinite-data")
    assert (finding.where.step, finding.where.batch) == (3, 3)
    assert "row 7 of the batch is not finite" in finding.text


def test_a_history_of_losses_names_the_first_bad_one():
    (finding,) = examine(NAME, Trace(losses=[2.0, 1.5, math.inf, math.nan]))
    assert finding.where.step == 2
    assert "after 1.5 before it" in finding.text
    assert "after" not in examine(NAME, Trace(losses=[math.nan]))[0].text.split("(threshold")[0]


def test_finite_losses_are_no_fault():
    assert examine(NAME, Trace(losses=[2.0, 1e30])) == []
    assert found(train(perceptron(16), steps=5), NAME) is None
