"""Rows that come sorted."""

import pytest
import torch

from conditions.trained import digits, examine, found, perceptron, train
from luban.evidence.trace import Trace

NAME = "shuffle-error"


def test_sorted_classes_are_found_and_mixed_ones_are_not():
    rows, classes = digits()
    order = torch.argsort(classes, stable=True)
    finding = found(train(perceptron(), (rows[order], classes[order]), steps=12), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 9)
    assert "the rows come sorted" in finding.text
    mixed = train(perceptron(), steps=12)
    assert found(mixed, NAME) is None
    assert NAME not in dict(mixed.not_run)


@pytest.mark.parametrize("probability, fires", [(1 / 2001, True), (1 / 401, False)])
def test_no_shuffle_of_two_hundred_may_be_as_uneven(probability, fires):
    assert bool(examine(NAME, Trace(mixing=probability, losses=[1.0] * 10))) is fires


@pytest.mark.parametrize("trace", [Trace(losses=[1.0] * 10), Trace(mixing=0.0005, losses=[1.0] * 9)])
def test_it_needs_the_targets_of_ten_batches(trace):
    with pytest.raises(ValueError, match="the targets of 10 batches are needed"):
        examine(NAME, trace)
