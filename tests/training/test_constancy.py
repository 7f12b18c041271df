"""What the best constant answer loses, compared with what is known of it in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Batch
from luban.core import registry
from luban.protocols import Shape, Work
from luban.recipe.recipe import Train
from luban.training import constancy, gathering
from luban.training.loss import loss_of

CODES = np.array([0, 0, 0, 0, 0, 1, 1, 2] * 8)
VALUES = np.linspace(-1.0, 2.0, 64) ** 3


def parts(task: str, target, outputs: int, weight=None):
    work = Work(task, outputs, len(target), 3, shapes={"table": Shape("vector", (3,))})
    batch = Batch(np.zeros((len(target), 3), np.float32), target, weight)
    rows = gathering.rows_of(batch, work, registry.find("tasks", task), Train(stopping=0.0), 0)
    return work, [gathering.part(rows, places) for places in np.split(np.arange(64), 4)]


def test_of_classes_it_is_the_entropy_of_their_shares():
    _, batches = parts("multiclass", CODES, 3)
    shares = np.bincount(CODES) / len(CODES)
    found = constancy.least(3, batches, loss_of(registry.find("tasks", "multiclass"), Train()))
    assert found == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-4)


@pytest.mark.parametrize("loss", ["squared", "absolute"])
def test_of_values_it_is_their_distance_from_the_mean_or_the_median(loss: str):
    _, batches = parts("regression", VALUES, 1)
    standard = (VALUES - VALUES.mean()) / VALUES.std()
    wanted = 1.0 if loss == "squared" else np.abs(standard - np.median(standard)).mean()
    found = constancy.least(1, batches, loss_of(registry.find("tasks", "regression"), Train(loss=loss)))
    assert found == pytest.approx(wanted, rel=0.02)


def test_rows_count_by_their_weight():
    weight = np.where(CODES == 0, 0.2, 1.0)
    _, batches = parts("multiclass", CODES, 3, weight)
    found = constancy.least(3, batches, loss_of(registry.find("tasks", "multiclass"), Train()))
    assert found == pytest.approx(1.5 * np.log(2), abs=1e-3)


def test_a_loss_that_a_network_says_itself_has_no_constant():
    work, _ = parts("multiclass", CODES, 3)
    assert constancy.knows(work)
    assert not constancy.knows(Work("masked-lm", 1, 64, 0))
