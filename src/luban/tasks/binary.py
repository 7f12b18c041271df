"""Binary classification: which of two classes a row belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from luban.batch import Answers, Array
from luban.tasks import _labels, _losses

if TYPE_CHECKING:
    import polars as pl


@final
class Binary:
    """Two classes; the positive one has the code 1."""

    name: ClassVar[str] = "binary"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "balanced-accuracy",
        "f1",
        "roc-auc",
        "average-precision",
        "log-loss",
        "brier",
        "expected-calibration-error",
    )
    compared_by: ClassVar[str] = "log-loss"
    baseline: ClassVar[str] = "constant"
    link: ClassVar[str] = "softmax"
    loss = staticmethod(_losses.of_classes)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """The negative class, then the positive one: the one that was named, else the rarer."""
        found = _labels.classes_of(target)
        if positive is None:
            counts = _labels.texts(target).value_counts(name="rows")
            rows = dict(counts.iter_rows())
            # Of two equally frequent classes the second in order is positive: `1`, `true`, `yes`.
            positive = min(reversed(found), key=lambda name: rows[name])
        positive = _labels.known_positive(positive, found)
        return (*(name for name in found if name != positive), positive)

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        return _labels.codes(target, classes)

    def outputs(self, classes: tuple[str, ...]) -> int:
        return len(classes)

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        """The positive class from the threshold on, 0.5 where none was chosen."""
        cut = 0.5 if threshold is None else threshold
        return Answers((outputs[:, 1] >= cut).astype(np.int64), outputs)


task = Binary()
