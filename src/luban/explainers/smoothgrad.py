"""SmoothGrad: the mean gradient of an answer around the row, times how far numbers are from their usual values.

Gradients of networks change from one row to the next; their mean over rows with noise changes less (Smilkov et al.,
2017, arXiv 1706.03825). The noise is normal; its deviation is a share of the range of the numbers of a part. Standard
errors are those of the mean over the noise.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError
from luban.core.seed import derive
from luban.explainers import _network
from luban.explainers._network import Function
from luban.protocols import Attributed, Effort, Subject

NOISE = 0.15
"""The deviation of the noise, of the range of the numbers: the paper finds 0.1 to 0.2 best."""
SAMPLES = 50
MOST = 4_096
"""Rows with noise, where an error is asked for, at most."""
_FEWEST = 2


@final
class SmoothGrad:
    """The mean gradient of rows with noise."""

    name: ClassVar[str] = "smoothgrad"

    def declines(self, subject: Subject) -> str | None:
        return _network.declines(subject)

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        if effort.calls is not None and effort.calls < _FEWEST:
            raise UsageError("of one row there is no error.", fix=f"allow {_FEWEST} calls or more")
        return [_explained(subject, game, effort) for game in range(len(subject.units))]


def _explained(subject: Subject, game: int, effort: Effort) -> Attributed:
    asked = _network.explained(subject, game)
    seed = derive(effort.seed, "smoothgrad", subject.numbers[game])
    most = effort.calls or (SAMPLES if effort.error is None else MOST)
    samples = np.zeros((0, subject.count))
    while len(samples) < most:
        count = min(max(len(samples), min(SAMPLES, most)), most - len(samples))
        drawn = [_samples(each, subject.count, count, seed + len(samples)) for each in asked.functions]
        samples = np.concatenate([samples, np.sum(drawn, axis=0)])
        errors = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        if effort.error is not None and errors.max(initial=0.0) <= effort.error:
            break
    calls = len(samples) * len(asked.functions)
    return asked.told(subject, samples.mean(axis=0), calls, errors=errors, noise=NOISE)


def _samples(function: Function, units: int, count: int, seed: int) -> Array:
    """(count, units): what each unit adds by the gradient at rows with noise."""
    import torch

    random = torch.Generator().manual_seed(seed % (1 << 63))
    away = {name: function.here[name] - each.mean(dim=0) for name, each in function.usual.items()}
    found: list[Array] = []
    while len(found) < count:
        rows = min(function.together, count - len(found))
        noisy = {}
        for name, each in function.here.items():
            drawn = torch.randn((rows, *each.shape), generator=random)
            noisy[name] = each + NOISE * (each.max() - each.min()) * drawn
        slopes = function.slopes(noisy)
        for row in range(rows):
            found.append(function.of_units({name: slopes[name][row] * each for name, each in away.items()}, units))
    return np.array(found)


explainer = SmoothGrad()
