"""What of a training changes on its way: what the recipe says of later steps, and the learning rate of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from luban.protocols import Task
from luban.recipe.recipe import Train
from luban.training import optimizing
from luban.training.loss import loss_of

if TYPE_CHECKING:
    from torch.optim import Optimizer


@final
class Steering:
    """loss: what is minimised at the present step. holds: the recipe's part as it holds there. steps: how many there
    are in all, as it was known at the last one.
    """

    def __init__(self, optimiser: Optimizer, task: Task, train: Train, step: int) -> None:
        """train: in which nothing is left open. step: from which this process goes on."""
        self._optimiser, self._task, self._train = optimiser, task, train
        self._changes, self.steps = {change.step for change in train.later}, 0
        self._turn(step)

    def at(self, step: int) -> None:
        """Takes what changes at a step, before it is calculated."""
        if step in self._changes:
            self._turn(step)

    def pace(self, step: int, steps: int) -> float:
        """The learning rate of a step of so many, which the optimiser has from now on."""
        assert isinstance(self.holds.learning_rate, float), "the learning rate is decided"
        self.steps = steps
        factor = optimizing.factor(self._train.schedule, self._train.warmup, step, steps)
        rate = self.holds.learning_rate * factor
        optimizing.pace(self._optimiser, rate, step / max(steps, 1))
        return rate

    def _turn(self, step: int) -> None:
        self.holds = optimizing.at(self._train, step)
        optimizing.steer(self._optimiser, self.holds)
        self.loss = loss_of(self._task, self.holds)
