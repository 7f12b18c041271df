"""The training loop: it is a function of its arguments, whatever interrupts it, and each setting does what it says."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from luban.batch import Batch
from luban.core.errors import Interrupted, TrainingError
from luban.forms.network import build
from luban.recipe.optimisation import Optimisation
from luban.recipe.recipe import Candidate
from luban.training import gathering
from luban.training.progress import Progress
from training.networks import CANDIDATE, decided, same, table, train


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def rows():
    return table()


def stopping_after(steps: int):
    """A question that is answered with yes after so many steps."""
    asked = itertools.count(1)
    return lambda: next(asked) >= steps


# Repeating and continuing


def test_the_same_arguments_give_the_same_weights_and_another_seed_gives_others(rows):
    first = train(*rows, decided())
    assert same(first, train(*rows, decided()))
    assert not same(first, train(*rows, decided(), seed=1))


@pytest.mark.parametrize("every", [1, 5, 13])
@pytest.mark.parametrize(
    "changes",
    [{}, {"ema": 0.9}, {"optimizer": "sgd"}, {"accumulate": 2}, {"augment": {"noise": 0.1}}, {"stopping": 0.3}],
    ids=str,
)
def test_a_training_that_is_stopped_again_and_again_ends_with_the_same_weights(rows, tmp_path, every, changes):
    dropping = Candidate(model="mlp", settings={"units": [16], "dropout": 0.2, "normalisation": "batch"})
    how = decided(**changes)
    whole = train(*rows, how, candidate=dropping)
    stops = 0
    while True:
        try:
            parts = train(*rows, how, candidate=dropping, folder=tmp_path, interrupted=stopping_after(every))
            break
        except Interrupted:
            stops += 1
            assert stops < 100
    assert stops > 0
    assert same(whole, parts)


def test_what_is_kept_on_disk_does_not_change_what_is_learned(rows, tmp_path):
    assert same(train(*rows, decided()), train(*rows, decided(checkpoint_seconds=1e-3), folder=tmp_path))


@pytest.mark.parametrize("changes", [{}, {"stopping": 0.3}, {"ema": 0.9}], ids=str)
def test_time_that_is_over_ends_it_at_once_and_the_recorded_step_repeats_that(rows, changes):
    short = train(*rows, decided(epochs=50, **changes), until=0.0)
    assert short.until_step == 1
    again = train(*rows, decided(epochs=50, until_step=1, **changes))
    assert same(short, again)
    assert again.until_step is None, "the recipe ended it, not the time"
    assert not same(short, train(*rows, decided(epochs=50, until_step=2, **changes)))


def test_a_network_that_time_cuts_short_within_its_first_epoch_is_judged_where_it_stands(rows):
    lines = []
    train(*rows, decided(epochs=50, stopping=0.3, until_step=2), tell=lines.append)
    (line,) = [line for line in lines if "stopping_loss" in line]
    assert line["epoch"] == 0
    assert np.isfinite(line["stopping_loss"])


def test_weights_that_were_better_before_time_was_over_are_the_ones_that_answer(rows):
    lines = []
    how = decided(epochs=12, stopping=0.3, patience=12, learning_rate=0.1)
    train(*rows, how, tell=lines.append)
    losses = [line["stopping_loss"] for line in lines if "stopping_loss" in line]
    worse = next(place for place in range(1, len(losses)) if losses[place] > min(losses[:place]))
    best = int(np.argmin(losses[:worse])) + 1
    an_epoch = math.ceil(round(0.7 * len(rows[0])) / how.batch_size)
    cut = how.model_copy(update={"until_step": (worse + 1) * an_epoch})
    assert same(train(*rows, cut), train(*rows, how.model_copy(update={"until_epoch": best})))


@pytest.mark.parametrize("every", [1, 5])
def test_a_training_with_a_last_step_that_is_stopped_again_and_again_ends_with_the_same_weights(rows, tmp_path, every):
    how = decided(stopping=0.3, until_step=7)
    whole = train(*rows, how)
    while True:
        try:
            parts = train(*rows, how, folder=tmp_path, interrupted=stopping_after(every))
            break
        except Interrupted:
            pass
    assert same(whole, parts)


# What the settings do


def test_learning_lowers_the_loss_and_finds_the_classes(rows):
    lines = []
    trained = train(*rows, decided(epochs=30), tell=lines.append)
    losses = [line["train_loss"] for line in lines if "train_loss" in line]
    assert losses[-1] < 0.4 * losses[0]
    batch, _ = table(seed=1)
    assert (trained.form.outputs(batch.inputs).argmax(axis=1) == batch.target).mean() > 0.9


def test_two_batches_that_are_added_up_make_the_step_of_one_of_twice_the_size(rows):
    one = train(*rows, decided(batch_size=64, epochs=2))
    two = train(*rows, decided(batch_size=32, epochs=2, accumulate=2))
    for name, weights in one.form.weights.items():
        np.testing.assert_allclose(two.form.weights[name], weights, atol=2e-5)


def test_a_row_that_weighs_twice_counts_as_two_rows(rows):
    batch, work = rows
    few = Batch(batch.inputs[:8], batch.target[:8], np.array([2.0, 1, 1, 1, 1, 1, 1, 1]))
    twice = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7])
    repeated = Batch(batch.inputs[twice], batch.target[twice])
    how = decided(epochs=1, batch_size=16, optimizer="sgd", clip=None)
    one, other = (train(rows, work, how).form.weights for rows in (few, repeated))
    for name, weights in one.items():
        np.testing.assert_allclose(other[name], weights, atol=1e-6)


CHANGES = {
    "optimizer": "adam",
    "learning_rate": 0.02,
    "weight_decay": 0.5,
    "l1": 0.01,
    "schedule": "linear",
    "warmup": 0.5,
    "clip": 0.01,
    "label_smoothing": 0.2,
    "stopping": 0.3,
    "ema": 0.5,
    "augment": {"noise": 0.5},
    "precision": "bfloat16",
    "batch_size": 16,
    "epochs": 2,
    "steps": 7,
    "accumulate": 3,
    "later": ({"step": 9, "learning_rate": 0.001},),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_setting_changes_the_weights(rows, name):
    assert not same(train(*rows, decided()), train(*rows, decided(**{name: CHANGES[name]})))


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_the_settings_of_momentum_change_the_weights(rows, name):
    sgd = decided(optimizer="sgd", nesterov=name == "momentum")
    changed = sgd.model_copy(update={"momentum": 0.5} if name == "momentum" else {"nesterov": True})
    assert not same(train(*rows, sgd), train(*rows, changed))


def test_patience_ends_a_training_that_no_longer_gains(rows):
    lines = []
    train(*rows, decided(epochs=60, stopping=0.3, patience=1, learning_rate=0.1), tell=lines.append)
    assert sum("train_loss" in line for line in lines) < 60


def test_the_weights_that_answer_are_those_of_the_best_epoch(rows):
    lines = []
    batch, work = rows
    how = decided(epochs=12, stopping=0.3, patience=12, learning_rate=0.1)
    trained = train(batch, work, how, tell=lines.append)
    losses = [line["stopping_loss"] for line in lines if "stopping_loss" in line]
    best = int(np.argmin(losses)) + 1
    assert best < 12
    cut = train(batch, work, how.model_copy(update={"until_epoch": best}))
    assert same(trained, cut)


def test_activations_that_are_calculated_again_change_nothing(rows):
    deep = Candidate(model="mlp", settings={"units": [16, 16, 16]})
    whole = train(*rows, decided(), candidate=deep)
    assert same(whole, train(*rows, decided(checkpoint_layers=True), candidate=deep))


def test_balanced_classes_weigh_the_same_whatever_their_share():
    batch, work = table(classes=2)
    rare = np.concatenate([np.flatnonzero(batch.target == 0), np.flatnonzero(batch.target == 1)[:6]])
    few = Batch(batch.inputs[rare], batch.target[rare])
    plain, balanced = (
        train(few, replace(work, class_weight=how), decided(epochs=8)).form.outputs(few.inputs)[:, 1].mean()
        for how in ("none", "balanced")
    )
    assert balanced > plain + 0.1


def test_values_are_learned_standardised_and_answered_in_their_own_unit():
    batch, work = table()
    values = 1000 + 50 * (batch.inputs[:, 0] + batch.inputs[:, 1]).astype(np.float64)
    regression = replace(work, task="regression", outputs=1)
    trained = train(Batch(batch.inputs, values), regression, decided(epochs=40))
    error = np.abs(trained.form.outputs(batch.inputs)[:, 0] - values)
    assert np.median(error) < 10


# What goes wrong


def test_a_loss_that_is_not_finite_names_the_step_the_rows_and_the_layer(rows):
    batch, work = rows
    with pytest.raises(TrainingError, match=r"the loss is .* at step \d+ of epoch \d+: .*") as raised:
        train(batch, work, decided(learning_rate=1e18, optimizer="sgd", clip=None, epochs=40))
    assert raised.value.exit_code == 6
    assert "weights" in raised.value.message or "layer" in raised.value.message
    assert "training rows" in raised.value.where
    assert "train.learning_rate" in raised.value.fix


def test_an_input_that_is_not_finite_is_named(rows):
    batch, work = rows
    inputs = batch.inputs.copy()
    inputs[7, 3] = np.inf
    with pytest.raises(TrainingError, match="the input 'table' is not finite") as raised:
        train(Batch(inputs, batch.target), work, decided(epochs=1))
    assert raised.value.message.index("step") > 0


def test_signals_are_dense_at_first_and_then_rare(rows):
    lines = []
    train(*rows, decided(epochs=20), tell=lines.append)
    watched = [line["step"] for line in lines if "layers" in line]
    assert watched[:10] == list(range(10))
    assert not [step for step in watched if 10 <= step < 25]
    layers = next(line["layers"] for line in lines if "layers" in line)
    weights = build(CANDIDATE.model, CANDIDATE.settings, rows[1])
    assert set(layers) == {name for name, layer in weights.named_modules() if list(layer.parameters(recurse=False))}
    assert all(signals["gradient"] > 0 and signals["update"] > 0 for signals in layers.values())


def test_progress_survives_its_own_json():
    fresh = Progress()
    assert Progress.from_json(fresh.to_json()) == fresh
    later = Progress(epoch=3, place=2, step=50, loss=1.5, best_loss=0.25, best_epoch=2, ended="patience")
    assert Progress.from_json(later.to_json()) == later


ELSEWHERE = {
    "momentum", "nesterov", "patience", "until_epoch", "until_step", "checkpoint_layers", "checkpoint_seconds",
    "compile",
    # held by test_batches, test_deciding, and test_distributed
    "tokens", "device", "threads", "shard",
}  # fmt: skip


def test_every_setting_of_a_training_has_a_test():
    assert set(Optimisation.model_fields) == set(CHANGES) | ELSEWHERE


# torch's own compiler uses a part of torch that it warns of.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_network_is_compiled_only_where_that_is_asked():
    _, work = table()
    for asked in (True, False):
        module = gathering.prepared(build(CANDIDATE.model, CANDIDATE.settings, work), decided(compile=asked))
        assert (module._compiled_call_impl is not None) == asked
