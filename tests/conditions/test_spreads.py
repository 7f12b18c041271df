"""Distances and tests of spreads, held to scipy's; and weights that meet the shares that are wanted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from luban.conditions._attribution import of_target
from luban.conditions._spreads import DISTANCE, STABILITY, VARIATION, benjamini_hochberg, change, raked, variation
from luban.data.spreads import placed, spread
from luban.evidence.reference import Spread


def compared(old: np.ndarray, new: np.ndarray, strata: np.ndarray | None = None, shares: np.ndarray | None = None):
    kept = spread("x", "number", old, strata, 1 if strata is None else int(strata.max()) + 1)
    return change(kept, placed(kept, new), shares)


def test_the_distance_is_that_of_all_values_but_for_the_width_of_a_bin():
    random = np.random.default_rng(0)
    old = random.normal(size=1000)
    for shift in (0.0, 0.2, 0.5, 1.0):
        new = random.normal(size=400) + shift
        found, exact = compared(old, new), stats.ks_2samp(old, new)
        assert found.measure in (DISTANCE, STABILITY)
        if found.measure == DISTANCE:
            assert exact.statistic - 0.05 <= found.value <= exact.statistic + 1e-9
        assert found.q >= exact.pvalue * 0.8, "coarse bins make no change surer"


def test_values_that_repeat_are_counted_exactly():
    old, new = np.repeat([0.0, 1.0, 2.0], [50, 30, 20]), np.repeat([0.0, 1.0, 2.0], [20, 30, 50])
    found = compared(old, new)
    assert found.value == pytest.approx(0.3)
    assert stats.ks_2samp(old, new).statistic == pytest.approx(0.3)


def test_a_wider_spread_with_the_same_middle_is_seen_by_the_index():
    random = np.random.default_rng(1)
    found = compared(random.normal(size=5000), random.normal(size=5000) * 1.45)
    assert (found.measure, found.large) == (STABILITY, True)


def test_missing_values_are_a_change_of_their_own():
    random = np.random.default_rng(2)
    old, new = random.normal(size=500), random.normal(size=300)
    new[:90] = np.nan
    found = compared(old, new)
    assert (found.measure, round(found.value, 2)) == (VARIATION, 0.30)
    assert found.q < 1e-9


def test_categories_are_tested_by_chi_squared():
    old, new = np.array([58, 32, 10]), np.array([20, 15, 15])
    value, p, largest = variation(old, 100, new)
    assert value == pytest.approx(0.2)
    assert p == pytest.approx(stats.chi2_contingency(np.stack([old, new]), correction=False).pvalue)
    assert largest.tolist() == [False, False, True]


def test_rare_categories_are_joined_before_they_are_tested():
    old, new = np.array([900, *[1] * 100]), np.array([90, *[0] * 95, *[2] * 5])
    joined = stats.chi2_contingency([[900, 100], [90, 10]], correction=False).pvalue
    assert variation(old, 1000, new)[1] == pytest.approx(joined)


def test_several_tests_are_corrected_as_scipy_does():
    p = np.random.default_rng(3).random(40) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


def test_older_rows_are_weighed_to_have_the_new_shares():
    random = np.random.default_rng(4)
    strata = np.repeat([0, 1], [900, 300])
    old = random.normal(size=1200) + 3 * strata
    new = random.normal(size=400) + 3 * np.repeat([0, 1], [100, 300])
    assert compared(old, new).value > 0.4
    weighed = compared(old, new, strata, np.array([0.25, 0.75]))
    assert weighed.value < 0.08
    assert weighed.q > 0.05


def test_raking_meets_every_margin():
    random = np.random.default_rng(5)
    first, second = random.integers(0, 3, 600), random.integers(0, 4, 600)
    wanted = (np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.3, 0.4]))
    weight, lost = raked([(wanted[0], first), (wanted[1], second)], 600)
    assert lost == 0
    for shares, bins in zip(wanted, (first, second), strict=True):
        assert np.bincount(bins, weight) / 600 == pytest.approx(shares, abs=1e-3)


def test_raking_tells_what_no_row_can_stand_for():
    weight, lost = raked([(np.array([0.6, 0.4]), np.zeros(50, dtype=int))], 50)
    assert lost == pytest.approx(0.4)
    assert weight == pytest.approx(np.ones(50))


def test_of_single_rows_nothing_is_kept():
    random = np.random.default_rng(6)
    incomes = np.concatenate([random.lognormal(10, 1, 400), [9e7]])
    kept = spread("income", "number", incomes)
    assert max(kept.bounds) < 1e6
    assert not set(kept.bounds) & set(incomes.tolist())
    assert kept.counts.sum(axis=1)[:-1].min() >= 5


def test_a_spread_survives_json_and_nothing_else_is_read():
    kept = spread("x", "number", np.arange(100.0))
    again = Spread.from_json(kept.to_json())
    assert (again.bounds, again.counts.tolist()) == (kept.bounds, kept.counts.tolist())


def test_shares_are_found_in_answers():
    # A bundle that finds 90% of `a` and 80% of `b`; then `b` is 7 in 10 of the rows, which the answers hide in part.
    from conditions.compared import answers_only

    confusion = np.array([[450, 50], [100, 400]])
    answered = np.repeat([0, 1], [410, 590])  # 0.3 x 0.9 + 0.7 x 0.2 = 0.41
    found = of_target(answers_only(confusion, answered))
    assert found is not None and not found.seen
    assert found.now.round(3).tolist() == [0.3, 0.7, 0.0]
    assert found.low < found.value < found.high
    assert of_target(answers_only(confusion, np.repeat([0, 1], [550, 450]))) is None


def test_what_cannot_be_told_apart_is_not_estimated():
    from conditions.compared import answers_only

    with pytest.raises(ValueError, match="tells the classes apart too badly"):
        of_target(answers_only(np.array([[260, 240], [250, 250]]), np.repeat([0, 1], [100, 900])))


def test_a_value_near_the_largest_number_is_a_bound_like_another():
    kept = spread("x", "number", np.array([1e308 if at % 9 == 0 else at + 0.123 for at in range(180)]))
    assert max(kept.bounds) == 1e308
    # Rounded to a hundredth of the middle half.
    assert all(bound == round(bound) for bound in kept.bounds)
