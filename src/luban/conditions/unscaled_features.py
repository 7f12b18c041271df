"""Columns on very different or very large scales, given unscaled to a model that is sensitive to scale.

Distances, gradients and penalties weigh a column by its scale: a k-nearest-neighbour, kernel, linear or neural model
sees the largest column and little else. Signal, over the number columns of the training rows: the root mean square, the
largest absolute value, and the ratio of the largest to the median standard deviation. Thresholds 10, 100 and 100:
healthy programs stayed at a root mean square of 1, injected faults began at 124 (measured for luban's catalogue;
UMLAUT's |x| > 1 fires on half of the healthy ones). Silent when scaling is on, when only models compete that do not
mind (trees), and when no column is beyond the thresholds. Repair: scaling fitted on training rows; where tails are
heavy (excess kurtosis > 10) by median and quartiles. Proven structurally: the columns then have one scale.
"""

from __future__ import annotations

import numpy as np

from luban.conditions import _training
from luban.data.values import floats
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.trace import Trace
from luban.protocols import Condition, Examination
from luban.recipe.edit import RecipeEdit

ROOT_MEAN_SQUARE = 10.0
LARGEST = 100.0
RATIO = 100.0
HEAVY_TAILS = 10.0
"""Excess kurtosis (0 for the normal distribution) beyond which outliers would decide a standard deviation."""
SENSITIVE = frozenset({"auto", "ensemble", "linear", "svm", "knn", "mlp"})
"""Models that mind, and the portfolios that hold some of them."""


def examine(examination: Examination) -> list[Finding]:
    recipe = examination.recipe
    minds = sorted(_competing(examination) & SENSITIVE)
    columns = [column.name for column in examination.schema.inputs if column.kind == "number"]
    if recipe.features.scale != "none" or not minds or not columns:
        return []
    numbers = np.stack([floats(examination.train[column]) for column in columns], axis=1)
    numbers[~np.isfinite(numbers)] = np.nan
    kept = ~np.isnan(numbers).all(axis=0)
    numbers, columns = numbers[:, kept], [column for column, keep in zip(columns, kept, strict=True) if keep]
    if not columns:
        return []
    deviations = np.nanstd(numbers, axis=0)
    varying = deviations[deviations > 0]
    largest = np.nanmax(np.abs(numbers), axis=0)
    # Each signal as a multiple of its threshold; the finding rests on the one that is furthest beyond.
    signals = [
        ("root mean square", float(np.sqrt(np.nanmean(numbers**2))), ROOT_MEAN_SQUARE),
        ("largest absolute value", float(largest.max()), LARGEST),
        (
            "largest to median standard deviation",
            float(varying.max() / np.median(varying)) if len(varying) else 1.0,
            RATIO,
        ),
    ]
    name, value, threshold = max(signals, key=lambda signal: signal[1] / signal[2])
    if value <= threshold:
        return []
    widest = columns[int(np.argmax(deviations))]
    scale = "robust" if _heavy_tails(numbers, deviations) > HEAVY_TAILS else "standard"
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(column=widest),
            evidence=Signal(name, value, threshold, len(numbers)),
            text=(
                f"scaling is switched off, and the {name} of the number columns is {value:,.4g} (threshold "
                f"{threshold:g}); "
                f"'{widest}' varies most. A model that minds scales ({', '.join(minds)}) sees little but such columns. "
                f"Scale them: --set features.scale={scale}."
            ),
            edits=(RecipeEdit("features.scale", "none", scale, f"the {name} of the number columns is {value:,.4g}"),),
        )
    ]


def in_training(trace: Trace) -> list[Finding]:
    """The same of what reaches the first layer of a network that is being trained."""
    seen = trace.arriving
    if seen is None:
        raise ValueError("what reaches the first layer was not seen, or is no table of numbers")
    signals = [
        ("root mean square", seen.root_mean_square, ROOT_MEAN_SQUARE),
        ("largest absolute value", seen.largest, LARGEST),
        ("largest to median standard deviation", seen.deviations, RATIO),
    ]
    name, value, threshold = max(signals, key=lambda signal: signal[1] / signal[2])
    if value <= threshold:
        return []
    return [
        Finding(
            condition=condition.id,
            severity="severe",
            where=Where(layer=trace.layers[0] if trace.layers else None, step=0),
            evidence=Signal(name, value, threshold, seen.rows),
            text=(
                f"the {name} of what reaches the first layer is {value:,.4g} (threshold {threshold:g}): its weights "
                "see little but the largest columns, and steps that suit them suit no others. Scale the inputs by "
                "the mean and standard deviation of the training rows."
            ),
            edits=_training.edits(trace, ("features.scale", "standard", f"the {name} is {value:,.4g}")),
        )
    ]


def _competing(examination: Examination) -> set[str]:
    models = examination.recipe.model
    if models.candidates is not None:
        return {candidate.model.replace("_", "-") for candidate in models.candidates}
    return {name.replace("_", "-") for name in models.names}


def _heavy_tails(numbers: np.ndarray, deviations: np.ndarray) -> float:
    """The median of the columns' excess kurtosis."""
    varying = deviations > 0
    if not varying.any():
        return 0.0
    standard = (numbers[:, varying] - np.nanmean(numbers[:, varying], axis=0)) / deviations[varying]
    return float(np.median(np.nanmean(standard**4, axis=0)) - 3.0)


condition = Condition(
    id="unscaled-features",
    group="data",
    summary="number columns on very different or very large scales",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
    proof="structural",
    silences=(*_training.symptoms("unscaled-features"), "estimator-not-converged", "underfitting"),
    during=in_training,
    code="inputs = (inputs - train.mean(0)) / train.std(0)",
)
