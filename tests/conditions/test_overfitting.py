"""Rows that are learned by heart."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import luban
from conditions.judged import binary, judgement
from conditions.trained import checks, digits, examine, found, perceptron
from luban.batch import Batch
from luban.core import registry
from luban.evidence.fits import Remarks
from luban.evidence.trace import Trace
from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training.fitting import fit_candidate
from luban.training.staging import staged

NAME = "overfitting"
TRAIN = [1.0, 0.6, 0.4, 0.2, 0.1, 0.05]


def held_out(latest):
    return [1.0, 0.8, 0.7, latest, latest, latest]


@pytest.mark.parametrize("factor, fires", [(1.49, False), (1.51, True)])
def test_the_threshold_is_half_above_the_best_check_which_is_named(factor, fires):
    found = examine(NAME, Trace(checks=checks(held_out(0.7 * factor), TRAIN)))
    assert [(one.severity, one.where.step) for one in found] == [("warning", 30)] * fires
    assert all("was 0.7 after step 30" in one.text for one in found)


@pytest.mark.parametrize("last, fires", [(0.34, True), (0.36, False)])
def test_the_training_loss_must_be_below_half_of_it(last, fires):
    assert bool(examine(NAME, Trace(checks=checks(held_out(1.2), [*TRAIN[:5], last])))) is fires


@pytest.mark.parametrize("latest, fires", [(0.77, False), (0.75, True)])
def test_a_metric_that_stays_makes_it_no_fault(latest, fires):
    accuracy = [0.5, 0.799, 0.8, latest, latest, latest]
    assert bool(examine(NAME, Trace(checks=checks(held_out(1.2), TRAIN, accuracy=accuracy)))) is fires


@pytest.mark.parametrize("lost, fires", [(2, False), (4, False), (9, True)])
def test_a_few_rows_that_are_lost_of_few_are_chance(lost, fires):
    accuracy = [rows / 44 for rows in (30, 43, 42, 42 - lost, 42 - lost, 42 - lost)]
    assert bool(examine(NAME, Trace(checks=checks(held_out(1.6), TRAIN, accuracy=accuracy)))) is fires


@pytest.mark.parametrize("share, fires", [(0.0, False), (0.5, True)])
def test_a_metric_that_is_no_share_of_rows_needs_no_number_of_them(share, fires):
    r2 = [0.3137, 0.55, 0.6, *[0.6 - share] * 3]
    assert bool(examine(NAME, Trace(checks=checks(held_out(1.6), TRAIN, r2=r2)))) is fires


@pytest.mark.parametrize("constant, fires", [(1.9, True), (2.1, False)])
def test_a_rise_counts_beside_what_a_constant_answer_costs(constant, fires):
    trace = Trace(checks=checks(held_out(1.1), TRAIN), losses=[constant], constant_loss=constant)
    assert bool(examine(NAME, trace)) is fires


def watched(wrong):
    """200 digits learned by heart, this share of them with any label, and asked after every 20 steps."""
    rows, classes = digits()
    random = torch.Generator().manual_seed(0)
    labels = classes[:200].clone()
    drawn = torch.rand(200, generator=random) < wrong
    labels[drawn] = torch.randint(10, (int(drawn.sum()),), generator=random)
    model, loss = perceptron(128), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with luban.watch(model, optimizer, loss=loss) as watch:
        for step in range(400):
            picked = torch.randint(200, (20,), generator=random)
            optimizer.zero_grad()
            value = loss(model(rows[picked]), labels[picked])
            value.backward()
            optimizer.step()
            watch.step(value, rows[picked], labels[picked])
            if step % 20 == 19:
                with torch.no_grad():
                    answers = model(rows[1000:1400])
                right = (answers.argmax(1) == classes[1000:1400]).float().mean()
                watch.validation(loss(answers, classes[1000:1400]), accuracy=right)
    return watch


@pytest.mark.parametrize("wrong, fires", [(0.0, False), (0.5, True)])
def test_labels_that_mean_nothing_are_learned_by_heart_and_sound_ones_are_learned(wrong, fires):
    assert (found(watched(wrong), NAME) is not None) is fires


def test_a_best_check_among_the_latest_three_is_no_fault():
    assert examine(NAME, Trace(checks=checks([1.0, 0.9, 0.8, 0.1, 0.7, 0.7], TRAIN))) == []


def test_it_needs_five_checks():
    with pytest.raises(ValueError, match="5 checks on held-out rows are needed, and there were 4"):
        examine(NAME, Trace(checks=checks(held_out(1.2)[:4], TRAIN[:4])))


def boosted(count, leaves, rounds, noise=0.0, seed=0):
    """What the fit of boosting tells of its rounds, on rows of which some have the other class."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count + 400, 6)).astype(np.float32)
    target = (inputs[:, 0] + inputs[:, 1] > 0).astype(np.int64)
    flipped = random.random(len(target)) < noise
    batch = Batch(inputs, np.where(flipped, 1 - target, target), None)
    work = Work(task="binary", outputs=2, rows=count, width=6)
    settings = {"leaves": leaves, "rounds": rounds, "leaf": 1, "l2": 0.0, "learning_rate": 0.3}
    candidate = Candidate(model="gradient-boosting", settings=settings)
    fitted, others = batch.take(np.arange(count)), batch.take(np.arange(count, count + 400))
    form = fit_candidate(fitted, work, candidate, seed=0, threads=1)
    return candidate.label, staged(candidate, form, fitted, others, work)


def judge(label, stages):
    settings = {"model.gradient-boosting.rounds": stages.rounds[-1], "model.gradient-boosting.leaves": 31}
    told = judgement(binary(), remarks={label: Remarks(stages=stages)}, settings=settings)
    return registry.find("conditions", NAME).judged(told)


def test_boosting_that_learns_noise_by_heart_is_found_and_shall_take_fewer_rounds():
    label, stages = boosted(300, 31, 400, noise=0.25)
    (found,) = judge(label, stages)
    assert found.evidence.value > 1.5
    assert [(edit.path, edit.before) for edit in found.edits] == [
        ("model.gradient-boosting.rounds", 400),
        ("model.gradient-boosting.leaves", 31),
    ]
    assert found.edits[0].after == found.where.step < 400


def test_boosting_of_rows_without_noise_is_no_fault():
    assert judge(*boosted(300, 7, 60)) == []


def test_a_rise_that_a_single_row_may_have_caused_is_no_fault():
    label, stages = boosted(300, 31, 400, noise=0.25)
    few = {name: (np.array(each) * 400 / 4).tolist() for name, each in stages.doubts.items()}
    assert judge(label, replace(stages, doubts=few)) == [], "of 4 rows the same means say nothing"
    assert judge(label, replace(stages, doubts={})) == []


def test_the_doubt_of_two_stages_is_that_of_their_difference_row_by_row():
    _, stages = boosted(200, 7, 40, noise=0.2)
    assert stages.doubt("loss", 3, 3) == 0.0
    apart = stages.doubt("loss", 0, -1)
    alone = [stages.doubts["loss"][place][place] for place in (0, -1)]
    assert 0 < apart < sum(alone) ** 0.5
