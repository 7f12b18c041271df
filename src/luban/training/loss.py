"""What the training of a network minimises: the task's loss of each row, weighed, and the penalty of the recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from luban.protocols import Task
from luban.recipe.recipe import Train
from luban.training.gathering import Part

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss = Callable[["nn.Module", Part, float], "Tensor"]
"""`loss(module, part, total)`: the weighted losses of a part's rows, divided by the weight of the whole step."""


def loss_of(task: Task, train: Train) -> Loss:
    """What is minimised: the task's loss of each row, weighed, and the L1 penalty of the weights."""

    def loss(module: nn.Module, part: Part, total: float) -> Tensor:
        each = task.loss(module(part.tensors).float(), part.target, train)
        if part.weight is None and total == len(each):
            # The same, bit for bit, in one operation for two, each way.
            value = each.mean()
        else:
            value = (each if part.weight is None else each * part.weight).sum() / total
        if train.l1 and module.training:
            penalty = sum(parameter.abs().sum() for parameter in module.parameters() if parameter.ndim > 1)
            # Each part of a step adds its share, so that the whole step has the penalty once.
            weight = len(part.target) if part.weight is None else part.weight.sum()
            value = value + train.l1 * penalty * (weight / total)
        return value

    return loss


def mean(loss: Loss, module: nn.Module, part: Part) -> Tensor:
    """The loss of a part that is a step of its own."""
    return loss(module, part, float(len(part.rows)) if part.weight is None else float(part.weight.sum()))
