"""The last season, once more: by hand."""

from __future__ import annotations

import numpy as np

from luban.batch import Batch
from luban.protocols import Work
from luban.recipe.recipe import Candidate
from luban.training.fitting import fit_candidate

HISTORY = np.array([[0.0, 9.0, 1.0, 2.0, 3.0], [0.0, 9.0, 4.0, 5.0, 6.0]], dtype=np.float32)
"""A column of another kind, then four steps of the past, the newest last; scaled."""


def said(season: int, horizon: int, quantiles: tuple[float, ...] = ()) -> np.ndarray:
    anchor = np.array([[100.0, 0.0, 10.0], [0.0, 0.0, 1.0]], dtype=np.float32)
    inputs = np.concatenate([HISTORY, anchor], axis=1)
    target = np.zeros((2, horizon + 1))
    outputs = horizon * max(len(quantiles), 1)
    work = Work("forecasting", outputs, 2, inputs.shape[1], season=season, quantiles=quantiles)
    form = fit_candidate(Batch(inputs, target), work, Candidate(model="seasonal-naive"), seed=0, threads=1)
    return form.outputs(inputs)


def test_each_step_is_that_of_a_season_before_and_later_ones_repeat_it() -> None:
    assert said(season=3, horizon=4).tolist() == [[110.0, 120.0, 130.0, 110.0], [4.0, 5.0, 6.0, 4.0]]


def test_without_a_season_the_last_value_goes_on() -> None:
    assert said(season=1, horizon=2).tolist() == [[130.0, 130.0], [6.0, 6.0]]


def test_a_quantile_is_that_of_its_errors() -> None:
    # The scaled errors of the rows are (0 - 100) / 10 - 3 and -6.
    assert said(season=1, horizon=1, quantiles=(0.5,))[1].tolist() == [6.0 + (-13.0 - 6.0) / 2]
