"""The baseline: the same answer for every row, made of the targets alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np

from luban.batch import Array, Batch, dense
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
        target, width = dense(batch.target), batch.width
        if work.task == "regression":
            absolute = work.loss in ("absolute", "huber")
            middle = _median(target, batch.weight) if absolute else np.average(target, weights=batch.weight)
            return _form(np.array([middle]), width)

        def shares(codes: Array, classes: int) -> Form:
            weight = _answering.balanced(codes, batch.weight, work)
            counts = np.bincount(codes, weight, minlength=classes) + 1.0
            return _form(counts / counts.sum(), width)

        if work.task != "multilabel":
            return shares(target, work.outputs)
        stack: Form = registry.find("forms", "stack")(tuple(shares(labels, 2) for labels in target.T))
        return stack


def _form(answer: Array, width: int) -> Form:
    form: Form = registry.find("forms", "constant")(answer.astype(np.float64), width)
    return form


def _median(values: Array, weight: Array | None) -> float:
    if weight is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


model = Constant()
