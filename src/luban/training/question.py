"""The question that a target asks: which task it is, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.core.suggest import did_you_mean, fold
from luban.protocols import Asking, Target, Task
from luban.recipe.recipe import Recipe

if TYPE_CHECKING:
    import polars as pl

    from luban.batch import Array

MOST_CODES = 20
"""Whole numbers of up to so many different values are taken for codes of classes."""
ROWS_A_CODE = 5
"""... where each stands for so many rows on average."""
SHARE_OF_NAMES = 0.5
"""Texts of which more than this share are different are no class names."""
SEVERAL = "multi-task"
TOGETHER = frozenset({"binary", "multiclass", "regression"})
"""What may be asked beside other targets."""
CLASSES = frozenset({"binary", "multiclass", "multilabel"})
VALUES = frozenset({"regression", "forecasting", "similarity"})
_OF_SEQUENCES = frozenset({"sequence-to-sequence", "tagging", "question-answering"})
_LOSSES = {"cross-entropy": CLASSES | _OF_SEQUENCES, "quantile": frozenset({"forecasting"})}


def decide(target: pl.Series | None, recipe: Recipe, *, texts: bool = False) -> tuple[str, str]:
    """The name of the task, and the reason in words. `--task` has the last word.

    texts: whether one column of texts is read and the target holds texts too, rather than names.

    Raises DataError for a target of which no task makes sense, and UsageError for a task that does not fit.

    >>> import polars as pl
    >>> decide(pl.Series("fare", [7.25, 71.3, 8.05]), Recipe())
    ('regression', "'fare' holds numbers with decimals")
    """
    import polars as pl

    if target is not None and target.dtype == pl.Struct and fold(recipe.task or SEVERAL) != SEVERAL:
        raise UsageError(
            f"{recipe.task} has one target, and {len(target.struct.fields)} were named.",
            where="--task", fix="leave --task out, or name one --target",
        )  # fmt: skip
    if recipe.task is not None:
        return _asked(fold(recipe.task), target), "as asked"
    if target is None:
        return "clustering", "no target was named, so rows that belong together are looked for"
    if target.dtype == pl.Struct:
        return SEVERAL, f"{len(target.struct.fields)} targets were named"
    return _told(target, texts=texts)


def several(task: Asking, target: pl.Series) -> tuple[Task, str]:
    """The task of several targets, and why each is the kind of question that it is. target: a column of structs.

    Raises DataError for a target of which no task makes sense, UsageError for one that is not asked beside others.
    """
    targets, reasons = [], []
    for name in target.struct.fields:
        values = target.struct.field(name)
        kind, reason = _told(values, texts=False)
        if kind not in TOGETHER:
            raise UsageError(
                f"'{name}' asks for {kind}, which is not asked beside others; {', '.join(sorted(TOGETHER))} are.",
                where="--target",
                fix=f"--target {name} alone",
            )
        own: Task = registry.find("tasks", kind)
        classes = own.classes(values, None)
        targets.append(Target(name, own, classes, own.outputs(classes)))
        without = f"; {values.null_count():,} rows without it count for the others" if values.null_count() else ""
        reasons.append(f"{kind}, since {reason}{without}")
    return task.of_targets(targets), "; ".join(reasons)


def targets_to_json(task: Task) -> list[dict[str, Any]]:
    """The targets of a task that has several, as a bundle keeps them; empty for one."""
    return [{"name": t.name, "task": t.task.name, "classes": list(t.classes)} for t in getattr(task, "targets", ())]


def of_targets(task: Asking, document: Sequence[Mapping[str, Any]]) -> Task:
    """The task of the targets that a bundle keeps."""
    targets = []
    for each in document:
        own: Task = registry.find("tasks", each["task"])
        classes = tuple(each["classes"])
        targets.append(Target(each["name"], own, classes, own.outputs(classes)))
    return task.of_targets(targets)


def suits(task: str, recipe: Recipe) -> None:
    """Raises UsageError for a metric, loss or decision of the recipe that means nothing for this task.

    >>> suits("regression", Recipe())
    """
    train = recipe.train
    wanted: list[tuple[str, object, frozenset[str]]] = []
    if train.metric is not None:
        wanted.append(("train.metric", train.metric, registry.find("metrics", train.metric).tasks))
    if train.loss != "auto":
        wanted.append(("train.loss", train.loss, _LOSSES.get(train.loss, VALUES)))
    if train.class_weight != "none":
        wanted.append(("train.class_weight", train.class_weight, CLASSES))
    if train.prior:
        wanted.append(("train.prior", ", ".join(train.prior), frozenset({"binary", "multiclass"})))
    if train.threshold != "auto":
        both = {"question-answering"} if train.threshold != "cost" else set()
        wanted.append(("train.threshold", train.threshold, frozenset({"binary", *both})))
    if train.calibration == "isotonic":
        wanted.append(
            ("train.calibration", train.calibration, frozenset(registry.names("tasks")) - {"question-answering"})
        )
    for key, value, tasks in wanted:
        if task not in tasks:
            raise UsageError(
                f"{key} cannot be '{value}' for {task}; it is for {', '.join(sorted(tasks))}.",
                where=f"--metric {value}" if key == "train.metric" else f"--set {key}",
                fix="leave it out, or say another --task",
            )
    if not isinstance(train.threshold, str) and not 0 <= train.threshold <= 1:
        raise UsageError(
            f"a probability lies between 0 and 1, not at {train.threshold:g}.",
            where="--set train.threshold",
            fix="for example --set train.threshold=0.3",
        )
    if train.cost and train.threshold != "cost":
        raise UsageError(
            "costs decide nothing unless the threshold is chosen by them.",
            where="--set train.cost",
            fix="add --set train.threshold=cost",
        )


def ratios(prior: Mapping[str, float], classes: tuple[str, ...], codes: Array) -> Array:
    """(classes,) how much more frequent each class is by `train.prior` than among known codes.

    Raises UsageError for a prior that does not say a share above 0 of every class, or of another one.

    >>> import numpy as np
    >>> ratios({"a": 1, "b": 1}, ("a", "b"), np.array([0, 0, 0, 1])).round(3).tolist()
    [0.667, 2.0]
    """
    import numpy as np

    for name, share in prior.items():
        if name not in classes:
            raise UsageError(f"there is no class '{name}'. {did_you_mean(name, classes)}", where="train.prior")
        if not 0 < share < float("inf"):
            raise UsageError(f"the share of '{name}' must be above 0, not {share}.", where="train.prior")
    missing = [name for name in classes if name not in prior]
    if missing:
        raise UsageError(
            f"it says nothing of the class '{missing[0]}'.", where="train.prior", fix="give the share of every class"
        )
    shares = np.array([prior[name] for name in classes], dtype=np.float64)
    before = np.bincount(codes[codes >= 0], minlength=len(classes)).astype(np.float64)
    found = shares / shares.sum() / np.maximum(before, 1.0) * max(before.sum(), 1.0)
    return np.asarray(found)


def _asked(task: str, target: pl.Series | None) -> str:
    known = registry.names("tasks")
    if task not in known:
        raise UsageError(
            f"no task is called '{task}'. {did_you_mean(task, known)}", where="--task", fix=f"one of {', '.join(known)}"
        )
    supervised = registry.find("tasks", task).supervised
    if supervised and target is None:
        raise UsageError(f"{task} needs a target.", where="--task", fix="--target COLUMN")
    if task == SEVERAL and target is not None and not target.dtype.is_nested():
        raise UsageError(f"{task} needs several targets.", where="--task", fix="name them: --target A --target B")
    if not supervised and target is not None:
        raise UsageError(f"{task} has no target.", where="--task", fix="leave --target out")
    return task


def _told(target: pl.Series, *, texts: bool) -> tuple[str, str]:
    import polars as pl

    name = f"'{target.name}'"
    known = target.drop_nulls()
    if target.dtype.is_float():
        known = known.filter(known.is_finite())
    if known.is_empty():
        raise DataError("the target has no values.", where=f"column {name}", fix="choose another --target")
    if target.dtype.is_temporal():
        raise DataError(
            f"{name} holds times, which luban does not predict.",
            where="--target",
            fix="predict a number made from it, such as the days until then",
        )
    if target.dtype == pl.List:
        return "multilabel", f"{name} holds lists of labels"
    distinct = known.n_unique()
    if distinct == 1:
        raise DataError(
            f"all rows with a target hold {known[0]!r:.40}; nothing is left to predict.",
            where=f"column {name}",
            fix="choose another --target, or add rows of another class",
        )
    if distinct == 2:
        return "binary", f"{name} has two different values"
    if target.dtype.is_numeric():
        return _numbers(known, distinct, name)
    if distinct > max(SHARE_OF_NAMES * len(known), 2) and len(known) > MOST_CODES:
        if texts:
            why = f"{name} holds {distinct:,} different texts, and one text is read for each"
            return "sequence-to-sequence", why
        raise DataError(
            f"{distinct:,} of {len(known):,} values are different texts, so they are neither classes nor numbers.",
            where=f"column {name}",
            fix="choose another --target, or say --task multiclass; for texts to write, --task sequence-to-sequence",
        )
    return "multiclass", f"{name} has {distinct} different values"


def _numbers(known: pl.Series, distinct: int, name: str) -> tuple[str, str]:
    if not (known == known.round()).all():
        return "regression", f"{name} holds numbers with decimals"
    if distinct <= MOST_CODES and distinct * ROWS_A_CODE <= len(known):
        why = f"{name} holds {distinct} different whole numbers, taken for classes (--task regression if not)"
        return "multiclass", why
    return "regression", f"{name} holds {distinct:,} different numbers"
