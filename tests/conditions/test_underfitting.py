"""A model that is too stiff: its training rows are answered worse than quick models answer others."""

from dataclasses import replace

import numpy as np
import pytest

from conditions.judged import ROWS, binary, find, judgement, sound
from conditions.trained import parameter, step
from luban.core import registry
from luban.evidence.judgement import Beside, Told
from luban.evidence.trace import LayerSignals, Trace
from luban.evidence.trace import Told as Said

NAME = "underfitting"


def wrong(share, seed):
    """Classes of which so many are answered wrong."""
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, ROWS)
    said = np.where(random.random(ROWS) < share, 1 - target, target)
    return Told(target, np.stack([1.0 - said, said], axis=1) * 0.8 + 0.1)


def beside(held_out, share):
    random = np.random.default_rng(9)
    said = np.where(random.random(ROWS) < share, 1 - held_out.target, held_out.target)
    return Beside(np.arange(ROWS), np.stack([1.0 - said, said], axis=1))


def stiff(train=0.3, own=0.3, quick=0.1):
    held_out = wrong(own, 1)
    return judgement(
        held_out, train=wrong(train, 2), beside=beside(held_out, quick), settings={"model.names": ["linear"]}
    )


def test_a_stiff_model_is_found_and_others_shall_compete():
    (found,) = find(NAME, stiff())
    assert found.evidence.value == pytest.approx(0.2, abs=0.05)
    assert [(edit.path, edit.before, edit.after) for edit in found.edits] == [("model.names", ["linear"], ["auto"])]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_model_as_good_as_quick_ones_is_no_fault(task):
    assert find(NAME, sound(task)) == []


def test_rows_that_nobody_can_answer_are_no_fault():
    assert find(NAME, stiff(0.4, 0.4, 0.4)) == []


def test_training_rows_that_are_learned_by_heart_are_no_lack_of_capacity():
    assert find(NAME, stiff(train=0.0)) == []


def test_a_gap_of_a_tenth_is_another_fault():
    assert find(NAME, stiff(train=0.2, own=0.35, quick=0.1)) == []


def test_values_are_compared_with_the_best_constant_answer():
    random = np.random.default_rng(0)
    target = random.normal(size=ROWS)
    flat = Told(target, np.zeros((ROWS, 1)))
    quick = Beside(np.arange(ROWS), (target + random.normal(size=ROWS) * 0.2)[:, None])
    (found,) = find(NAME, judgement(flat, "regression", train=flat, beside=quick))
    assert "that of a constant answer, is 1.00" in found.text


def test_without_quick_models_the_reason_is_told():
    alone = replace(stiff(), beside=None, why={"beside": "rows share groups, and quick models were not held out so"})
    with pytest.raises(ValueError, match="rows share groups"):
        find(NAME, alone)


def test_it_needs_training_rows_and_fifty_held_out_ones():
    with pytest.raises(ValueError, match="training rows is not known"):
        find(NAME, judgement(binary()))
    few = stiff()
    few = replace(few, beside=Beside(np.arange(49), few.beside.outputs[:49]))
    with pytest.raises(ValueError, match="49 held-out rows are too few"):
        find(NAME, few)


def in_training(loss=0.9, kept=(0.1, 0.3), steps=100, **settings):
    """What is found where each layer kept such a share of its first weights, and a constant answer costs 1."""
    first = {str(n): LayerSignals(1.0, 1.0) for n in range(len(kept))}
    last = {str(n): LayerSignals(1.0, share) for n, share in enumerate(kept)}
    trace = Trace(
        losses=[loss] * steps,
        constant_loss=1.0,
        parameters=tuple(parameter(f"{n}.weight") for n in range(len(kept))),
        watched=[step(0, layers=first), step(steps - 1, layers=last)],
        told=Said(settings={f"train.{key}": value for key, value in settings.items()} or {"model.mlp.dropout": 0.1}),
    )
    return registry.find("conditions", NAME).during(trace)


def test_weights_that_decay_shrinks_in_every_layer_are_found_while_it_trains():
    (found,) = in_training(weight_decay=30.0, l1=0.0)
    assert found.severity == "warning" and found.evidence.value == 0.3 and found.where.layer == "1"
    assert [(edit.path, edit.after) for edit in found.edits] == [("train.weight_decay", 0.01)]
    assert {"not-learning", "learning-rate-too-low"} <= set(found.explains)


@pytest.mark.parametrize(
    "sound",
    [
        {"kept": (0.1, 0.9), "weight_decay": 0.4},
        {"loss": 0.1, "weight_decay": 30.0},
        {"weight_decay": 0.0, "l1": 0.0},
    ],
)
def test_one_layer_that_keeps_its_size_or_a_small_loss_or_no_penalty_is_no_fault(sound):
    assert in_training(**sound) == []


def test_a_setting_far_from_usual_is_found_beside_a_loss_that_stays_high():
    (found,) = in_training(kept=(1.0, 1.0), clip=1e-4)
    assert found.evidence.value == pytest.approx(0.9)
    assert [(edit.path, edit.after) for edit in found.edits] == [("train.clip", 1.0)]
    assert in_training(kept=(1.0, 1.0), clip=1.0) == []


def test_few_steps_tell_nothing():
    with pytest.raises(ValueError, match="50 steps"):
        in_training(steps=49, weight_decay=30.0)
