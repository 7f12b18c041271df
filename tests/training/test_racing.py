"""Racing: what lies far behind the best after one part is left, and why; what may win, or help, is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from luban.batch import Array, Batch
from luban.core import registry
from luban.protocols import Work
from luban.training import racing
from luban.training.racing import Course, Entrant
from luban.training.unit import HELD_BACK, Training

ROWS = 48


def course(target: Array, task: str = "multiclass", **given: object) -> Course:
    found = registry.find("tasks", task)
    return Course(target, registry.find("metrics", found.compared_by), found, parts=5, **given)  # type: ignore[arg-type]


def classes(seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 3, ROWS)


def said(target: Array, right: float, seed: int) -> Array:
    """(rows, 3) probabilities: that of the true class is about `right`."""
    random = np.random.default_rng(seed)
    true = np.clip(right + 0.1 * random.standard_normal(len(target)), 0.02, 0.98)
    outputs = np.repeat(((1 - true) / 2)[:, None], 3, axis=1)
    outputs[np.arange(len(target)), target] = true
    return outputs


def by_heart(target: Array, seed: int) -> Array:
    """Sure of itself, and right for a third of the rows, as chance is."""
    random = np.random.default_rng(seed)
    outputs = np.full((len(target), 3), 0.005)
    outputs[np.arange(len(target)), random.integers(0, 3, len(target))] = 0.99
    return outputs


def test_what_learned_its_rows_by_heart_is_left_and_the_reason_says_by_how_much() -> None:
    target = classes()
    entrants = [
        Entrant("linear", said(target, 0.5, 1), "matrix", stays=True),
        Entrant("pretrained", said(target, 0.8, 2), "tensors"),
        Entrant("cnn", by_heart(target, 3), "tensors"),
    ]
    gone = racing.left(course(target), entrants)
    assert list(gone) == [2]
    own = float(-np.log(entrants[2].outputs[np.arange(ROWS), target]).mean())
    assert gone[2].startswith(f"left after one of 5 held-out parts: log-loss {own:.3g}, where pretrained has 0.2")
    assert "on the same 48 rows, worse by" in gone[2]


def test_what_is_a_little_worse_goes_on() -> None:
    target = classes()
    entrants = [Entrant("a", said(target, 0.75, 1), "tensors"), Entrant("b", said(target, 0.74, 2), "tensors")]
    assert racing.left(course(target), entrants) == {}


def test_of_models_that_are_equally_good_few_are_left() -> None:
    gone = 0
    for seed in range(100):
        target = classes(seed)
        random = np.random.default_rng(seed)
        entrants = [Entrant(str(k), random.dirichlet(np.ones(3), ROWS) * 0.9 + 0.1 / 3, str(k)) for k in range(3)]
        gone += len(racing.left(course(target), entrants))
    assert 0 < gone <= 20, "of two hundred"


def test_what_is_far_behind_alone_and_helps_in_a_mixture_stays() -> None:
    """One is never sure, the other always, and right for most rows: together they are better than either."""
    target = np.random.default_rng(0).integers(0, 3, 400)
    careful = said(target, 0.7, 1)
    sure = np.where(np.random.default_rng(2).random(400) < 0.85, target, (target + 1) % 3)
    sure = np.where(sure[:, None] == np.arange(3), 0.998, 0.001)
    together = [Entrant("careful", careful, "tensors"), Entrant("sure", sure, "tensors")]
    assert racing.left(course(target), together) == {}
    # Models that see rows otherwise do not answer together.
    apart = [replace(together[0], view="matrix"), together[1]]
    assert list(racing.left(course(target), apart)) == [1]


def test_what_stays_is_compared_with_and_never_left() -> None:
    target = classes()
    entrants = [
        Entrant("finished", by_heart(target, 1), "tensors", stays=True),
        Entrant("linear", said(target, 0.8, 2), "matrix", stays=True),
    ]
    assert racing.left(course(target), entrants) == {}
    assert racing.left(course(target), entrants[:1]) == {}


def test_numbers_are_raced_by_their_error_and_weights_count() -> None:
    random = np.random.default_rng(0)
    target = random.standard_normal(ROWS)
    near, far = target[:, None] + 0.1, target[:, None] + 3 * random.standard_normal((ROWS, 1))
    entrants = [Entrant("near", near, "a"), Entrant("far", far, "b")]
    assert list(racing.left(course(target, "regression"), entrants)) == [1]
    # Where only rows count that both answer alike, nothing tells them apart.
    far[:24] = near[:24]
    weight = np.where(np.arange(ROWS) < 24, 1.0, 0.0)
    assert racing.left(course(target, "regression", weight=weight), entrants) == {}


@pytest.mark.parametrize(
    ("folds", "races"),
    [
        (np.arange(100) % 5, True),
        (np.append(np.arange(100) % 5, HELD_BACK), True),
        (np.arange(90) % 5, False),
        (np.append(np.arange(100) % 5, -1), False),
        (np.where(np.arange(100) < 30, 0, -1), False),
        (np.zeros(100, np.int64), False),
    ],
    ids=["five parts", "test rows behind", "too few rows", "forward in time", "one part held out", "one part"],
)
def test_a_part_says_what_others_would_where_all_parts_are_alike(folds: Array, races: bool) -> None:
    batch = Batch(np.zeros((len(folds), 1), np.float32), np.zeros(len(folds)), None)
    training = Training(batch, folds[None], Work("regression", 1, len(folds), 1), seed=0)
    assert racing.possible(training) is races
    assert not racing.possible(replace(training, reach=folds))
