"""Clipping that was declared and does not happen."""

import pytest
from torch import nn

from conditions.trained import examine, found, perceptron, step, train
from luban.evidence.trace import Told, Trace

NAME = "clipping-ineffective"


def test_clipping_that_is_left_out_is_found():
    finding = found(train(perceptron(16), steps=2, clip=0.01), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 0)
    assert "above 0.01" in finding.text


def test_clipping_before_the_step_is_no_fault():
    model = perceptron(16)
    watch = train(model, clip=0.1, before=lambda: nn.utils.clip_grad_norm_(model.parameters(), 0.1))
    assert found(watch, NAME) is None
    assert NAME not in dict(watch.not_run)


@pytest.mark.parametrize("norm, fires", [(2.01, False), (2.03, True), (float("inf"), False)])
def test_the_threshold_is_a_hundredth_above_what_was_declared(norm, fires):
    trace = Trace(told=Told(clip=2.0), watched=[step(gradient=1.0), step(1, gradient=norm)])
    assert [one.where.step for one in examine(NAME, trace)] == [1] * fires


@pytest.mark.parametrize("trace, reason", [(Trace(), "declared"), (Trace(told=Told(clip=1.0)), "no step was watched")])
def test_it_needs_a_declared_norm_and_a_step(trace, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, trace)
