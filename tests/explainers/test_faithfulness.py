"""The check of an explanation: areas by hand, the inverse ranking, random orders, and few units."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Array
from luban.explainers import _faithfulness

ADDS = np.array([4.0, -2.0, 1.0, 0.5, 3.0, -1.0, 0.0, 2.0])


def added(coalitions: Array, games: Array) -> Array:
    return (coalitions @ ADDS)[:, None]


def test_the_true_attributions_of_a_sum_hold() -> None:
    found = _faithfulness.check(added, 0, ADDS)
    assert found is not None
    assert found.holds and found.above_random == 1.0
    assert found.text.startswith("the model agrees")


def test_the_inverse_ranking_does_not_hold() -> None:
    right, wrong = (_faithfulness.check(added, 0, values) for values in (ADDS, -ADDS))
    assert right is not None and wrong is not None
    assert not wrong.holds
    assert wrong.gap == pytest.approx(-right.gap)
    assert wrong.text == "the model does not agree: this order of the parts is no better than its inverse"


def test_attributions_that_have_nothing_to_do_with_the_model_do_not_hold() -> None:
    held = 0
    for seed in range(40):
        values = np.random.default_rng(seed).normal(size=len(ADDS))
        found = _faithfulness.check(added, 0, values, seed=seed)
        assert found is not None
        held += found.holds
    assert held <= 6, "an order by chance holds once in twenty times"


def test_the_areas_are_those_by_hand() -> None:
    found = _faithfulness.check(added, 0, ADDS)
    assert found is not None

    def area(order: Array) -> float:
        curve = np.concatenate([[0.0], np.cumsum(ADDS[order])])
        return float(((curve[1:] + curve[:-1]) / 2).mean())

    order = np.argsort(-ADDS, kind="stable")
    assert found.insertion == pytest.approx(area(order))
    assert found.deletion == pytest.approx(area(order[::-1]))


def test_many_units_are_put_in_by_ten_steps() -> None:
    asked: list[int] = []

    def counted(coalitions: Array, games: Array) -> Array:
        asked.append(len(coalitions))
        return coalitions.sum(axis=1, keepdims=True).astype(float)

    found = _faithfulness.check(counted, 0, np.arange(200.0))
    assert found is not None
    assert sum(asked) == found.calls <= 2 * (_faithfulness.ORDERS + 1) * (_faithfulness.STEPS - 1) + 2


def test_one_unit_has_no_order() -> None:
    assert _faithfulness.check(added, 0, np.array([1.0])) is None


def test_attributions_that_are_all_alike_of_a_constant_model_do_not_hold() -> None:
    found = _faithfulness.check(lambda some, games: np.ones((len(some), 1)), 0, np.zeros(5))
    assert found is not None
    assert not found.holds and found.gap == 0
    assert found.text == "none of the parts moves the answer"
