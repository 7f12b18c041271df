"""A loss that stays where a constant answer has it, and an average of weights that stays where they began."""

import pytest
import torch

from conditions.trained import digits, examine, found, parameter, perceptron, step, train
from luban.conditions.not_learning import _lagging
from luban.evidence.trace import Check, Told, Trace

NAME = "not-learning"


def test_labels_that_mean_nothing_are_found_and_real_ones_are_learned():
    rows, classes = digits()
    mixed = classes[torch.randperm(len(classes), generator=torch.Generator().manual_seed(1))]
    finding = found(train(perceptron(8), (rows, mixed), steps=110, rate=1e-3), NAME)
    assert (finding.severity, finding.where.step) == ("severe", 108)
    assert "nothing says why" in finding.text
    assert found(train(perceptron(8), steps=110, rate=0.01), NAME) is None


@pytest.mark.parametrize("level, fires", [(0.94, False), (0.96, True)])
def test_the_threshold_is_nearly_the_loss_of_a_constant_answer(level, fires):
    assert bool(examine(NAME, Trace(constant_loss=1.0, losses=[level] * 100))) is fires


@pytest.mark.parametrize("last, fires", [(1.9, True), (1.85, False)])
def test_a_loss_that_still_falls_is_left_alone(last, fires):
    assert bool(examine(NAME, Trace(constant_loss=1.0, losses=[1.95] * 50 + [last] * 50))) is fires


@pytest.mark.parametrize(
    "trace, reason",
    [(Trace(losses=[1.0] * 100), "not known"), (Trace(constant_loss=1.0, losses=[1.0] * 99), "100 steps are needed")],
)
def test_it_needs_a_hundred_steps_and_something_to_compare_with(trace, reason):
    with pytest.raises(ValueError, match=reason):
        examine(NAME, trace)


def test_a_recurrent_network_may_stand_on_a_plateau_for_a_thousand_steps():
    recurrent = (parameter("cells.weight_hh_l0"),)
    with pytest.raises(ValueError, match="1,000 steps are needed, and there were 999"):
        examine(NAME, Trace(parameters=recurrent, constant_loss=1.0, losses=[1.0] * 999))
    assert examine(NAME, Trace(parameters=recurrent, constant_loss=1.0, losses=[1.0] * 1000))


@pytest.mark.parametrize(
    "path, wrong, usual",
    [
        ("train.weight_decay", 10.0, 0.01),
        ("model.mlp.dropout", 0.9, 0.1),
        ("train.clip", 1e-4, 1.0),
        ("train.l1", 1, 0),
    ],
)
def test_what_the_recipe_sets_far_from_usual_is_tried_first(path, wrong, usual):
    def edits(value):
        told = Told(settings={path: value, "train.learning_rate": "auto"})
        return examine(NAME, Trace(told=told, constant_loss=1.0, losses=[1.0] * 100))[0].edits

    assert [(edit.path, edit.before, edit.after) for edit in edits(wrong)] == [(path, wrong, usual)]
    assert edits(usual) == ()


def averaged(decay=0.9999, steps=3_000, checks=()):
    settings = {"train.ema": decay, "train.clip": 1.0}
    told = Told(steps=steps, settings=settings)
    return Trace(told=told, losses=[2.0, 0.1], constant_loss=2.0, checks=list(checks), watched=[step()])


# 3,000 steps: 0.99946 to the power of 3,000 is 0.198, and 0.99947 to it 0.204.
@pytest.mark.parametrize("decay, fires", [(0.99946, False), (0.99947, True), (0.0, False)])
def test_an_average_may_hold_a_fifth_of_the_first_weights_at_the_end(decay, fires):
    assert bool(_lagging(averaged(decay))) is fires


@pytest.mark.parametrize("loss, fires", [(0.51, True), (0.49, False)])
def test_an_average_that_answers_as_well_as_the_weights_is_no_fault(loss, fires):
    assert bool(_lagging(averaged(checks=[Check(30, loss, 0.1, plain=0.3)]))) is fires


def test_an_average_that_lags_is_left_out_or_made_shorter():
    (found,) = examine(NAME, averaged())
    assert found.severity == "severe" and "will still hold 74% of the first weights" in found.text
    assert [(edit.path, edit.before, edit.after) for edit in found.edits] == [
        ("train.ema", 0.9999, 0.0),
        ("train.ema", 0.9999, 0.9967),
    ]
