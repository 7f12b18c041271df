"""Quick forests: the same to the last bit as scikit-learn's ensembles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from luban.batch import Array
from luban.training import forest

ASKED: dict[str, dict[str, Any]] = {
    "two classes": {"classes": 2},
    "five classes of which two are absent": {"classes": 5},
    "classes that weigh the same": {"classes": 2, "balanced": True},
    "values": {"classes": 0},
}


def rows(name: str) -> tuple[Array, Array]:
    random = np.random.default_rng(4)
    inputs = random.normal(size=(90, 7))
    signal = inputs[:, 0] + inputs[:, 1] ** 2 + random.normal(size=90) / 2
    if name == "values":
        return inputs, signal
    codes = np.digitize(signal, [1.0, 2.0] if "five" in name else [2.0])
    return inputs, np.array([0, 1, 4])[codes] if "five" in name else codes


@pytest.mark.parametrize("name", ASKED)
def test_it_says_what_the_ensemble_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, target = rows(name)
    asked = {**ASKED[name], "trees": 12, "seed": 3}
    quick = forest.grown(inputs[:60], target[:60], inputs[60:], **asked)
    assert forest._parts() is not None, "this version of scikit-learn has the parts that are known"
    monkeypatch.setattr(forest, "_parts", lambda: None)
    slow = forest.grown(inputs[:60], target[:60], inputs[60:], **asked)
    assert np.array_equal(quick.outputs, slow.outputs)
    assert np.array_equal(quick.importance, slow.importance)
    assert quick.importance.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("classes", [0, 2])
def test_equal_rows_are_answered_by_the_mean_and_nothing_is_telling(classes: int) -> None:
    inputs, target = np.ones((12, 2)), np.arange(12) % 2
    found = forest.grown(inputs, target, inputs[:1], classes=classes, trees=5, seed=0)
    assert found.outputs.ravel()[-1] == pytest.approx(0.5)
    assert found.importance.tolist() == [0.0, 0.0]


def test_without_a_column_nothing_is_said() -> None:
    with pytest.raises(ValueError, match="no column"):
        forest.grown(np.ones((9, 0)), np.arange(9) % 2, np.ones((1, 0)), classes=2, trees=5, seed=0)
