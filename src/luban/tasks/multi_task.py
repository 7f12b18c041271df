"""Several targets at once (Caruana, 1997): each is a question of its own kind, and one model answers all of them.

A network has one trunk for all; of other models each target has its own, fitted on the same rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Answers, Array, PerRow, dense
from luban.core.errors import UsageError
from luban.protocols import Target
from luban.recipe.recipe import Train

if TYPE_CHECKING:
    from torch import Tensor


@final
@dataclass(frozen=True)
class MultiTask:
    """The answers of all targets side by side: the outputs of the first, then those of the second, and so on.

    targets: none for the task before its targets are known (`of_targets`).
    """

    name: ClassVar[str] = "multi-task"
    supervised: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = ("skill",)
    compared_by: ClassVar[str] = "skill"
    baseline: ClassVar[str] = "constant"
    link: ClassVar[str] = "several"
    targets: tuple[Target, ...] = ()

    def of_targets(self, targets: Sequence[Target]) -> MultiTask:
        """The task of these targets."""
        return MultiTask(tuple(targets))

    def classes(self, target: pl.Series, positive: str | None) -> tuple[str, ...]:
        """None: each target has its own. Raises UsageError for a positive class."""
        if positive is not None:
            raise UsageError("several targets have no one positive class.", where="--positive", fix="leave it out")
        return ()

    def encode(self, target: pl.Series, classes: tuple[str, ...]) -> Array:
        """(rows, targets) float64 of a column of structs: values, or codes of classes; NaN where there is none."""
        columns = [each.task.encode(target.struct.field(each.name), each.classes) for each in self.targets]
        coded = [dense(column).astype(np.float64) for column in columns]
        return np.stack(
            [np.where(c < 0, np.nan, c) if t.classes else c for c, t in zip(coded, self.targets, strict=True)], axis=1
        )

    def outputs(self, classes: tuple[str, ...]) -> int:
        return sum(each.outputs for each in self.targets)

    def answers(self, outputs: PerRow, threshold: float | None = None) -> Answers:
        """The answers to each target in `parts`; `prediction` has them side by side."""
        parts, first = [], 0
        for each in self.targets:
            parts.append(each.task.answers(dense(outputs)[:, first : first + each.outputs]))
            first += each.outputs
        side = np.stack([dense(part.prediction).astype(np.float64) for part in parts], axis=1)
        return Answers(side, parts=tuple(parts))

    def loss(self, outputs: Tensor, target: Tensor, train: Train) -> Tensor:
        """(rows,) the mean of the losses of all targets. Values are standardised, so the losses are of like size.

        A target that a row does not have adds nothing, and nothing is learned from it.
        """
        import torch

        first, total = 0, torch.zeros(len(outputs), device=outputs.device)
        for place, each in enumerate(self.targets):
            own, known = target[:, place].nan_to_num(), target[:, place].isfinite()
            own = own.long() if each.task.link == "softmax" else own
            total = total + known * each.task.loss(outputs[:, first : first + each.outputs], own, train)
            first += each.outputs
        return total / len(self.targets)


task = MultiTask()
