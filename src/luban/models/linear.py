"""Linear models: logistic regression for classes; ridge, lasso, elastic net, Huber and median regression for values."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, Inputs, dense, matrix
from luban.core import registry
from luban.models import _answering
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section


class Settings(Section):
    """What can be set about linear models."""

    C: float = Field(1.0, gt=0, le=1e12)
    """The inverse of the penalty's strength: larger follows the rows more closely."""
    penalty: Literal["l1", "l2", "elastic-net", "none"] = "l2"
    """`l1` sets weights to zero, `l2` makes all small, `elastic-net` does both."""
    l1_ratio: float = Field(0.5, ge=0, le=1)
    """The share of `l1` in `elastic-net`."""
    iterations: int | None = Field(None, ge=1, le=1_000_000)
    """Steps of the solver, at most; as many as usually do where nothing is said."""


@final
class Linear:
    """A weighted sum of the columns.

    Classes: the minimum of C times the log loss summed over rows, plus the penalty (scikit-learn's LogisticRegression).
    Values: squared, absolute or Huber loss by `train.loss`, on a target of mean 0 and standard deviation 1. Steps of a
    series are each such a sum; a quantile is the sum and that quantile of its errors on the training rows.
    """

    name: ClassVar[str] = "linear"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.STEPWISE
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse:
            strengths = {10.0: 1, 1.0: 3, 100.0: 5}
        elif work.rows <= 50_000:
            strengths = {1.0: 1, 0.1: 8, 10.0: 12}
        else:
            strengths = {1.0: 1}
        return [Entry(order, Candidate(model=self.name, settings={"C": C})) for C, order in strengths.items()]

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        regress = partial(_regress, settings=settings, work=work)
        if work.task == "forecasting":
            return _steps(batch, work, regress)
        return _answering.fitted(batch, work, partial(_classify, settings=settings, seed=seed), regress)


def _classify(
    inputs: Inputs, codes: Array, classes: int, weight: Array | None, *, settings: Settings, seed: int
) -> Form:
    from sklearn.linear_model import LogisticRegression

    strength = np.inf if settings.penalty == "none" else settings.C
    l1 = {"l1": 1.0, "l2": 0.0, "elastic-net": settings.l1_ratio, "none": 0.0}[settings.penalty]
    # lbfgs is quick and exact, and knows no l1.
    solver = "lbfgs" if l1 == 0.0 else "saga"
    most = settings.iterations or (500 if solver == "lbfgs" else 1000)
    estimator = LogisticRegression(C=strength, l1_ratio=l1, solver=solver, max_iter=most, random_state=seed)
    with _answering.iterated(estimator):
        estimator.fit(_doubled(inputs), codes, sample_weight=weight)
    return _form(estimator.coef_.T, estimator.intercept_, "binary" if classes == 2 else "softmax")


def _steps(batch: Batch, work: Work, regress: _answering.Regressing) -> Form:
    """One form for all steps: ridge finds them together, other losses one after the other."""
    target = dense(batch.target)
    if work.loss in ("auto", "squared", "quantile"):
        form = regress(batch.inputs, target, batch.weight)
    else:
        forms: list[Any] = [regress(batch.inputs, step, batch.weight) for step in target.T]
        form = _form(np.hstack([f.weights for f in forms]), np.concatenate([f.bias for f in forms]), "identity")
    return _answering.spread(form, batch.inputs, target, work.quantiles)


def _regress(inputs: Inputs, values: Array, weight: Array | None, *, settings: Settings, work: Work) -> Form:
    """values: (rows,), or (rows, steps) of which each is a sum of its own."""
    middle = np.atleast_1d(np.average(values, axis=0, weights=weight))
    spread = np.atleast_1d(values.std(axis=0))
    spread = np.where(spread > 0, spread, 1.0)
    estimator = _regression(settings, work.loss, len(values))
    scaled = (values - middle) / spread
    with _answering.iterated(estimator):
        estimator.fit(_doubled(inputs), scaled, sample_weight=weight)
    weights = np.asarray(estimator.coef_, dtype=np.float64).reshape(len(middle), -1).T * spread
    intercept = np.broadcast_to(np.ravel(estimator.intercept_), middle.shape)
    return _form(weights, intercept * spread + middle, "identity")


def _regression(settings: Settings, loss: str, rows: int) -> Any:
    """The estimator of a loss. Its penalty is 1 / C for the whole, so 1 / (C rows) for the mean over rows."""
    from sklearn.linear_model import ElasticNet, HuberRegressor, QuantileRegressor, Ridge

    alpha = 0.0 if settings.penalty == "none" else 1.0 / settings.C
    if loss == "absolute":
        return QuantileRegressor(quantile=0.5, alpha=alpha / rows)
    if loss == "huber":
        return HuberRegressor(alpha=alpha, max_iter=settings.iterations or 1000)
    if settings.penalty in ("l1", "elastic-net"):
        ratio = 1.0 if settings.penalty == "l1" else settings.l1_ratio
        return ElasticNet(alpha=alpha / rows, l1_ratio=ratio, max_iter=settings.iterations or 10_000)
    return Ridge(alpha=max(alpha, 1e-10))


def _doubled(inputs: Inputs) -> Inputs:
    doubled: Inputs = matrix(inputs).astype(np.float64)
    return doubled


def _form(weights: Array, bias: Array, link: str) -> Form:
    affine = registry.find("forms", "affine")
    form: Form = affine(np.ascontiguousarray(weights, dtype=np.float64), np.asarray(bias, dtype=np.float64), link)
    return form


model = Linear()
