"""Exact Shapley values of trees, of a row beside another one: a leaf at a time, over the leaves that can be reached.

A unit that stays has the row's numbers, one that is left out those of the other row. On the way to a leaf, units whose
row passes every node while the other one does not must stay (P of them, p in number), and those of which the other row
alone passes must be left out (N, q). The leaf is a game that is worth its value v with all of P and none of N, so each
unit of P has (p - 1)! q! / (p + q)! of v, and one of N has less p! (q - 1)! / (p + q)! of it (Lundberg et al., 2020,
arXiv 1905.04610, the interventional algorithm). Leaves that neither way leads to are never visited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban.batch import Array

WORD = 64
"""Units of which one word of a mask tells."""
_BITS = 1 << 22
"""Bits of masks that are spread out at once."""
_STARTS = 1 << 16
"""Pairs and trees that are begun at once."""


@dataclass(frozen=True, eq=False)
class Game:
    """values: (pairs, units) float64. base, whole: (pairs,) the sums without any unit and with all."""

    values: Array
    base: Array
    whole: Array


@dataclass(frozen=True, eq=False)
class _Way:
    """Ways into trees. pair, tree, node: (ways,) int64. own, other: (ways, words) uint64, the masks of P and N."""

    pair: Array
    tree: Array
    node: Array
    own: Array
    other: Array

    def __getitem__(self, some: Any) -> _Way:
        return _Way(*(each[some] for each in vars(self).values()))

    def __len__(self) -> int:
        return len(self.pair)

    def to(self, node: Array) -> _Way:
        return _Way(self.pair, self.tree, node, self.own, self.other)


def shapley(forest: Any, weights: Array, rows: Array, others: Array, units: Array, count: int) -> Game:
    """What each unit adds to the weighted sums of the form `trees`, before its link.

    weights: (sums,). rows, others: (pairs, width) float32. units: (width,) int64, of `count`, which each number
    belongs to; numbers of a unit are there or left out together.
    """
    scaled = weights * forest.scale
    # Trees of sums that weigh nothing need not be walked.
    spread = forest.values.shape[1]
    reach = np.array([np.abs(scaled[first : first + spread]).sum() for first in range(len(scaled))])
    trees = np.flatnonzero(reach[forest.columns] > 0)
    game = Game(np.zeros((len(rows), count)), np.zeros(len(rows)), np.zeros(len(rows)))
    step = max(1, _STARTS // max(len(trees), 1))
    for first in range(0, len(rows), step):
        pairs = np.arange(first, min(first + step, len(rows)))
        for way in _ends(forest, _begun(forest, trees, pairs, count), rows, others, units):
            _settle(game, way, _worth(forest, scaled, way), count)
    constant = float(weights @ forest.base)
    return Game(game.values, game.base + constant, game.whole + constant)


def _begun(forest: Any, trees: Array, pairs: Array, count: int) -> _Way:
    tree = np.tile(trees, len(pairs))
    none = np.zeros((len(tree), -(-count // WORD)), np.uint64)
    return _Way(np.repeat(pairs, len(trees)), tree, forest.roots[tree].astype(np.int64), none, none)


def _ends(forest: Any, way: _Way, rows: Array, others: Array, units: Array) -> Iterator[_Way]:
    """The ways that end at leaves. The deepest go on first, so few of them are open at a time."""
    most = max(_BITS // (WORD * way.own.shape[1]), 1)
    open_ways = [way[first : first + most] for first in range(0, len(way), most)]
    while open_ways:
        way = open_ways.pop()
        ended = way.node < 0
        if ended.any():
            yield way[ended]
            way = way[~ended]
        if len(way):
            way = _next(forest, way, rows, others, units)
            open_ways += [way[first : first + most] for first in range(0, len(way), most)]


def _next(forest: Any, way: _Way, rows: Array, others: Array, units: Array) -> _Way:
    """One node further; a way parts where the two rows part for the first time in a unit."""
    feature, threshold = forest.features[way.node], forest.thresholds[way.node]
    mine = forest.children[way.node, (rows[way.pair, feature] <= threshold).astype(np.int64)].astype(np.int64)
    theirs = forest.children[way.node, (others[way.pair, feature] <= threshold).astype(np.int64)].astype(np.int64)
    unit = units[feature]
    word, bit = unit // WORD, np.uint64(1) << (unit % WORD).astype(np.uint64)
    ways = np.arange(len(way))
    left_out = (way.other[ways, word] & bit) != 0
    parts = (mine != theirs) & ~left_out & ((way.own[ways, word] & bit) == 0)
    on = way.to(np.where(left_out, theirs, mine))
    if not parts.any():
        return on
    leaving = np.flatnonzero(parts)
    own, other = on.own.copy(), way.other[leaving]
    own[leaving, word[leaving]] |= bit[leaving]
    other[np.arange(len(leaving)), word[leaving]] |= bit[leaving]
    return _Way(
        np.concatenate([way.pair, way.pair[leaving]]),
        np.concatenate([way.tree, way.tree[leaving]]),
        np.concatenate([on.node, theirs[leaving]]),
        np.concatenate([own, way.own[leaving]]),
        np.concatenate([way.other, other]),
    )


def _worth(forest: Any, scaled: Array, way: _Way) -> Array:
    """(ways,) float64: what the leaf of each adds to the sum."""
    values = forest.values[~way.node].astype(np.float64)
    first = forest.columns[way.tree]
    return np.asarray(sum(values[:, k] * scaled[first + k] for k in range(values.shape[1])))


def _settle(game: Game, way: _Way, worth: Array, count: int) -> None:
    """Shares out what leaves are worth among the units that lead there."""
    own, other = _spread(way.own, count), _spread(way.other, count)
    p, q = own.sum(axis=1), other.sum(axis=1)
    np.add.at(game.base, way.pair[p == 0], worth[p == 0])
    np.add.at(game.whole, way.pair[q == 0], worth[q == 0])
    orders = _choices(p + q, p)
    flat = game.values.reshape(-1)
    for there, number, sign in ((own, p, 1.0), (other, q, -1.0)):
        at, unit = np.nonzero(there)
        share = sign * worth[at] / (number[at] * orders[at])
        flat += np.bincount(way.pair[at] * count + unit, weights=share, minlength=len(flat))


def _spread(masks: Array, count: int) -> Array:
    """(ways, count) boolean."""
    bits = (masks[:, :, None] >> np.arange(WORD, dtype=np.uint64)) & np.uint64(1)
    return np.asarray(bits.reshape(len(masks), -1)[:, :count] != 0)


def _choices(of: Array, some: Array) -> Array:
    """(ways,) float64: in how many ways some of these can be chosen."""
    from scipy.special import comb

    return np.asarray(comb(of, some))
