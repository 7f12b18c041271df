"""Intervals equal known answers and other people's implementations, and hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from luban.batch import Array
from luban.evidence import intervals


def test_wilson_is_scipys() -> None:
    for successes, n in [(0, 10), (10, 10), (97, 114), (1, 3)]:
        expected = stats.binomtest(successes, n).proportion_ci(method="wilson")
        assert intervals.wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_takes_an_effective_number_of_rows() -> None:
    narrow, wide = intervals.wilson(90, 100), intervals.wilson(22.5, 25.0)
    assert wide[0] < narrow[0] < 0.9 < narrow[1] < wide[1]


@pytest.mark.parametrize(("successes", "n"), [(-1, 10), (11, 10), (0, 0)])
def test_wilson_of_what_is_no_proportion_is_an_error(successes: float, n: float) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        intervals.wilson(successes, n)


def test_the_difference_of_proportions_is_bonett_and_prices() -> None:
    # By hand: n = 100, 12 and 4 rows that only one has right; (13 - 5) / 102 and its standard error.
    first, second = 13 / 102, 5 / 102
    error = ((first + second - (first - second) ** 2) / 102) ** 0.5
    expected = (first - second - 1.959964 * error, first - second + 1.959964 * error)
    assert intervals.proportion_difference(12, 4, 100) == pytest.approx(expected, abs=1e-6)


def test_bca_is_scipys() -> None:
    terms = np.random.default_rng(0).exponential(size=60)

    def mean(counts: Array) -> Array:
        return counts @ terms / counts.sum(axis=1)

    found = intervals.bca(mean, len(terms), seed=0)
    given = stats.bootstrap((terms,), np.mean, n_resamples=20_000, method="BCa", rng=np.random.default_rng(0))
    expected = given.confidence_interval
    width = expected.high - expected.low
    # This one is wider by Student's t for 60 units, about 3%, and 2,000 draws leave some noise.
    assert found.low == pytest.approx(expected.low, abs=0.06 * width)
    assert found.high == pytest.approx(expected.high, abs=0.06 * width)


def test_blocks_are_as_good_as_units() -> None:
    """A large sample is drawn in blocks; the interval of a mean is then the normal one."""
    terms = np.random.default_rng(1).exponential(size=20_000)
    found = intervals.of_mean(terms, seed=1)
    half = 1.96 * terms.std() / np.sqrt(len(terms))
    assert "blocks" in found.method
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)
    assert (found.low + found.high) / 2 == pytest.approx(terms.mean(), abs=0.15 * half)


def test_the_seed_decides() -> None:
    terms = np.random.default_rng(2).normal(size=40)
    assert intervals.of_mean(terms, seed=1) == intervals.of_mean(terms, seed=1)
    assert intervals.of_mean(terms, seed=1) != intervals.of_mean(terms, seed=2)


def test_undefined_draws_are_left_out() -> None:
    """A draw may hold no row of a class; the figure of the others still has an interval."""
    positive = np.arange(12) < 2

    def share(counts: Array) -> Array:
        found = counts @ positive
        return np.where(found > 0, found / counts.sum(axis=1), np.nan)

    found = intervals.bca(share, 12, seed=0)
    assert 0 < found.low < 2 / 12 < found.high < 1


def test_terms_that_differ_by_next_to_nothing_have_an_interval() -> None:
    values = 1e-120 * np.arange(20.0)
    found = intervals.bca(lambda weights: weights @ values / weights.sum(axis=1), 20, seed=0)
    assert 0 <= found.low <= values.mean() <= found.high <= values.max()


def test_weights_count_as_rows() -> None:
    random = np.random.default_rng(3)
    terms = random.normal(size=50)
    heavy = np.where(np.arange(50) == 0, 30.0, 1.0)
    alike, uneven = intervals.of_mean(terms, np.ones(50)), intervals.of_mean(terms, heavy)
    assert alike == intervals.of_mean(terms)
    assert uneven.high - uneven.low > alike.high - alike.low


def test_intervals_of_means_hold_the_truth() -> None:
    """A small twin of `benchmarks/coverage.py`: normal and squared-normal terms, 300 sets each."""
    random = np.random.default_rng(4)
    for draw, truth in ((random.normal, 0.0), (lambda size: random.normal(size=size) ** 2, 1.0)):
        held = 0
        for seed in range(300):
            found = intervals.of_mean(draw(size=30), seed=seed)
            held += found.low <= truth <= found.high
        assert 0.90 <= held / 300 <= 0.99


def test_an_interval_that_ignores_how_few_rows_there_are_would_not_hold_it() -> None:
    """The twin of the test above, which shows that it can fail: intervals of half the width."""
    random = np.random.default_rng(5)
    held = 0
    for seed in range(100):
        found = intervals.of_mean(random.normal(size=30), seed=seed)
        middle, quarter = (found.low + found.high) / 2, (found.high - found.low) / 4
        held += middle - quarter <= 0.0 <= middle + quarter
    assert held / 100 < 0.85
