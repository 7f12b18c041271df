"""What Gaussian processes say of Shapley values: their covariances beside sums over every coalition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from luban.batch import Array
from luban.explainers import _smoother


def every(units: int) -> Array:
    return np.array(list(itertools.product([False, True], repeat=units)))


@pytest.mark.parametrize("units", [3, 4, 6])
def test_covariances_are_the_sums_over_all_coalitions(units: int) -> None:
    """Shapley values are a sum of values of all coalitions, so what they vary with is a sum too."""
    coalitions = every(units)
    some = coalitions[(coalitions.sum(axis=1) * 2 < units) & coalitions.any(axis=1)]
    known = np.concatenate([np.ones((1, units), bool), some])
    weights = _smoother._weights(coalitions)
    r = 0.3
    process = _smoother._process(known, r, _smoother._weights(known), 1.0)
    differ = (coalitions[:, None] != coalitions).sum(axis=2)
    covariance = (1 + r) ** (units - differ) * (1 - r) ** differ
    signs = (coalitions == known[:, None]).all(axis=2) * 1.0 - (coalitions != known[:, None]).all(axis=2)
    unit = (signs @ covariance @ signs.T)[0, 0]
    np.testing.assert_allclose(process.vectors @ process.cross, signs @ covariance @ weights / unit, atol=1e-12)
    np.testing.assert_allclose(process.spread, (weights.T @ covariance @ weights).diagonal() / unit, atol=1e-12)
    np.testing.assert_allclose(
        process.vectors * process.roots @ process.vectors.T, signs @ covariance @ signs.T / unit, atol=1e-12
    )


@pytest.mark.parametrize("units", [2, 5, 8])
def test_the_spread_of_noise_is_that_of_its_weights(units: int) -> None:
    halves = _smoother._weights(every(units))[2 ** (units - 1) :]
    process = _smoother._processes(np.packbits(every(units)[1:2]).tobytes(), 1, units)[0]
    np.testing.assert_allclose((halves**2).sum(axis=0), process.white_spread, atol=1e-12)
