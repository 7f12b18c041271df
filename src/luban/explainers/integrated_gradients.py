"""Integrated gradients: what each unit adds to a network's answer, along the way from the usual row to the row.

The gradient of the answer times how far a number is from its usual value, averaged over the straight line between the
two (Sundararajan et al., 2017, arXiv 1703.01365), here by Gauss-Legendre quadrature. What units add sums up to the
difference of the answers at both ends; steps are doubled until that holds to 1 %, or to a limit, which is told. It is
told before a link, as log-odds for two classes. From several rows of a background the mean is taken. Words of texts go
out from the padding token, so the number of tokens stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError
from luban.explainers import _network, _sums
from luban.explainers._network import Function
from luban.protocols import Attributed, Effort, Subject

if TYPE_CHECKING:
    from torch import Tensor

FIRST, MOST = 16, 1_024
"""Steps at first, and at most."""
ENOUGH = 0.01
"""By how much of the difference of both ends the sum of what units add may be off."""
_TINY = 1e-6


@final
class IntegratedGradients:
    """Gradients along the way from the usual row."""

    name: ClassVar[str] = "integrated-gradients"

    def declines(self, subject: Subject) -> str | None:
        return _network.declines(subject)

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        if effort.calls is not None and effort.calls < FIRST:
            message = f"{effort.calls} steps are too few for a way from the usual row."
            raise UsageError(message, fix=f"allow {FIRST} calls or more")
        return [_explained(subject, game, effort.calls or MOST) for game in range(len(subject.units))]


def _explained(subject: Subject, game: int, most: int) -> Attributed:
    asked = _network.explained(subject, game)
    base, whole = asked.ends()
    steps, calls = FIRST, 0
    while True:
        values = np.sum([_along(each, subject.count, steps) for each in asked.functions], axis=0)
        calls += steps * sum(each.beginnings for each in asked.functions)
        missed = abs(float(values.sum()) - (whole - base))
        holds = missed <= max(ENOUGH * abs(whole - base), _TINY * (1 + abs(whole)))
        if holds or 2 * steps > most:
            break
        steps *= 2
    told = f"what the parts add is off by {missed:.3g} from what it should sum up to, after {steps:,} steps"
    more = {"steps": steps} if holds else {"steps": steps, "text": told}
    return Attributed(values, None, base, whole, calls, _sums.scale_of(asked.one, subject), more=more)


def _along(function: Function, units: int, steps: int) -> Array:
    """(units,) what each adds along the way, the mean over the usual rows where it begins."""
    import torch

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    shares, halves = ((torch.from_numpy(each).to(torch.float32)) for each in ((nodes + 1) / 2, weights / 2))
    total = np.zeros(units)
    for number in range(function.beginnings):
        start = function.beginning(number)
        away = {name: each - start[name] for name, each in function.here.items()}
        summed = {name: torch.zeros_like(each) for name, each in away.items()}
        for first in range(0, steps, function.together):
            part = slice(first, first + function.together)
            way = {name: start[name] + _shaped(shares[part], each) * each for name, each in away.items()}
            for name, each in function.slopes(way).items():
                summed[name] += (_shaped(halves[part], away[name]) * each).sum(dim=0)
        total += function.of_units({name: each * away[name] for name, each in summed.items()}, units)
    return total / function.beginnings


def _shaped(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *(1,) * like.ndim)


explainer = IntegratedGradients()
