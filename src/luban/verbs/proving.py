"""Proving that an edit helps: the same quick model before and after it, on the same held-out training rows.

A gain counts when the paired 95% interval lies above zero. Test rows are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from luban.batch import Array, Batch, dense
from luban.core.seed import derive
from luban.data import division, loader
from luban.data.loader import sampled
from luban.protocols import Target, Task
from luban.recipe.recipe import Candidate
from luban.training.fitting import fit_candidate
from luban.verbs import encoding
from luban.verbs.preparing import Prepared

QUICK = Candidate(model="linear")
MOST = 5_000
"""Training rows that an effect is shown on, at most."""
FOLDS = 5
RESAMPLES = 1_000
LOSS_MAY_GROW = 1.05
"""Balancing classes may cost this factor of the log loss, not more."""

Shown = tuple[bool, str, float, float]
"""Whether an edit helps, why, and the score before and after it."""


def effect(before: Prepared, after: Prepared) -> Shown:
    """Whether the recipe of `after` does better than that of `before`.

    Class weights are judged by the recall of the worst class, for that is what they are for; any other edit by the
    loss of each row.
    """
    rows = np.intersect1d(before.division.train, after.division.train)
    rows = sampled(rows, MOST, derive(before.recipe.seed, "effect"))
    target = dense(before.target)[rows]
    numbers = np.searchsorted(before.division.train, rows)
    fold = division.folds(
        before.division, before.target, before.task, FOLDS, derive(before.recipe.seed, "effect", "folds")
    )[numbers]
    old, new = (_held_out(prepared, rows, target, fold) for prepared in (before, after))
    seen = fold >= 0
    task = before.task
    if before.recipe.train.class_weight != after.recipe.train.class_weight and before.task.name == "binary":
        return _balanced(old[seen], new[seen], target[seen], task, before.recipe.seed)
    return _lower_loss(losses(task, old[seen], target[seen]), losses(task, new[seen], target[seen]), before.recipe.seed)


def _held_out(prepared: Prepared, rows: Array, target: Array, fold: Array) -> Array:
    """(rows, outputs): each row answered by a quick model that did not see it."""
    inputs = prepared.preprocessor.transform(loader.take(prepared.frame, rows))
    weight = None if prepared.weight is None else prepared.weight[rows]
    batch = Batch(inputs, target, weight)
    work = encoding.work(prepared)
    outputs = np.full((len(rows), work.outputs), np.nan)
    for held_out in range(int(fold.max()) + 1):
        seen = fold < held_out if (fold == -1).any() else fold != held_out
        seed = derive(prepared.recipe.seed, "effect", held_out)
        form = fit_candidate(batch.take(seen), work, QUICK, seed=seed, threads=1)
        outputs[fold == held_out] = dense(form.outputs(inputs[fold == held_out]))
    return outputs


def _balanced(old: Array, new: Array, target: Array, task: Task, seed: int) -> Shown:
    """Recall of the worse class, answered at one half before, and at the balancing cut after."""
    half = np.random.default_rng(derive(seed, "effect", "halves")).permutation(len(target)) % 2
    right_before = (old[:, 1] >= 0.5) == (target == 1)
    right_after = np.empty(len(target), dtype=bool)
    for part in (0, 1):
        # The cut is chosen on one half and judged on the other.
        cut = _balancing_cut(new[half != part, 1], target[half != part])
        right_after[half == part] = (new[half == part, 1] >= cut) == (target[half == part] == 1)
    recall_before, recall_after = _worst_recall(right_before, target), _worst_recall(right_after, target)
    gains = [
        _worst_recall(right_after[drawn], target[drawn]) - _worst_recall(right_before[drawn], target[drawn])
        for drawn in _resamples(target, seed)
    ]
    low = float(np.quantile(gains, 0.025))
    loss_before = float(losses(task, old, target).mean())
    loss_after = float(losses(task, _prior_corrected(new, target), target).mean())
    if low <= 0:
        reason = (
            f"taken back: the recall of the worse class rises by {recall_after - recall_before:.3f}, not beyond chance"
        )
        return False, reason, recall_before, recall_after
    if loss_after > LOSS_MAY_GROW * loss_before:
        reason = f"taken back: the log loss would grow from {loss_before:.4f} to {loss_after:.4f}"
        return False, reason, recall_before, recall_after
    reason = f"the recall of the worse class rises from {recall_before:.3f} to {recall_after:.3f} on held-out rows"
    return True, reason, recall_before, recall_after


def _lower_loss(before: Array, after: Array, seed: int) -> Shown:
    """before, after: (rows,) the loss of each row."""
    gain = before - after
    drawn = np.random.default_rng(derive(seed, "effect", "resamples"))
    means = [gain[drawn.integers(0, len(gain), len(gain))].mean() for _ in range(RESAMPLES)]
    low = float(np.quantile(means, 0.025))
    told = f"the loss on held-out rows goes from {before.mean():.4f} to {after.mean():.4f}"
    if low > 0:
        return True, told, float(before.mean()), float(after.mean())
    return False, f"taken back: {told}, not beyond chance", float(before.mean()), float(after.mean())


def losses(task: Task, outputs: Array, target: Array) -> Array:
    """(rows,) log loss for classes and labels, squared error for values, its mean over the steps of a forecast.

    Of several targets the mean of their losses, values in standard deviations; one that a row does not have adds 0.
    """
    several: Sequence[Target] = getattr(task, "targets", ())
    if several:
        ends = np.cumsum([each.outputs for each in several])
        parts = zip(several, np.split(outputs, ends[:-1], axis=1), target.T, strict=True)
        return np.mean([_of_one_target(each, own, truth) for each, own, truth in parts], axis=0)
    if target.dtype.kind == "f":
        said = dense(task.answers(outputs).prediction).reshape(len(target), -1)
        # Behind the steps of a forecast stands what its errors are scaled by.
        return np.square(said - target.reshape(len(target), -1)[:, : said.shape[1]]).mean(axis=1)
    certain = np.clip(outputs, 1e-12, 1 - 1e-12)
    if target.ndim == 2:
        return -(target * np.log(certain) + (1 - target) * np.log(1 - certain)).mean(axis=1)
    return -np.log(certain[np.arange(len(target)), target])


def _of_one_target(each: Target, outputs: Array, target: Array) -> Array:
    known = np.isfinite(target)
    found = np.zeros(len(target))
    values = each.task.link == "identity"
    own = target[known].astype(np.float64 if values else np.int64)
    found[known] = losses(each.task, outputs[known], own) / ((float(own.var()) or 1.0) if values else 1.0)
    return found


def _prior_corrected(outputs: Array, target: Array) -> Array:
    """Probabilities learned with balanced classes, for the shares that the classes have (Saerens et al., 2002)."""
    shares = np.bincount(target, minlength=outputs.shape[1]) / len(target)
    corrected = outputs * shares
    return corrected / corrected.sum(axis=1, keepdims=True)


def _balancing_cut(probability: Array, target: Array) -> float:
    """The cut with the largest mean recall of both classes."""
    order = np.argsort(-probability, kind="stable")
    positive = target[order] == 1
    recall = np.cumsum(positive) / max(positive.sum(), 1) - np.cumsum(~positive) / max((~positive).sum(), 1)
    return float(probability[order[int(np.argmax(recall))]])


def _worst_recall(right: Array, target: Array) -> float:
    return min(float(right[target == code].mean()) if (target == code).any() else 0.0 for code in (0, 1))


def _resamples(target: Array, seed: int) -> list[Array]:
    """Rows drawn with replacement within each class, so that none is lost."""
    random = np.random.default_rng(derive(seed, "effect", "resamples"))
    classes = [np.flatnonzero(target == code) for code in np.unique(target)]
    return [np.concatenate([random.choice(rows, len(rows)) for rows in classes]) for _ in range(RESAMPLES)]
