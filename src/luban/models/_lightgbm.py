"""LightGBM: how it is called so that its result repeats, and how its text becomes arrays. The text is trusted in
nothing: each number that is later an index is compared with its bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Array, Inputs
from luban.core.errors import TrainingError
from luban.forms.trees import float32_not_above

_ALWAYS = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "feature_pre_filter": False}
_NUMERICAL = 1
"""The bit of a decision that is set where it looks a category up; luban's inputs are numbers."""


def train(inputs: Inputs, target: Array, weight: Array | None, options: dict[str, Any], rounds: int) -> str:
    """The text of the fitted trees."""
    import lightgbm

    data = lightgbm.Dataset(inputs, target, weight=weight, params=_ALWAYS | options)
    booster = lightgbm.train(_ALWAYS | options, data, num_boost_round=rounds)
    return str(booster.model_to_string(num_iteration=-1))


def best_rounds(
    inputs: Inputs,
    target: Array,
    weight: Array | None,
    held_out: Array,
    options: dict[str, Any],
    most: int,
    patience: int,
) -> int:
    """How many rounds have the least loss on the rows held out; it stops after `patience` rounds without gain."""
    import lightgbm

    def part(rows: Array, reference: Any = None) -> Any:
        return lightgbm.Dataset(
            inputs[rows],
            target[rows],
            weight=None if weight is None else weight[rows],
            params=_ALWAYS | options,
            reference=reference,
        )

    data = part(~held_out)
    booster = lightgbm.train(
        _ALWAYS | options,
        data,
        num_boost_round=most,
        valid_sets=[part(held_out, data)],
        callbacks=[lightgbm.early_stopping(patience, verbose=False)],
    )
    return max(1, int(booster.best_iteration))


def parse(text: str, width: int, sums: int) -> tuple[Array, ...]:
    """The arrays of the form `trees`: features, thresholds, children, roots, columns, values.

    sums: the number of sums; tree t adds to sum t modulo `sums`. Raises TrainingError for a text that is odd.
    """
    features, thresholds, children, roots, values = [], [], [], [], []
    inner_before = leaves_before = 0
    trees = _trees(text)
    if not trees or len(trees) % sums:
        raise TrainingError(f"LightGBM wrote {len(trees)} trees for {sums} sums.")
    for tree in trees:
        leaves = int(tree["num_leaves"])
        inner = leaves - 1
        value = _numbers(tree, "leaf_value", np.float64, leaves)
        if inner:
            feature = _numbers(tree, "split_feature", np.int64, inner)
            decision = _numbers(tree, "decision_type", np.int64, inner)
            left, right = (_numbers(tree, side, np.int64, inner) for side in ("left_child", "right_child"))
            if feature.min() < 0 or feature.max() >= width or (decision & _NUMERICAL).any():
                raise TrainingError("LightGBM wrote a split that luban does not know.")
            both = np.stack([right, left], axis=1)
            if both.max() >= inner or (~both[both < 0]).max() >= leaves:
                raise TrainingError("LightGBM wrote a node that does not exist.")
            children.append(np.where(both >= 0, both + inner_before, both - leaves_before))
            features.append(feature)
            thresholds.append(float32_not_above(_numbers(tree, "threshold", np.float64, inner)))
        roots.append(inner_before if inner else ~leaves_before)
        values.append(value)
        inner_before += inner
        leaves_before += leaves
    return (
        _joined(features, np.int32),
        _joined(thresholds, np.float32),
        _joined(children, np.int32).reshape(-1, 2),
        np.array(roots, dtype=np.int32),
        (np.arange(len(roots)) % sums).astype(np.int32),
        np.concatenate(values).astype(np.float32)[:, None],
    )


def _trees(text: str) -> list[dict[str, str]]:
    """The lines `key=value` of each tree."""
    blocks = text.split("end of trees")[0].split("\nTree=")[1:]
    return [dict(line.split("=", 1) for line in block.splitlines()[1:] if "=" in line) for block in blocks]


def _numbers(tree: dict[str, str], key: str, kind: type[Any], count: int) -> Array:
    numbers = np.array(tree[key].split(), dtype=kind)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise TrainingError(f"LightGBM wrote {len(numbers)} values of '{key}', not {count} finite ones.")
    return numbers


def _joined(parts: list[Array], kind: type[Any]) -> Array:
    return np.concatenate(parts).astype(kind) if parts else np.zeros(0, dtype=kind)
