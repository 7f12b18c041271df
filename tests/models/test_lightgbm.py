"""LightGBM's text as arrays: they answer as LightGBM does, and a text that is odd is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest

from luban.core.errors import TrainingError
from luban.forms.trees import Trees
from luban.models import _lightgbm
from models.tables import UNSEEN, WIDTH, fit, table

OPTIONS = {"num_leaves": 8, "min_data_in_leaf": 5, "seed": 0, "num_threads": 1}
KINDS: dict[str, tuple[dict[str, Any], int, str]] = {
    "regression": ({"objective": "regression"}, 1, "identity"),
    "binary": ({"objective": "binary"}, 1, "binary"),
    "multiclass": ({"objective": "multiclass", "num_class": 3}, 3, "softmax"),
}


def text_of(task: str, rounds: int = 12) -> str:
    batch, _ = table(task)
    assert batch.target is not None
    return _lightgbm.train(batch.inputs, batch.target, None, OPTIONS | KINDS[task][0], rounds)


@pytest.mark.parametrize("task", KINDS)
def test_the_form_answers_as_lightgbm_itself(task: str) -> None:
    text, (_, sums, link) = text_of(task), KINDS[task]
    form = Trees(WIDTH, *_lightgbm.parse(text, WIDTH, sums), np.zeros(sums), np.ones(sums), link)
    theirs = np.asarray(lightgbm.Booster(model_str=text).predict(UNSEEN))
    ours = form.outputs(UNSEEN)
    assert (ours[:, 0] if task == "regression" else ours[:, 1] if task == "binary" else ours) == pytest.approx(
        theirs, rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize("loss", ["absolute", "huber"])
def test_other_losses_are_other_models(loss: str) -> None:
    batch, work = table("regression")
    plain, other = (
        fit("gradient-boosting", batch, replace(work, loss=name)).outputs(UNSEEN) for name in ("auto", loss)
    )
    assert np.abs(plain - other).max() > 1e-3


def test_trees_of_one_leaf_are_numbers() -> None:
    """Where nothing can be learned, LightGBM writes trees without a split."""
    inputs, target = np.ones((40, 2), np.float32), np.arange(40.0)
    text = _lightgbm.train(inputs, target, None, OPTIONS | {"objective": "regression"}, 3)
    form = Trees(2, *_lightgbm.parse(text, 2, 1), np.zeros(1), np.ones(1), "identity")
    assert form.outputs(inputs)[0, 0] == pytest.approx(19.5)


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("split_feature", lambda numbers: ["99", *numbers[1:]]),
        ("split_feature", lambda numbers: ["-1", *numbers[1:]]),
        ("split_feature", lambda numbers: numbers[1:]),
        ("decision_type", lambda numbers: ["1", *numbers[1:]]),
        ("left_child", lambda numbers: ["500", *numbers[1:]]),
        ("right_child", lambda numbers: ["-500", *numbers[1:]]),
        ("leaf_value", lambda numbers: ["nan", *numbers[1:]]),
        ("leaf_value", lambda numbers: [*numbers, "1"]),
        ("threshold", lambda numbers: ["inf", *numbers[1:]]),
    ],
)
def test_an_odd_number_in_the_text_is_refused(key: str, change: Any) -> None:
    lines = text_of("binary").split("\n")
    place = next(number for number, line in enumerate(lines) if line.startswith(f"{key}="))
    lines[place] = f"{key}={' '.join(change(lines[place].split('=')[1].split()))}"
    with pytest.raises(TrainingError, match="LightGBM wrote"):
        _lightgbm.parse("\n".join(lines), WIDTH, 1)


def test_too_few_trees_for_the_sums_are_refused() -> None:
    with pytest.raises(TrainingError, match="12 trees for 5 sums"):
        _lightgbm.parse(text_of("binary"), WIDTH, 5)
    with pytest.raises(TrainingError, match="0 trees"):
        _lightgbm.parse("", WIDTH, 1)
