"""Answers that depend on other rows of the batch."""

import pytest
import torch
from torch import nn

from conditions.trained import examine, found, perceptron, train
from luban.evidence.trace import Trace

NAME = "batch-dependence"


class Mixed(nn.Module):
    """Adds the mean over the rows, which belong apart."""

    def forward(self, values):
        return values + values.mean(0, keepdim=True)


def test_a_network_that_mixes_rows_is_found():
    finding = found(train(nn.Sequential(Mixed(), *perceptron(16)), steps=1), NAME)
    assert finding.severity == "severe"
    assert "the network mixes rows" in finding.text


def test_batch_normalisation_is_no_fault():
    sound = perceptron(16)
    watch = train(nn.Sequential(sound[0], nn.BatchNorm1d(16), *sound[1:]), steps=3)
    assert watch.trace.dependence == 0
    assert found(watch, NAME) is None


@pytest.mark.parametrize("dependence, fires", [(0.0, False), (0.009, False), (0.011, True)])
def test_the_threshold_is_a_hundredth(dependence, fires):
    assert bool(examine(NAME, Trace(dependence=dependence))) is fires


def test_a_network_that_takes_no_table_was_not_asked():
    words = nn.Sequential(nn.Embedding(20, 8), nn.Flatten(), nn.Linear(16, 10))
    watch = train(words, (torch.randint(20, (64, 2)), torch.randint(10, (64,))), steps=1)
    assert "not asked" in dict(watch.not_run)[NAME]
