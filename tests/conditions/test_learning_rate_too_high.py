"""Steps that write over what was learned."""

import pytest

from conditions.trained import examine, found, moving, parameter, perceptron, step, train
from luban.evidence.trace import Trace

NAME = "learning-rate-too-high"
WEIGHT = (parameter(),)


def test_a_rate_of_two_is_found_and_the_step_and_layer_are_named():
    finding = found(train(perceptron(32), rate=2.0, steps=3), NAME)
    assert finding.severity == "severe"
    assert finding.where.layer in ("0", "2") and finding.where.step in (0, 1, 2)
    assert f"step {finding.where.step} moved the weights of the layer '{finding.where.layer}'" in finding.text
    assert found(train(perceptron(32), steps=10), NAME) is None


@pytest.mark.parametrize("move, fires", [(0.99, False), (1.01, True)])
def test_the_threshold_is_a_whole_weight(move, fires):
    trace = Trace(parameters=WEIGHT, watched=[step(layers=moving(1.0, update=move))])
    assert bool(examine(NAME, trace)) is fires


@pytest.mark.parametrize("later", [0.49, 5.0])
def test_only_the_first_five_watched_steps_are_judged(later):
    steps = [step(n, layers=moving(1.0, update=later if n >= 5 else 0.1)) for n in range(9)]
    assert examine(NAME, Trace(parameters=WEIGHT, watched=steps)) == []


@pytest.mark.parametrize("level, fires", [(9.0, False), (11.0, True)])
def test_a_loss_ten_times_as_high_as_at_first_is_found_without_a_large_step(level, fires):
    trace = Trace(parameters=WEIGHT, watched=[step(layers=moving(1.0))], losses=[1.0] * 5 + [level] * 5)
    assert [one.where.step for one in examine(NAME, trace)] == [5] * fires


@pytest.mark.parametrize("parameters", [(), (parameter(zero=True),), (parameter(kind="embedding"),)])
def test_weights_of_zero_and_embeddings_say_nothing(parameters):
    with pytest.raises(ValueError, match="no step was watched in which weights moved"):
        examine(NAME, Trace(parameters=parameters, watched=[step(layers=moving(1.0, update=9.0))]))
