"""Steps that write over what was learned."""

import pytest

from conditions.trained import examine, found, moving, parameter, perceptron, step, train
from luban.evidence.trace import LayerSignals, Parameter, Trace, WatchedStep

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


def _step(number, weight, rate=0.1):
    layer = LayerSignals(gradient=1.0, weight=weight, update=0.01 * weight)
    return WatchedStep(number, 1.0, rate, 1.0, {"first": layer})


def _grown(growth, losses, constant=1.0):
    parameter = Parameter("first.weight", "first", "weight", (8, 4), True, 1, 0.0, False, "float32", 1.0, False)
    watched = [_step(number, 0.5) for number in range(5)] + [_step(50, 0.5 * growth)]
    return Trace(parameters=(parameter,), losses=losses, constant_loss=constant, watched=watched)


@pytest.mark.parametrize(
    "growth, level, fires", [(5.2, 0.5, True), (4.8, 0.5, False), (2.2, 1.0, True), (1.8, 1.0, False)]
)
def test_weights_that_grow_are_found_and_sooner_where_nothing_is_learned(growth, level, fires):
    found = examine(NAME, _grown(growth, [level] * 50))
    assert bool(found) is fires
    if fires:
        assert (found[0].where.layer, found[0].where.step) == ("first", 50)


def test_weights_that_begin_small_may_become_as_large_as_usual():
    small = Parameter("first.weight", "first", "weight", (8, 400), True, 1, 0.0, False, "float32", 1.0, False)
    watched = [_step(number, 0.001) for number in range(5)] + [_step(50, 0.02)]
    assert examine(NAME, Trace(parameters=(small,), losses=[0.5] * 50, constant_loss=1.0, watched=watched)) == []


@pytest.mark.parametrize(
    "best, latest, fires", [(0.2, 0.7, True), (0.2, 0.5, False), (0.01, 0.3, False), (0.9, 0.99, False)]
)
def test_a_loss_that_was_good_and_is_lost_again_is_found(best, latest, fires):
    losses = [1.0] * 10 + [best] * 60 + [latest] * 30
    assert bool(examine(NAME, _grown(1.0, losses))) is fires
