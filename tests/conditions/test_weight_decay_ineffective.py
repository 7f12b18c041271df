"""Weight decay that reaches no weight."""

import pytest
import torch

from conditions.trained import examine, found, parameter, perceptron, train
from luban.evidence.trace import Trace

NAME = "weight-decay-ineffective"


@pytest.mark.parametrize("own, fires", [({"weight_decay": 0.0}, True), ({}, False)])
def test_groups_that_set_it_to_zero_are_found(own, fires):
    model = perceptron(16)
    optimizer = torch.optim.AdamW([{"params": list(model.parameters()), **own}], weight_decay=0.1)
    finding = found(train(model, steps=1, optimizer=optimizer), NAME)
    assert (finding is not None) is fires
    if fires:
        assert finding.severity == "severe"
        assert "a weight decay of 0.1, and none of its 2 weights has any" in finding.text


def test_biases_without_it_are_usual():
    kept = (parameter(decay=0.1), parameter("0.bias", kind="bias"))
    assert examine(NAME, Trace(decay=0.1, parameters=kept)) == []


@pytest.mark.parametrize(
    "trace, reason",
    [
        (Trace(parameters=(parameter(),)), "without weight decay"),
        (Trace(decay=0.1, parameters=(parameter("0.bias", kind="bias"),)), "holds no weights"),
    ],
)
def test_it_is_silent(trace, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, trace)
