"""Several processes that train one network: each takes its share of every batch, and all take the same step.

The gradient of a step is that of the whole batch, whatever the number of processes, because each loss is divided by the
weight of all rows of the step and the gradients are added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from luban.batch import Array

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Team:
    """The processes that train together. rank: the number of this one, from 0. size: how many they are."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes what is kept."""
        return self.rank == 0

    def share(self, rows: Array) -> Array:
        """The rows of a batch that this process takes."""
        return rows if self.size == 1 else rows[self.rank :: self.size]

    def wrapped(self, module: nn.Module) -> nn.Module:
        """The module whose backward pass adds up the gradients of all processes."""
        return module

    def total(self, value: float) -> float:
        """The sum of a number over all processes."""
        return value

    def agreed(self, yes: bool) -> bool:
        """Whether the leading process says yes: all must end at the same step."""
        return yes

    def clip(self, module: nn.Module, most: float | None) -> float:
        """The norm of the gradient, which is shortened to `most`; 0 where nothing is clipped."""
        if most is None:
            return 0.0
        import torch

        return float(torch.nn.utils.clip_grad_norm_(module.parameters(), most, foreach=True))


ALONE = Team()
