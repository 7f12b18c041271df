"""Probing: what quick models make of training rows, out of fold. Conditions read it; bundles never see it.

A probe is the mean of three unlike learners (linear, extremely randomised trees, nearest neighbours): no table suits
one alone, and where labels are wrong they err in different ways. Chosen by trial on the bundled tables with planted
label noise: the mean separated clean from noisy labels better than any one of the three.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban.batch import Array, Inputs, Ragged, matrix
from luban.core.seed import derive
from luban.protocols import Examination
from luban.training import forest

LIMIT = 5_000
"""Rows that a probe looks at, at most: its figures move little beyond, and a probe stays a matter of seconds."""
FEWEST = 30
"""Training rows below which a cross-validated figure says nothing."""
TREES = 60
WIDEST = 64
"""Columns to which sparse (text) inputs are reduced."""
DISCRETE = frozenset({"binary", "multiclass"})


@dataclass(frozen=True, eq=False)
class Probe:
    """What the quick models said about rows that they were not fitted on.

    rows: numbers of the rows in `examination.train`, ascending; at most `LIMIT`.
    target: (rows,) class codes or values. classes: how many classes; 0 for regression.
    inputs: (rows, width) float64, standardised. fold: (rows,) the fold in which a row was held out.
    outputs: (rows, classes) probabilities, or (rows,) values.
    """

    rows: Array
    target: Array
    classes: int
    inputs: Array
    fold: Array
    outputs: Array

    @property
    def wrong(self) -> Array:
        """(rows,) loss of each row: 0 or 1 for classes, the absolute error for values."""
        return losses(self.outputs, self.target)


@functools.lru_cache(maxsize=1)
def out_of_fold(examination: Examination) -> Probe:
    """The probe of an examination, computed once for all that ask. Deterministic by `examination.seed`.

    Raises ValueError, with the reason in words, where there are too few rows or only one class.
    """
    rows, target, classes = labelled(examination)
    inputs = dense(examination.unscaled, examination.seed)[rows]
    fold = folds(target, 5 if len(rows) <= 2_000 else 3, derive(examination.seed, "probe", "folds"))
    outputs = cross_predict(inputs, target, classes, fold, examination.seed)
    return Probe(rows, target, classes, inputs, fold, outputs)


def labelled(examination: Examination) -> tuple[Array, Array, int]:
    """Numbers of up to `LIMIT` training rows that have a target, their targets, and how many classes there are.

    Raises ValueError where fewer than `FEWEST` rows or only one class or value is left.
    """
    target = examination.train_target
    if target is None or isinstance(target, Ragged) or target.ndim != 1:
        raise ValueError("there is no single target column to learn from.")
    discrete = examination.task.name in DISCRETE
    known = np.flatnonzero(target >= 0 if discrete else np.isfinite(target))
    if len(known) > LIMIT:
        random = np.random.default_rng(derive(examination.seed, "probe", "rows"))
        known = np.sort(random.choice(known, LIMIT, replace=False))
    if len(known) < FEWEST:
        raise ValueError(f"{len(known)} training rows are too few to judge by; {FEWEST} are needed.")
    values = target[known]
    if np.all(values == values[0]):
        raise ValueError("all training rows have the same target, so nothing can be learned from them.")
    return known, values, len(examination.classes) if discrete else 0


def dense(inputs: Inputs, seed: int) -> Array:
    """(rows, width) float64, every column with mean 0 and standard deviation 1 (0 where it is constant).

    Sparse inputs are reduced to their `WIDEST` strongest directions (truncated singular value decomposition).
    """
    from scipy.sparse import issparse

    if not issparse(inputs):
        return standardised(np.asarray(inputs, dtype=np.float64))
    sparse = matrix(inputs)
    if sparse.shape[1] <= WIDEST:
        return standardised(sparse.toarray().astype(np.float64))
    from sklearn.decomposition import TruncatedSVD

    directions = TruncatedSVD(WIDEST, random_state=derive(seed, "probe", "directions"))
    return standardised(directions.fit_transform(inputs))


def standardised(values: Array) -> Array:
    """(rows, width) every column with mean 0 and standard deviation 1; 0 where it is constant."""
    values = np.clip(np.nan_to_num(values), -1e30, 1e30)
    centred = values - values.mean(axis=0)
    scale = centred.std(axis=0)
    # A column that varies only by rounding is constant.
    scale[scale <= 1e-9 * (1.0 + np.abs(values).max(axis=0, initial=0.0))] = np.inf
    return centred / scale


def plain(examination: Examination, columns: Sequence[str], *, both: bool = False) -> Array:
    """(training rows, outputs) float64: the unscaled outputs of some columns. both: with the test rows behind them."""
    from scipy.sparse import issparse

    wanted = set(columns)
    chosen = np.flatnonzero([name in wanted for name in examination.names])
    parts = [examination.unscaled, examination.unscaled_test] if both else [examination.unscaled]
    taken = [matrix(part)[:, chosen] for part in parts]
    return np.concatenate([part.toarray() if issparse(part) else part for part in taken]).astype(np.float64)


def stacked(first: Inputs, second: Inputs) -> Inputs:
    """The rows of both, one below the other."""
    from scipy.sparse import issparse, vstack

    return vstack([first, second], format="csr") if issparse(first) else np.concatenate([first, second])


def folds(target: Array, count: int, seed: int) -> Array:
    """(rows,) int64 in [0, count): every fold has its share of each class, or of each range of values."""
    order = np.random.default_rng(seed).permutation(len(target))
    order = order[np.argsort(target[order], kind="stable")]
    fold = np.empty(len(target), dtype=np.int64)
    fold[order] = np.arange(len(target)) % count
    return fold


def cross_predict(inputs: Array, target: Array, classes: int, fold: Array, seed: int, *, share: float = 1.0) -> Array:
    """What the learners say about each row when fitted on the other folds, or on a random `share` of these.

    Returns (rows, classes) probabilities, or (rows,) values where `classes` is 0.
    """
    outputs = np.zeros((len(target), classes) if classes else len(target))
    for held_out in range(int(fold.max()) + 1):
        seen, asked = np.flatnonzero(fold != held_out), fold == held_out
        if share < 1.0:
            # Every second row of the rows in the order of the target: a stratified part.
            part = folds(target[seen], round(1 / share), derive(seed, "probe", "part", held_out))
            seen = seen[part == 0]
        outputs[asked] = _answers(inputs[seen], target[seen], inputs[asked], classes, seed)
    return outputs


def losses(outputs: Array, target: Array) -> Array:
    """(rows,) 0 or 1 for classes (is the likeliest class wrong?), the absolute error for values."""
    if outputs.ndim == 2:
        return (outputs.argmax(axis=1) != target).astype(np.float64)
    return np.abs(outputs - target)


def skill(prediction: Array, target: Array, classes: int) -> float:
    """How much better than the constant answer: 0 is as good as it, 1 is perfect; below 0 is worse.

    For classes the balanced accuracy, for values one minus the ratio of the mean absolute errors; both scaled so that
    the constant answer has 0 (the predictive power score of 8080 Labs does the same).
    """
    if classes:
        present = np.unique(target)
        recall = np.mean([np.mean(prediction[target == code] == code) for code in present])
        chance = 1.0 / len(present)
        return float((recall - chance) / (1.0 - chance))
    constant = np.abs(target - np.median(target)).mean()
    return float(1.0 - np.abs(prediction - target).mean() / constant) if constant > 0 else 0.0


def ranking(probe: Probe) -> tuple[float, float]:
    """How well the outputs rank the rows, as an area under the ROC curve, and its standard error where they do not.

    For classes the mean over one against the rest; for values Spearman's correlation rho, as (rho + 1) / 2. It needs
    no threshold, so a rare class does not hide it. 0.5 is no better than chance (Mann and Whitney, 1947).
    """
    from scipy.stats import rankdata

    if not probe.classes:
        rho = np.corrcoef(rankdata(probe.outputs), rankdata(probe.target))[0, 1]
        return (float(np.nan_to_num(rho)) + 1) / 2, 0.5 / np.sqrt(len(probe.target) - 1)
    areas, variances = [], []
    for code in np.unique(probe.target):
        inside = probe.target == code
        positive, negative = int(inside.sum()), int((~inside).sum())
        rank_sum = rankdata(probe.outputs[:, code])[inside].sum()
        areas.append((rank_sum - positive * (positive + 1) / 2) / (positive * negative))
        variances.append((positive + negative + 1) / (12 * positive * negative))
    return float(np.mean(areas)), float(np.sqrt(np.mean(variances) / max(1, len(areas) - 1)))


def _answers(inputs: Array, target: Array, asked: Array, classes: int, seed: int) -> Array:
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    linear, neighbours = _learners(classes, len(target))
    answers = []
    # Threads wait for each other in such small sums: where others use the cores too, several took six times as long.
    with warnings.catch_warnings(), threadpool_limits(1):
        # A probe that has not converged is still a probe.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for learner in (linear, None, neighbours):
            if learner is None:
                own = derive(seed, "probe", "trees")
                answers.append(forest.grown(inputs, target, asked, classes=classes, trees=TREES, seed=own).outputs)
            elif classes:
                aligned = np.zeros((len(asked), classes))
                aligned[:, learner.classes_] = learner.fit(inputs, target).predict_proba(asked)
                answers.append(aligned)
            else:
                answers.append(learner.fit(inputs, target).predict(asked))
    return np.mean(answers, axis=0)


def _learners(classes: int, rows: int) -> tuple[Any, Any]:
    """The linear one, and nearest neighbours."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    neighbours = {"n_neighbors": min(15, rows), "n_jobs": 1}
    if classes:
        return LogisticRegression(C=0.3, max_iter=100), KNeighborsClassifier(**neighbours)
    return Ridge(alpha=1.0), KNeighborsRegressor(**neighbours)
