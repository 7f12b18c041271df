"""What `auto` becomes: everything is decided, with a reason, alike for the same rows, and what was asked for stays."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from luban.batch import Batch, Ragged, Tensors
from luban.core.errors import UsageError
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import computing, deciding, duration, early, gathering, rates
from luban.training.batches import Order
from luban.training.choices import Choices
from training.networks import CANDIDATE, table

OPEN = ("epochs", "batch_size", "learning_rate", "augment", "precision", "device", "patience", "threads", "stopping")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def chosen():
    return deciding.decide(*table(), CANDIDATE, Train(), seed=0)


def test_nothing_is_left_open_and_each_choice_has_its_reason(chosen):
    assert "auto" not in {getattr(chosen.train, key) for key in OPEN if key != "augment"}
    assert set(chosen.reasons) == set(OPEN)
    assert all(len(reason) > 10 for reason in chosen.reasons.values())
    assert Choices.from_json(chosen.to_json()) == chosen


def test_the_same_rows_are_decided_alike(chosen):
    assert deciding.decide(*table(), CANDIDATE, Train(), seed=0).train == chosen.train


def test_what_was_asked_for_stays():
    asked = Train(
        epochs=3, batch_size=7, learning_rate=0.5, augment={}, precision="bfloat16", device="cpu", patience=2,
        threads=1, stopping=0.2, optimizer="sgd", schedule="linear", checkpoint_layers=False,
    )  # fmt: skip
    found = deciding.decide(*table(), CANDIDATE, asked, seed=0)
    assert found.train.model_dump() == asked.model_dump()
    assert not found.reasons


def test_an_optimiser_and_a_schedule_that_are_open_are_the_usual_ones(chosen):
    assert (chosen.train.optimizer, chosen.train.schedule) == ("adamw", "cosine")


def test_what_a_candidate_has_recorded_stands_before_the_recipe():
    recorded = CANDIDATE.model_copy(update={"train": {"epochs": 2, "learning_rate": 0.25}})
    found = deciding.decide(*table(), recorded, Train(epochs=9), seed=0)
    assert (found.train.epochs, found.train.learning_rate) == (2, 0.25)


def test_little_time_gives_few_epochs_and_no_limit_the_usual_ones():
    few, reason = duration.epochs(steps=100, step_seconds=0.1, left=30.0)
    assert few == 2
    assert "30 s" in reason
    usual, _ = duration.epochs(steps=100, step_seconds=0.1, left=None)
    assert usual == duration.STEPS // 100
    most, _ = duration.epochs(steps=100, step_seconds=0.1, left=1e6)
    assert most == duration.LONGER * usual
    assert duration.epochs(steps=100, step_seconds=0.1, left=0.0)[0] == 1


def test_half_an_epoch_or_more_is_begun_where_the_time_may_end_it():
    # 17 s are planned for: 1.7 epochs of 10 s, or 1.4 of 12 s.
    counts = [
        duration.epochs(100, second, 20.0, cut_short=short)[0] for second in (0.1, 0.12) for short in (True, False)
    ]
    assert counts == [2, 1, 1, 1]
    assert duration.epochs(100, 10.0, 20.0, cut_short=True)[0] == 1


def test_batches_grow_with_the_rows():
    sizes = [deciding.sizes(Train(), rows, None).train.batch_size for rows in (20, 500, 2_000, 1_000_000)]
    assert sizes == [8, 16, 64, 128]


def test_a_tenth_says_when_to_stop_and_of_many_rows_no_more_than_it_takes():
    shares = [deciding.sizes(Train(), rows, None).train.stopping for rows in (500, 20_000, 200_000)]
    assert shares == [0.1, 0.1, early.MOST / 200_000]
    found = deciding.sizes(Train(stopping=0.3), 200_000, None)
    assert found.train.stopping == 0.3 and "stopping" not in found.reasons


def test_where_a_tenth_is_too_few_to_say_when_to_stop_all_rows_train_and_the_reason_says_so():
    fewer, enough = deciding.sizes(Train(), 499 - 10, None), deciding.sizes(Train(), 500, None)
    assert fewer.train.stopping == 0.0 and "10% of 489 rows are fewer than the 50" in fewer.reasons["stopping"]
    assert enough.train.stopping == 0.1 and "fewer" not in enough.reasons["stopping"]


def test_of_few_rows_that_are_learned_by_heart_a_fifth_says_when_to_stop_and_fifty_are_enough():
    shares = {rows: deciding.sizes(Train(), rows, None, by_heart=True).train.stopping for rows in (48, 100, 400, 500)}
    assert shares == {48: 0.2, 100: 0.2, 400: 50 / 400, 500: 0.1}
    few, none = (deciding.sizes(Train(), rows, None, by_heart=True) for rows in (240, 40))
    assert few.reasons["stopping"].startswith("20% of 240 rows: a fifth, and at most 50")
    assert none.train.stopping == 0.0 and "20% of 40 rows are fewer than the 10" in none.reasons["stopping"]


def test_fresh_weights_that_answer_rows_of_numbers_learn_them_by_heart():
    work = Work("multiclass", 3, 240, 4, shapes={"table": Shape("vector", (4,))})
    asked = [("mlp", "multiclass"), ("mlp", "regression"), ("mlp", "forecasting"), ("gpt", "causal-lm")]
    found = [early.by_heart(Candidate(model=name), replace(work, task=task)) for name, task in asked]
    assert found == [True, True, False, False]
    assert not early.by_heart(Candidate(model="pretrained-codes"), work)
    texts = replace(work, shapes={"headline": Shape("tokens", (100,)), **work.shapes})
    assert not early.by_heart(Candidate(model="cnn"), texts)


def test_a_share_that_was_asked_for_is_taken_however_few_rows_it_is():
    from luban.core import registry

    batch, work = table()
    task = registry.find("tasks", work.task)
    some = batch.take(np.arange(30))
    rows = gathering.rows_of(some, work, task, Train(stopping=0.2), 0)
    assert len(rows.stopping) == 6 and len(rows.train) == 24
    assert len(gathering.rows_of(some, work, task, Train(stopping=0.99), 0).train) == 1


def test_the_budget_of_a_batch_holds_its_rows_of_the_mean_length():
    lengths = np.array([10] * 900 + [400] * 100)
    found = deciding.sizes(Train(batch_size=50), 1_000, lengths)
    assert found.train.tokens == 50 * 49 and "mean length, 49.0" in found.reasons["tokens"]
    # The longest row alone must fit.
    assert deciding.sizes(Train(batch_size=2), 1_000, lengths).train.tokens == 400


@pytest.mark.parametrize("spread", [0.1, 0.7, 1.2])
def test_an_epoch_has_about_as_many_steps_as_the_size_of_batches_says(spread: float):
    """However the lengths of rows lie, one long row among many short ones or all alike."""
    lengths = np.exp(np.random.default_rng(0).normal(3.5, spread, 2_000)).astype(int) + 1
    train = deciding.sizes(Train(batch_size=16), 2_000, lengths).train
    order = Order(2_000, 16, 0, train.tokens, lengths)
    assert 0.9 * 2_000 / 16 < order.steps < 1.25 * 2_000 / 16


def test_the_range_test_leaves_the_network_as_it_was_and_finds_a_rate_that_learns():
    from luban.core import registry
    from luban.forms.network import build
    from luban.training import gathering
    from luban.training.loss import loss_of

    batch, work = table()
    task = registry.find("tasks", work.task)
    rows = gathering.rows_of(batch, work, task, Train(stopping=0.1), 0)
    torch.manual_seed(0)
    module = build(CANDIDATE.model, CANDIDATE.settings, work)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    parts = [gathering.part(rows, rows.train[:64])]
    tested = rates.learning_rate(module, parts, Train(), loss_of(task, Train()))
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert rates.LEAST_RATE <= tested.rate <= rates.MOST_RATE
    assert "range test" in tested.reason


def eight_batches():
    from luban.core import registry
    from luban.forms.network import build
    from luban.training import gathering
    from luban.training.loss import loss_of

    batch, work = table()
    task = registry.find("tasks", work.task)
    rows = gathering.rows_of(batch, work, task, Train(stopping=0.1), 0)
    torch.manual_seed(0)
    module = build(CANDIDATE.model, CANDIDATE.settings, work)
    parts = [gathering.part(rows, places) for places in np.array_split(rows.train[:64], 8)]
    return module, parts, loss_of(task, Train())


def test_the_range_test_is_not_misled_by_a_first_batch_that_is_easier_than_the_others():
    module, parts, loss = eight_batches()

    def uneven(network, part, total):
        return loss(network, part, total) + (0.0 if part is parts[0] else 3.0)

    even = rates.learning_rate(module, parts, Train(), loss)
    assert rates.learning_rate(module, parts, Train(), uneven).rate == even.rate > 10 * rates.LEAST_RATE


def test_where_no_rate_lessens_the_loss_it_is_the_usual_one():
    module, parts, loss = eight_batches()

    def hopeless(network, part, total):
        return 0.0 * loss(network, part, total) + 1.0

    found = rates.learning_rate(module, parts, Train(), hopeless)
    assert found.rate == rates.USUAL_RATE and "never fell" in found.reason
    assert rates.learning_rate(module, parts, Train(optimizer="sgd"), hopeless).rate == rates.USUAL_RATE_OF_SGD


def test_a_fall_down_to_what_a_constant_answer_loses_is_nothing_learned():
    module, parts, loss = eight_batches()

    def calming(network, part, total):
        # Whatever the rows are, the sums are large at first, and smaller ones lose less.
        size = next(network.parameters()).square().mean()
        return 1.0 + 5.0 * size + 0.0 * loss(network, part, total)

    found = rates.learning_rate(module, parts, Train(), calming)
    assert "1/30 of" in found.reason
    warned = rates.learning_rate(module, parts, Train(), calming, ceiling=0.9)
    assert warned.rate == rates.USUAL_RATE
    assert "never fell below what a constant answer loses" in warned.reason
    free, bound = (rates.learning_rate(module, parts, Train(), loss, ceiling=most) for most in (math.inf, 9.0))
    assert (free.rate, free.reason) == (bound.rate, bound.reason)


def test_a_gpu_that_is_not_there_is_told():
    if torch.cuda.is_available():
        pytest.skip("a GPU is there")
    with pytest.raises(UsageError, match="no cuda device is there") as raised:
        computing.device("cuda")
    assert raised.value.fix == "--set train.device=auto trains on what there is"


def test_texts_lose_words_and_tables_stay():
    words = Tensors({"text": Ragged.of([np.arange(5, 9, dtype=np.int32)] * 80)})
    work = Work("binary", 2, 80, 0, shapes={"text": Shape("tokens", (50,), 4)})
    batch = Batch(words, np.arange(80) % 2)
    from luban.recipe.recipe import Candidate

    found = deciding.decide(batch, work, Candidate(model="gru"), Train(epochs=10, learning_rate=0.1), seed=0)
    assert set(found.train.augment) == {"drop"}
    few = deciding.decide(batch, work, Candidate(model="gru"), Train(epochs=9, learning_rate=0.1), seed=0)
    assert few.train.augment == {}
    assert "in 9 epochs" in few.reasons["augment"]
    assert deciding.decide(*table(), CANDIDATE, Train(epochs=1, learning_rate=0.1), seed=0).train.augment == {}


def test_the_time_that_is_thought_of_ends_where_the_training_ends():
    rows = gathering.Rows(np.zeros((90, 2)), np.zeros(90), None, np.arange(90), np.arange(0))

    def seconds(**changes: object) -> float:
        train = Train(epochs=10, batch_size=10, accumulate=3, **changes)
        return duration.seconds(train, rows, 9, 0.5, None)

    assert seconds() == 10 * 9 * 0.5
    assert seconds(until_epoch=4) == 4 * 9 * 0.5
    assert seconds(until_step=5) == 5 * 3 * 0.5
    assert seconds(until_epoch=20, until_step=900) == seconds()
