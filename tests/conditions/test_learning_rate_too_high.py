"""Steps that write over what was learned."""

from dataclasses import replace

import pytest
import torch
from torch import nn

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


def test_weights_that_grow_while_the_loss_falls_or_is_near_zero_are_well():
    """As before a normalisation, where their scale does not matter."""
    falling = [0.99**step for step in range(100)]
    assert examine(NAME, _grown(9.0, falling)) == []
    assert examine(NAME, _grown(9.0, [1.0] * 20 + [0.05] * 80)) == []
    assert examine(NAME, _grown(9.0, [1.0] * 20 + [0.3] * 80))


@pytest.mark.parametrize("worst, fires", [(1.4, False), (1.6, True)])
def test_weights_that_grow_count_where_the_loss_once_stood_far_above_where_it_began(worst, fires):
    losses = [1.0] * 20 + [worst] * 30 + [1.5 * 0.97**step for step in range(70)]
    assert bool(examine(NAME, _grown(6.0, losses))) is fires


@pytest.mark.parametrize("shape, fires", [((1, 24, 32), False), ((8, 24, 32), True)])
def test_vectors_of_places_may_grow_from_near_zero(shape, fires):
    """One for all rows: they are added to what passes, and begin as small as one likes."""
    trace = _grown(9.0, [0.5] * 50)
    places = Parameter("first.place", "first", "weight", shape, True, 1, 0.0, False, "float32", None, False)
    assert bool(examine(NAME, replace(trace, parameters=(places,)))) is fires


def test_a_loss_that_is_lost_for_one_window_comes_back():
    learned = [1.0] * 15 + [0.2] * 75
    assert examine(NAME, _grown(1.0, [*learned, *[0.9] * 15])) == []
    assert examine(NAME, _grown(1.0, [*learned, *[0.9] * 30]))


@pytest.mark.parametrize("rate, fires", [(0.05, False), (5.0, True)])
def test_a_rate_that_a_warm_up_brings_in_is_found_though_a_normalisation_follows(rate, fires):
    plain = perceptron(64, 64)
    model = nn.Sequential(plain[0], nn.BatchNorm1d(64), *plain[1:])
    optimizer = torch.optim.SGD(model.parameters(), lr=rate / 200, momentum=0.9)

    def warm() -> None:
        for group in optimizer.param_groups:
            group["lr"] = min(group["lr"] + rate / 40, rate)

    assert (found(train(model, steps=130, optimizer=optimizer, before=warm), NAME) is not None) is fires


def test_weights_that_begin_small_may_become_as_large_as_usual():
    small = Parameter("first.weight", "first", "weight", (8, 400), True, 1, 0.0, False, "float32", 1.0, False)
    watched = [_step(number, 0.001) for number in range(5)] + [_step(50, 0.02)]
    assert examine(NAME, Trace(parameters=(small,), losses=[0.5] * 50, constant_loss=1.0, watched=watched)) == []


@pytest.mark.parametrize(
    "best, latest, fires", [(0.2, 0.7, True), (0.2, 0.5, False), (0.01, 0.3, False), (0.9, 0.99, False)]
)
def test_a_loss_that_was_good_and_is_lost_again_is_found(best, latest, fires):
    losses = [1.0] * 10 + [best] * 50 + [latest] * 40
    assert bool(examine(NAME, _grown(1.0, losses))) is fires
