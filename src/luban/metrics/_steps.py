"""The steps of forecasts. Their target is (rows, steps + 1): the values, and behind them what errors are scaled by."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, dense


def errors(target: Array, answers: Answers) -> Array:
    """(rows,) differences between prediction and truth, or (rows, steps) of forecasts.

    >>> errors(np.array([[1.0, 2.0, 9.0]]), Answers(np.array([[1.5, 2.0]]))).tolist()
    [[0.5, 0.0]]
    """
    return np.asarray(answers.prediction - truth(target, answers))


def truth(target: Array, answers: Answers) -> Array:
    """The values among the target."""
    said = dense(answers.prediction)
    return target[:, : said.shape[1]] if said.ndim == 2 else target


def over_steps(terms: Array) -> Array:
    """(rows,) the mean of the terms of a row over its steps."""
    return terms if terms.ndim == 1 else np.asarray(terms.mean(axis=1))
