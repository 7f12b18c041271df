"""Weights that are meant to be one and are two."""

import copy

import pytest
import torch
from torch import nn

from conditions.trained import examine, found, train
from luban.evidence.trace import Trace

NAME = "untied-weights"
ROWS = (torch.arange(64)[:, None] % 20, torch.arange(64) % 20)


class Words(nn.Module):
    """Guesses a word from itself."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Embedding(20, 8), nn.Linear(8, 20)
        self.head.weight = self.embed.weight

    def forward(self, words):
        return self.head(self.embed(words[:, 0]))


def test_weights_that_were_copied_apart_are_found_and_tied_ones_are_not():
    tied, apart = Words(), Words()
    apart.head.weight = copy.deepcopy(apart.embed.weight)
    finding = found(train(apart, ROWS, steps=2), NAME)
    assert (finding.severity, finding.where.layer) == ("severe", "head")
    assert "'embed.weight' and 'head.weight' began equal" in finding.text
    assert found(train(tied, ROWS, steps=2), NAME) is None


def test_weights_of_their_own_are_no_fault():
    model = Words()
    model.head.weight = nn.Parameter(torch.randn(20, 8))
    watch = train(model, ROWS, steps=2)
    assert watch.trace.tied == () and found(watch, NAME) is None


def test_it_needs_a_watched_step():
    with pytest.raises(ValueError, match="no step was watched"):
        examine(NAME, Trace(untied=(("a", "b"),)))
