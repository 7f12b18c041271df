"""The engine of explainers: games whose Shapley values are known, and all orders of units as the slow reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

from luban.batch import Array
from luban.core.errors import UsageError
from luban.explainers import _coalition

Game = Callable[[Array], Array]


def attributed(game: Game, units: int, calls: int, **asked: float | int) -> _coalition.Attributed:
    return _coalition.attribute(lambda coalitions, _: game(coalitions)[:, None], units, calls=calls, **asked)  # type: ignore[arg-type]


def orders(game: Game, units: int) -> Array:
    """What each unit adds, over all orders one by one."""
    values = np.zeros(units)
    every = list(itertools.permutations(range(units)))
    for order in every:
        inside = np.zeros((units + 1, units), bool)
        for place, unit in enumerate(order):
            inside[place + 1 :, unit] = True
        values[list(order)] += np.diff(game(inside))
    return values / len(every)


def gloves(coalitions: Array) -> Array:
    """Two people have a left glove, one has a right glove; only pairs are worth something."""
    return np.minimum(coalitions[:, :2].sum(axis=1), coalitions[:, 2]).astype(float)


def airport(coalitions: Array) -> Array:
    """A runway must be as long as the longest plane needs it: 1, 2, 5 and 9."""
    return (coalitions * np.array([1.0, 2.0, 5.0, 9.0])).max(axis=1, initial=0.0)


def rugged(units: int, seed: int, order: int = 3, terms: int = 60) -> tuple[Game, Array]:
    """A sum of products of some units each, and its Shapley values: a product is shared equally by those in it."""
    random = np.random.default_rng(seed)
    members = np.array([random.choice(units, order, replace=False) for _ in range(terms)])
    alone, together = random.normal(size=units), random.normal(size=terms)
    values = alone.copy()
    np.add.at(values, members, together[:, None] / order)
    return lambda coalitions: coalitions @ alone + coalitions[:, members].all(axis=2) @ together, values


@pytest.mark.parametrize(
    ("game", "values"), [(gloves, [1 / 6, 1 / 6, 2 / 3]), (airport, [1 / 4, 7 / 12, 25 / 12, 73 / 12])]
)
def test_known_games_have_their_values_and_no_error(game: Game, values: list[float]) -> None:
    found = attributed(game, len(values), 2 ** len(values))
    np.testing.assert_allclose(found.values[0], values, atol=1e-12)
    assert not found.errors.any()
    assert found.calls[0] == 2 ** len(values)


@pytest.mark.parametrize("units", [1, 2, 3, 6, 7])
def test_all_coalitions_give_what_all_orders_give(units: int) -> None:
    table = np.random.default_rng(units).normal(size=2**units)
    powers = 2 ** np.arange(units)

    def game(coalitions: Array) -> Array:
        return table[coalitions @ powers]

    found = attributed(game, units, 2**units)
    np.testing.assert_allclose(found.values[0], orders(game, units), atol=1e-12)
    assert not found.errors.any()


@pytest.mark.parametrize("calls", [24, 60, 240, 2_000])
def test_values_add_up_to_what_all_units_add(calls: int) -> None:
    game, _ = rugged(12, seed=3)
    found = attributed(game, 12, calls)
    ends = game(np.stack([np.zeros(12, bool), np.ones(12, bool)]))
    assert found.values[0].sum() == pytest.approx(ends[1] - ends[0], abs=1e-9)
    assert found.gain[0] == ends[1] - ends[0]
    assert found.base[0] == ends[0]


def test_a_sum_is_found_out_as_it_is() -> None:
    weights = np.linspace(-1, 2, 20)
    found = attributed(lambda coalitions: coalitions @ weights, 20, 200)
    np.testing.assert_allclose(found.values[0], weights, atol=0.01)


def test_no_coalition_is_asked_about_twice_and_every_one_with_what_it_leaves_out() -> None:
    asked = []

    def game(coalitions: Array) -> Array:
        asked.extend(map(bytes, coalitions))
        return coalitions[:, 0].astype(float)

    found = attributed(game, 9, 300, error=1e-9)
    assert len(asked) == len(set(asked)) == found.calls[0] == 300
    assert {bytes(~np.frombuffer(each, bool)) for each in asked} == set(asked)


@pytest.mark.parametrize(("units", "pairs"), [(9, 40), (10, 149), (30, 299), (400, 500)])
def test_every_beginning_has_equally_many_coalitions_of_each_size(units: int, pairs: int) -> None:
    drawn = _coalition.drawn(units, pairs, 0)
    assert len(drawn) == len(np.unique(drawn, axis=0)) == pairs
    sizes = drawn.sum(axis=1)
    for until in (pairs // 3, pairs):
        counts = np.bincount(sizes[:until], minlength=units // 2 + 1)[2 : (units + 1) // 2]
        some = counts[counts < [36, 84, 126, 126][0]] if units == 9 else counts[1:] if units == 10 else counts
        assert np.ptp(some) <= 1 or until == pairs


def test_units_that_do_the_same_have_equal_values_within_their_errors() -> None:
    def game(coalitions: Array) -> Array:
        return np.sqrt(coalitions[:, :6].sum(axis=1)) + coalitions[:, 6] * coalitions[:, 7]

    found = attributed(game, 16, 320)
    same = found.values[0, :6]
    assert np.ptp(same) < 6 * found.errors[0, :6].max()
    np.testing.assert_allclose(found.values[0, 6:8], 0.5, atol=6 * found.errors[0, 6:8].max())


def test_a_unit_that_does_nothing_has_nothing_within_its_error() -> None:
    game, values = rugged(14, seed=5)
    found = attributed(lambda coalitions: game(coalitions[:, :14]), 16, 320)
    assert np.abs(found.values[0, 14:]).max() < 4 * found.errors[0, 14:].max() < 0.5 * np.abs(values).max()


@pytest.mark.parametrize("calls", [100, 200, 400])
def test_the_truth_lies_within_1_96_standard_errors_about_as_often_as_they_say(calls: int) -> None:
    """240 values of 12 games, drawn anew each time; and what is missed is missed to both sides."""
    missed = []
    for seed in range(20):
        game, values = rugged(12, seed, order=3 + seed % 2)
        found = attributed(game, 12, calls, seed=seed)
        missed.append((found.values[0] - values) / found.errors[0])
    assert 0.88 <= (np.abs(missed) <= 1.96).mean() <= 0.99
    assert abs(np.mean(missed)) < 3 / np.sqrt(240)


@pytest.mark.parametrize("calls", [120, 240, 480])
def test_games_whose_interactions_are_of_pairs_alone_are_found_out_and_their_errors_hold_the_truth(calls: int) -> None:
    """What is odd of such a game is a sum, so little is missed, and the standard errors do not say that it is less."""
    held = []
    for seed in range(20):
        game, values = rugged(12, seed, order=2)
        found = attributed(game, 12, calls, seed=seed)
        np.testing.assert_allclose(found.values[0], values, atol=1e-4 * np.abs(values).max())
        held.append(np.abs(found.values[0] - values) <= 1.96 * found.errors[0])
    assert np.mean(held) >= 0.9


def test_more_calls_bring_it_nearer() -> None:
    misses = []
    for calls in (60, 240, 960):
        squares = []
        for seed in range(5):
            game, values = rugged(24, seed)
            squares.append(((attributed(game, 24, calls, seed=seed).values[0] - values) ** 2).mean())
        misses.append(np.mean(squares))
    assert misses[0] > 2 * misses[1] > 8 * misses[2]


def test_games_are_asked_about_until_their_error_is_small_enough() -> None:
    """An easy game is left alone early, while a hard one goes on."""
    hard, _ = rugged(20, seed=1)
    counted = []

    def values(coalitions: Array, games: Array) -> Array:
        counted.append((len(coalitions), games.tolist()))
        both = np.stack([coalitions.sum(axis=1).astype(float), 10 * hard(coalitions)], axis=1)
        return both[:, games]

    found = _coalition.attribute(values, 20, 2, calls=2_000, error=0.05)
    assert found.calls[0] == 64
    assert 64 < found.calls[1] <= 2_000
    assert found.errors.max() <= 0.05 or found.calls[1] == 2_000
    assert sum(rows for rows, games in counted if 1 in games) == found.calls[1]


def test_games_together_are_as_they_are_alone() -> None:
    games = [rugged(15, seed)[0] for seed in range(3)]
    together = _coalition.attribute(
        lambda coalitions, which: np.stack([games[each](coalitions) for each in which], axis=1), 15, 3, calls=150
    )
    for place, game in enumerate(games):
        alone = attributed(game, 15, 150)
        np.testing.assert_allclose(together.values[place], alone.values[0], atol=1e-9)
        np.testing.assert_allclose(together.errors[place], alone.errors[0], atol=1e-9)


def test_a_game_without_change_has_no_values_and_no_errors() -> None:
    found = attributed(lambda coalitions: np.full(len(coalitions), 7.0), 20, 60)
    assert np.abs(found.values).max() < 1e-12
    assert found.errors.max() < 1e-12
    assert found.base[0] == 7.0


def test_no_units_are_a_game_of_one_value() -> None:
    found = attributed(lambda coalitions: np.full(len(coalitions), 2.0), 0, 8)
    assert found.values.shape == (1, 0)
    assert found.gain[0] == 0
    assert found.calls[0] == 1


@pytest.mark.parametrize(("units", "calls", "enough"), [(10, 19, 20), (3, 5, 6), (2, 3, 4), (1_000, 500, 2_000)])
def test_too_few_calls_are_refused_with_the_number_that_would_do(units: int, calls: int, enough: int) -> None:
    with pytest.raises(UsageError, match=f"{calls} calls of the model are too few") as refused:
        attributed(lambda coalitions: coalitions[:, 0].astype(float), units, calls)
    assert refused.value.fix == f"allow {enough:,} calls or more"
    if units < 1_000:
        assert len(attributed(lambda coalitions: coalitions[:, 0].astype(float), units, enough).values[0]) == units


def test_more_units_than_can_be_told_apart_are_refused() -> None:
    with pytest.raises(UsageError, match=r"10,000 units are too many.*20,000 calls") as refused:
        attributed(lambda coalitions: coalitions[:, 0].astype(float), 10_000, 100_000)
    assert "2,048" in str(refused.value.fix)


def test_a_game_that_never_moves_has_no_error() -> None:
    found = _coalition.attribute(
        lambda coalitions, games: np.full((len(coalitions), len(games)), 0.25), 14, 2, calls=60
    )
    assert not found.values.any() and not found.errors.any()
