"""The baseline: the same answer for every row, made of the targets alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np

from luban.batch import Array, Batch, Inputs
from luban.core import registry
from luban.models import _answering
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section


class Settings(Section):
    """Nothing can be set."""


@final
class Constant:
    """The shares of the classes; the mean of values, or their median where absolute errors count.

    Each class counts as if one row more had it (Laplace's rule of succession), so that none is said to be impossible.
    """

    name: ClassVar[str] = "constant"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        def regress(inputs: Inputs, values: Array, weight: Array | None) -> Form:
            middle = (
                _median(values, weight) if work.loss in ("absolute", "huber") else np.average(values, weights=weight)
            )
            return _form(np.array([middle]), inputs)

        def classify(inputs: Inputs, codes: Array, classes: int, weight: Array | None) -> Form:
            counts = np.bincount(codes, weight, minlength=classes) + 1.0
            return _form(counts / counts.sum(), inputs)

        return _answering.fitted(batch, work, classify, regress)


def _form(answer: Array, inputs: Inputs) -> Form:
    form: Form = registry.find("forms", "constant")(answer.astype(np.float64), int(inputs.shape[1]))
    return form


def _median(values: Array, weight: Array | None) -> float:
    if weight is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


model = Constant()
