"""Multiclass classification: which one of several classes a row belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

from luban.batch import Answers, Array
from luban.core.errors import UsageError
from luban.tasks import _labels, _losses

if TYPE_CHECKING:
    import polars as pl


@final
class Multiclass:
    """Each row has exactly one of the classes."""

    name: ClassVar[str] = "multiclass"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "balanced-accuracy",
        "f1",
        "roc-auc",
        "log-loss",
        "brier",
        "expected-calibration-error",
    )
    compared_by: ClassVar[str] = "log-loss"
    baseline: ClassVar[str] = "constant"
    link: ClassVar[str] = "softmax"
    loss = staticmethod(_losses.of_classes)

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        if positive is not None:
            raise UsageError("only one of two classes can be the positive one.", where="--positive", fix="leave it out")
        return tuple(_labels.classes_of(target))

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        return _labels.codes(target, classes)

    def outputs(self, classes: tuple[str, ...]) -> int:
        return len(classes)

    def answers(self, outputs: Array, threshold: float | None = None) -> Answers:
        """The likeliest class; of equally likely ones the first."""
        return Answers(outputs.argmax(axis=1), outputs)


task = Multiclass()
