"""A column that gives the target away: it holds the answer, or was written down after it was known.

Signal: what a small decision tree makes of one column alone, out of fold, as skill (0 is the constant answer, 1 is
perfect), against the best that quick models or such a tree make of all other columns together. Thresholds (deepchecks'
0.8, the rest by trial):
- alone above 0.98; or
- alone above 0.8, and the others reach less by more than three standard errors of the paired difference; or
- alone above 0.8, and each class keeps its values more than 6 of their spreads away from the next class's. A column
  that was filled in later errs in slips, deep inside another class; one that merely helps errs where classes overlap.
  The clean columns of iris and breast cancer that reach 0.8 lie 2 to 3.4 spreads apart, planted ones 30 and more.
The tree has more leaves than there are classes, since one with fewer cannot read a copied target. Silent below 30 rows.
Repair: leave the column out, only above 0.98; below that it is told loudly and left to the person, for truly strong
columns exist. Proven structurally: the column is gone.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination
from luban.recipe.edit import dropping
from luban.training import probing

CERTAIN = 0.98
STRONG = 0.8
ERRORS = 3.0
"""Standard errors by which a strong column must surpass all others together."""
APART = 6.0
"""Spreads between classes. Of normal classes that lie so far apart, one row in 700 would be on the wrong side."""
BULK = (0.05, 0.5, 0.95)
"""Quantiles that show where the values of a class lie, whatever a few slips do."""
FEWEST_IN_LEAF = 5
SCREENED = 60
"""Of more columns, the ones that correlate most with the target are looked at."""


def examine(examination: Examination) -> list[Finding]:
    rows, target, classes = probing.labelled(examination)
    fold = probing.folds(target, 4, derive(examination.seed, "leakage", "folds"))
    suspects = []
    for column in _screened(examination, rows, target, classes):
        inputs = probing.plain(examination, [column])[rows]
        answers = _alone(inputs, target, classes, fold, examination.seed)
        score = probing.skill(answers, target, classes)
        if score > STRONG:
            suspects.append((score, column, inputs, answers))
    found = []
    for score, column, inputs, answers in sorted(suspects, key=lambda suspect: -suspect[0]):
        others = _without(examination, column, rows, target, classes, fold)
        if score > CERTAIN or _surpasses(answers, others, target, classes) or _apart(inputs, target, classes) > APART:
            found.append(_finding(examination, column, score, probing.skill(others, target, classes), len(rows)))
    return found


def _screened(examination: Examination, rows: Array, target: Array, classes: int) -> list[str]:
    """The input columns, those that correlate most with the target first where there are many."""
    columns = list(dict.fromkeys(examination.names))
    texts = {column.name for column in examination.schema.inputs if column.kind == "text"}
    columns = [column for column in columns if column not in texts]
    if len(columns) <= SCREENED:
        return columns
    strength = {column: _correlation(probing.plain(examination, [column])[rows], target, classes) for column in columns}
    return sorted(columns, key=lambda column: -strength[column])[:SCREENED]


def _correlation(inputs: Array, target: Array, classes: int) -> float:
    codes = np.eye(classes)[target] if classes else target[:, None]
    ranks = np.argsort(np.argsort(inputs, axis=0), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        matrix = np.corrcoef(ranks.T, codes.T)[: ranks.shape[1], ranks.shape[1] :]
    return float(np.abs(np.nan_to_num(matrix)).max())


def _alone(inputs: Array, target: Array, classes: int, fold: Array, seed: int) -> Array:
    """(rows,) what a tree of one column answers for rows that it did not see."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    settings = {
        "min_samples_leaf": FEWEST_IN_LEAF,
        "max_leaf_nodes": max(32, 4 * classes),
        "random_state": derive(seed, "leakage", "tree"),
    }
    answers = np.zeros(len(target), dtype=target.dtype)
    for held_out in range(int(fold.max()) + 1):
        tree = DecisionTreeClassifier(**settings) if classes else DecisionTreeRegressor(**settings)
        tree.fit(inputs[fold != held_out], target[fold != held_out])
        answers[fold == held_out] = tree.predict(inputs[fold == held_out])
    return answers


def _without(examination: Examination, column: str, rows: Array, target: Array, classes: int, fold: Array) -> Array:
    """(rows,) what quick models, or a tree where it does better, answer from all other columns."""
    others = [name for name in dict.fromkeys(examination.names) if name != column]
    if not others:
        return np.full(len(target), np.bincount(target).argmax() if classes else np.median(target))
    inputs = probing.plain(examination, others)[rows]
    outputs = probing.cross_predict(probing.standardised(inputs), target, classes, fold, examination.seed)
    quick = outputs.argmax(axis=1) if classes else outputs
    tree = _alone(inputs, target, classes, fold, examination.seed)
    return max(quick, tree, key=lambda answers: probing.skill(answers, target, classes))


def _surpasses(answers: Array, others: Array, target: Array, classes: int) -> bool:
    """Whether the answers are right more often, or nearer, than the others' by more than `ERRORS` standard errors."""
    if classes:
        gain = (answers == target).astype(float) - (others == target)
    else:
        gain = np.abs(others - target) - np.abs(answers - target)
    return bool(gain.mean() > ERRORS * gain.std() / np.sqrt(len(gain)))


def _apart(inputs: Array, target: Array, classes: int) -> float:
    """How many of their spreads the two nearest classes lie apart in one column; 0 where that has no meaning."""
    present = np.unique(target)
    if not classes or inputs.shape[1] != 1:
        return 0.0
    low, middle, high = np.stack([np.quantile(inputs[target == code, 0], BULK) for code in present], axis=1)
    # From the 5% to the 95% quantile a normal distribution measures 3.29 standard deviations.
    spread = (high - low) / 3.29
    if (spread == 0).any():
        # A column of few values: its classes have no spread to measure by.
        return 0.0
    order = np.argsort(middle)
    between = np.sqrt((spread[order][1:] ** 2 + spread[order][:-1] ** 2) / 2)
    return float((np.diff(middle[order]) / between).min())


def _finding(examination: Examination, column: str, score: float, others: float, rows: int) -> Finding:
    certain = score > CERTAIN
    droppable = certain and len(examination.schema.inputs) > 1
    advice = (
        f"Leave it out: --set drop={column}."
        if certain
        else f"If it is only known after the outcome, leave it out: --set drop={column}."
    )
    return Finding(
        condition=condition.id,
        severity="severe",
        where=Where(column=column),
        evidence=Signal("skill of the column alone", score, CERTAIN if certain else STRONG, rows),
        text=(
            f"column '{column}' alone tells the target with a skill of {score:.3f} (threshold "
            f"{CERTAIN if certain else STRONG}"
            f"; all other columns together reach {others:.3f}). It may hold the answer, and then the score means "
            "nothing. "
            f"{advice}"
        ),
        edits=(dropping(examination.recipe, [column], f"alone it tells the target with a skill of {score:.3f}"),)
        if droppable
        else (),
    )


condition = Condition(
    id="target-leakage",
    group="data",
    summary="a column that gives the target away",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
    proof="structural",
)
