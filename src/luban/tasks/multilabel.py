"""Multilabel classification: which of several labels a row has; none, one or many."""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Answers, Array
from luban.core.errors import UsageError
from luban.tasks import _labels, _losses


@final
class Multilabel:
    """A row's labels are a list, or one text with `|` between them."""

    name: ClassVar[str] = "multilabel"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("f1", "accuracy", "roc-auc", "average-precision", "log-loss", "brier")
    compared_by: ClassVar[str] = "log-loss"
    baseline: ClassVar[str] = "constant"
    link: ClassVar[str] = "sigmoid"
    loss = staticmethod(_losses.of_labels)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        if positive is not None:
            raise UsageError("labels have no positive class.", where="--positive", fix="leave it out")
        return tuple(_labels.classes_of(_lists(target).explode().rename(target.name), fewest=1))

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        """(rows, labels) int64 of 0 and 1; -1 throughout for a row whose labels are missing."""
        lists = _lists(target)
        encoded = np.zeros((len(target), len(classes)), dtype=np.int64)
        held = pl.DataFrame({"row": np.arange(len(target)), "label": lists}).explode("label").drop_nulls("label")
        code = _labels.codes(held["label"], classes)
        encoded[held["row"].to_numpy()[code >= 0], code[code >= 0]] = 1
        encoded[lists.is_null().to_numpy()] = -1
        return encoded

    def outputs(self, classes: tuple[str, ...]) -> int:
        return len(classes)

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        """Each label from a probability of 0.5 on."""
        return Answers((outputs >= 0.5).astype(np.int64), outputs)


def _lists(target: pl.Series) -> pl.Series:
    if target.dtype == pl.List:
        return target.cast(pl.List(pl.String))
    return target.cast(pl.String).str.split(_labels.LABEL_SEPARATOR)


task = Multilabel()
