"""Test rows distributed differently from the training rows: the score then describes another population.

Signal: how well a classifier tells test rows from training rows, out of fold, as an area under the ROC curve (a domain
classifier; deepchecks' multivariate drift of 0.25 is an area of 0.625). Threshold 0.65, and beyond chance (p < 0.01,
Mann and Whitney). Silent when the split is by time, which differs by design, and below 30 rows on either side. Repair
of a split that luban made: none is needed, for it is drawn at random; a group split can differ because groups do.
Advice: give test rows from where the model will be used, or weigh the training rows.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination
from luban.training import forest, probing

THRESHOLD = 0.65
CHANCE = 2.326
"""Standard errors of an area of 0.5 that chance surpasses with a probability of 0.01."""
FEWEST = 30
TREES = 100
MOST = 2_000
"""Rows of either side that are compared."""


def examine(examination: Examination) -> list[Finding]:
    if examination.split == "time":
        return []
    train, test = len(examination.train), len(examination.test)
    if min(train, test) < FEWEST:
        raise ValueError(
            f"{min(train, test)} rows on one side of the split are too few to compare; {FEWEST} are needed."
        )
    random = np.random.default_rng(derive(examination.seed, "mismatch"))
    first = np.sort(random.permutation(train)[:MOST])
    second = np.sort(random.permutation(test)[:MOST])
    inputs = probing.dense(
        probing.stacked(examination.unscaled[first], examination.unscaled_test[second]), examination.seed
    )
    side = np.repeat([0, 1], [len(first), len(second)])
    area, most_telling = _area(inputs, side, examination)
    error = np.sqrt((len(side) + 1) / (12 * len(first) * len(second)))
    if area <= THRESHOLD or (area - 0.5) / error <= CHANCE:
        return []
    column = None if most_telling is None else examination.names[most_telling]
    by_what = f", most of all by '{column}'" if column else ""
    if examination.split == "given":
        advice = (
            "If they come from where the model will be used, add such rows to the training data; else choose others."
        )
    else:
        advice = (
            f"The split is '{examination.split}': {examination.split_reason}. Look at it before trusting the score."
        )
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(column=column),
            evidence=Signal("area under the ROC curve of telling test from training rows", area, THRESHOLD, len(side)),
            text=(
                f"test rows can be told from training rows with an area of {area:.2f} (0.5 is chance, threshold "
                f"{THRESHOLD}){by_what}. The score is one for rows unlike those that were learned. {advice}"
            ),
        )
    ]


def _area(inputs: Array, side: Array, examination: Examination) -> tuple[float, int | None]:
    """The area under the ROC curve, out of fold; and the number of the most telling input, where inputs are columns."""
    from scipy.stats import rankdata

    fold = probing.folds(side, 4, derive(examination.seed, "mismatch", "folds"))
    said, told = np.zeros(len(side)), np.zeros(inputs.shape[1])
    for held_out in range(4):
        seen, asked, own = fold != held_out, fold == held_out, derive(examination.seed, "mismatch", "trees")
        grown = forest.grown(inputs[seen], side[seen], inputs[asked], classes=2, trees=TREES, seed=own, balanced=True)
        said[asked] = grown.outputs[:, 1]
        told += grown.importance
    ones, zeros = int(side.sum()), int((side == 0).sum())
    area = (rankdata(said)[side == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    return float(area), int(told.argmax()) if inputs.shape[1] == len(examination.names) else None


condition = Condition(
    id="split-mismatch",
    group="data",
    summary="test rows distributed differently from the training rows",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
)
