"""Seasonal naive: what was a season before comes again. The baseline of forecasts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, final

import numpy as np

from luban.batch import Batch, dense
from luban.core import registry
from luban.models import _answering
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section


class Settings(Section):
    """Nothing can be set; the season is the recipe's `forecast.season`."""


@final
class SeasonalNaive:
    """The step h ahead is y[t + h - k m], with the season m and the smallest k that is known (Hyndman, 2021, 5.2).

    Where there is no season, m is 1: the last value goes on. A quantile is that of its errors on the training rows.
    """

    name: ClassVar[str] = "seasonal-naive"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = frozenset({"forecasting"})
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        target = dense(batch.target)
        width, horizon = batch.width, target.shape[1]
        weights = np.zeros((width, horizon))
        # The history is the last that a row holds, its newest value at the end.
        weights[width - work.season + np.arange(horizon) % work.season, np.arange(horizon)] = 1.0
        form: Form = registry.find("forms", "affine")(weights, np.zeros(horizon), "identity")
        return _answering.spread(form, batch.inputs, target, work.quantiles)


model = SeasonalNaive()
