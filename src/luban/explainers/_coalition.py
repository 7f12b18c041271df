"""The engine of explainers: what each unit of a row adds to an answer, from answers with some of the units left out.

A unit is what a person sees: a column, a word. A coalition is the units that stay; what is left out is the business of
whoever calls. The value of a coalition is an answer of the model. The attribution of a unit is its Shapley value: what
it adds to the units that came before it, on average over all orders in which they can come.

Here is which coalitions are asked about, in which order, and when that is enough. How attributions follow from their
values is in `_smoother`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError
from luban.core.seed import derive
from luban.explainers import _smoother
from luban.protocols import Values

MOST = 4_096
"""Calls of a game at most, save where they are all that there are: solving takes time by the cube of their number."""
MOST_EXACT = 1 << 18
"""Coalitions that are asked about one and all, at most."""
FIRST = 64
"""Calls after which it is looked at whether the asked error is reached, at first; then at twice as many each time."""
_LISTED = 4_096
"""Coalitions of a size that are listed and shuffled; of more, some are drawn until enough of them differ."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What came of some games with the same units.

    values: (games, units) float64, which add up to `gain`. errors: (games, units) the standard error of each; 0 where
    it is exact. base, gain: (games,) the value without any unit, and what all units add to it. calls: (games,) how
    many coalitions were asked about.
    """

    values: Array
    errors: Array
    base: Array
    gain: Array
    calls: Array


def attribute(
    values: Values, units: int, games: int = 1, *, calls: int, error: float | None = None, seed: int = 0
) -> Solution:
    """The Shapley value of each unit in some games, each with its standard error.

    calls: how many coalitions are asked about for each game, at most; all of them where there are no more. Coalitions
        are asked about in pairs, one and what it leaves out, each pair once: a Shapley value is the same for a game and
        its mirror image, so all that is even cancels. Every size has equally many of them until it has no more, which
        is sampling by leverage (Musco and Witter, arXiv 2410.01917) without chance in the sizes. All games are asked
        about the same coalitions, so that what solves them is worked out once.
    error: the standard error that is enough; games whose every unit has it are asked about no more.

    Raises UsageError where fewer calls are allowed than two for each unit, naming the number that would do.

    >>> won = lambda coalitions, games: (coalitions[:, 0] & coalitions[:, 1:].any(axis=1))[:, None].astype(float)
    >>> attribute(won, 3, calls=8).values.round(4).tolist()
    [[0.6667, 0.1667, 0.1667]]
    """
    least = _least(units)
    if calls < least:
        message = f"{calls:,} calls of the model are too few to tell {units:,} units apart."
        raise UsageError(message, fix=f"allow {least:,} calls or more")
    everyone = np.arange(games)
    ends = np.stack([np.zeros(units, bool), np.ones(units, bool)])[: 1 + (units > 0)]
    at_ends = values(ends, everyone)
    base, gain = at_ends[0], at_ends[-1] - at_ends[0]
    if units < 2:
        shape = (games, units)
        return Solution(
            np.tile(gain[:, None], (1, units)), np.zeros(shape), base, gain, np.full(games, len(ends), np.int64)
        )
    pairs = drawn(units, _pairs(units, calls), seed)
    found = np.zeros((games, units))
    errors = np.zeros((games, units))
    used = np.zeros(games, np.int64)
    gains = np.zeros((1 + len(pairs), games))
    gains[0] = gain
    going, done = everyone, 0
    for until in _looks(units, len(pairs), error):
        asked = pairs[done:until]
        told = values(np.concatenate([asked, ~asked]), going)
        gains[1 + done : 1 + until, going] = told[: len(asked)] - told[len(asked) :]
        solved = _smoother.solve(pairs[:until], gains[: 1 + until, going])
        found[going], errors[going], used[going] = solved.values, solved.errors, 2 + 2 * until
        done = until
        if error is not None:
            going = going[errors[going].max(axis=1) > error]
        if not len(going):
            break
    # A game that never moves has nothing to be unsure of, but for the digits of what foretells it.
    errors[~gains.any(axis=0)] = 0.0
    return Solution(found, errors, base, gain, used)


@functools.lru_cache(maxsize=32)
def drawn(units: int, pairs: int, seed: int) -> Array:
    """(pairs, units) boolean, one coalition of each pair: those with fewer units, and at half of them with the first.

    Neither the empty coalition nor that of all units is among them. They are in an order of which every beginning has
    equally many of each size, as long as there are any.
    """
    random = np.random.default_rng(derive(seed, "coalitions", units))
    counts = _counts(units, pairs)
    ranked: list[tuple[float, int, list[int]]] = []
    for size, count in counts.items():
        # The pairs at half of the units are both of that size, so they come half as often.
        pace = 2.0 if 2 * size == units else 1.0
        members = itertools.islice(_of_size(units, size, count, random), count)
        ranked += [(pace * (place + 0.5), size, chosen) for place, chosen in enumerate(members)]
    ranked.sort(key=lambda each: each[:2])
    found = np.zeros((len(ranked), units), bool)
    for row, (_, _, chosen) in enumerate(ranked):
        found[row, chosen] = True
    found.setflags(write=False)
    return found


def _least(units: int) -> int:
    """Calls without which units cannot be told apart. Raises UsageError for more units than can be."""
    if 2 * units > MOST:
        raise UsageError(
            f"{units:,} units are too many to explain: {2 * units:,} calls of the model a row would do, "
            f"of which {MOST:,} can be solved.",
            fix=f"explain rows in which at most {MOST // 2:,} columns differ from their usual value",
        )
    return int(min(2 * units, 2 ** min(units, 62)))


def _pairs(units: int, calls: int) -> int:
    """Pairs that calls are enough for, beside the two ends."""
    every = 2 ** min(units, 62)
    return int((min(calls, every if every <= MOST_EXACT and calls >= every else MOST) - 2) // 2)


def _looks(units: int, pairs: int, error: float | None) -> Iterator[int]:
    """After how many pairs games are solved: at the end, and where an error is asked for on the way."""
    if error is not None:
        look = max(FIRST // 2, units) - 1
        while look < pairs:
            yield look
            look *= 2
    yield pairs


def _counts(units: int, pairs: int) -> dict[int, int]:
    """How many pairs are asked about of each size of the smaller one."""
    there = {size: comb(units, size) // (2 if 2 * size == units else 1) for size in range(1, units // 2 + 1)}
    counts = dict.fromkeys(there, 0)
    pairs = min(pairs, sum(there.values()))
    given = turn = 0
    while given < pairs:
        for size in there:
            if counts[size] < there[size] and given < pairs and (2 * size < units or turn % 2):
                counts[size] += 1
                given += 1
        turn += 1
    return counts


def _of_size(units: int, size: int, count: int, random: np.random.Generator) -> Iterator[list[int]]:
    """Different coalitions of a size in a random order, of those at half of the units the ones with the first."""
    half = 2 * size == units
    if comb(units, size) <= _LISTED or 4 * count > comb(units, size):
        listed = [list(chosen) for chosen in itertools.combinations(range(units), size) if not half or chosen[0] == 0]
        yield from (listed[place] for place in random.permutation(len(listed)))
        return
    seen = set()
    while True:
        chosen = random.choice(units, size, replace=False)
        if half and 0 not in chosen:
            chosen = np.setdiff1d(np.arange(units), chosen)
        key = np.sort(chosen).tobytes()
        if key not in seen:
            seen.add(key)
            yield chosen.tolist()
