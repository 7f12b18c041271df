"""Gradient x input: how steep a network's answer is at the row, times how far each number is from its usual value.

One look at the network (Shrikumar et al., 2016, arXiv 1605.01713). It divides up a sum of columns exactly, and any
other answer only as far as it is straight between the usual row and the row.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from luban.batch import Array
from luban.explainers import _network
from luban.explainers._network import Function
from luban.protocols import Attributed, Effort, Subject


@final
class GradientTimesInput:
    """The gradient at the row alone."""

    name: ClassVar[str] = "gradient-x-input"

    def declines(self, subject: Subject) -> str | None:
        return _network.declines(subject)

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        found = []
        for game in range(len(subject.units)):
            asked = _network.explained(subject, game)
            values = np.sum([_at(each, subject.count) for each in asked.functions], axis=0)
            found.append(asked.told(subject, values, len(asked.functions)))
        return found


def _at(function: Function, units: int) -> Array:
    slopes = function.slopes({name: each[None] for name, each in function.here.items()})
    away = {name: function.here[name] - each.mean(dim=0) for name, each in function.usual.items()}
    return function.of_units({name: slopes[name][0] * each for name, each in away.items()}, units)


explainer = GradientTimesInput()
