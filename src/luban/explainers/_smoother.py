"""From the values of some coalitions to Shapley values, each with its standard error.

A game is taken for a draw of a Gaussian process on coalitions, and its Shapley values for what they are expected to be
given the values that are known. The covariance of two coalitions with `a` units in which they agree and `d` in which
they differ is (1 + r)^a (1 - r)^d: each product of k units weighs r^k, so r says how fast the weight of interactions
falls with their order. What is of no low order is independent noise, a share `t` of the variance. Every r is tried with
every t. Each such process counts by the likelihood with which each value is foretold by the others, which gives the
scale of its errors as well; how far processes that count are apart adds to the standard errors.

Shapley values are linear in a game, so what they are expected to be is a product of a matrix and the known values; it
depends on the coalitions alone, and is worked out once for all games. Only the odd part of a game is looked at: the
difference of a coalition and what it leaves out.

The least squares that are usually solved here (Lundberg and Lee, KernelSHAP) are what is left as `r` falls to 0, where
a game has no interactions.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from math import comb

import numpy as np

from luban.batch import Array

ORDERS = (0.01, 0.25, 1.0, 4.0)
"""`r` times the number of units. With the smallest, a game whose interactions are of pairs alone is found out as it is:
what is odd of it is a sum."""
NOISES = (1e-8, 1e-5, 1e-3, 0.03, 0.1, 0.3, 1.0)
"""`t`."""
TRUST = 0.5
"""The power of the likelihood by which processes count. Values that are foretold by each other are not independent, so
a likelihood is too sure of itself. Chosen, like the grids, on games that no benchmark scores."""
FLOOR = 1e-6
"""Standard errors are no smaller, as a share of the known differences: a process cannot know more."""
_STEEPEST = 0.9
_NODES = 64
"""Nodes of the quadrature: integrals of powers that stay below exp(8) have no error that is seen."""
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Solved:
    """values, errors: (games, units) float64."""

    values: Array
    errors: Array


@dataclass(frozen=True, eq=False)
class _Process:
    """What conditions on coalitions for one `r`, and any `t`.

    roots, vectors: of the covariance of the known differences. cross: (known, units) their covariance with Shapley
    values, turned into the basis of the vectors; spread: of the Shapley values themselves, before anything is known.
    white_cross, white_spread: the same of noise.
    """

    roots: Array
    vectors: Array
    cross: Array
    spread: float
    white_cross: Array
    white_spread: float


def solve(pairs: Array, gains: Array) -> Solved:
    """The Shapley values of games of which some coalitions are known.

    pairs: (pairs, units) boolean, one coalition of each pair. gains: (1 + pairs, games) by how much all units are above
    none, and then each coalition above what it leaves out.

    The values add up to the first of the gains. They are exact where every pair is there.
    """
    units = pairs.shape[1]
    if len(pairs) == 2 ** (units - 1) - 1:
        values = gains.T @ _weights(_known(pairs))
        return Solved(_adding_up(values, gains[0]), np.zeros_like(values))
    # Told by its bytes, the matrix of coalitions is a key of the cache.
    processes = _processes(np.packbits(pairs).tobytes(), *pairs.shape)
    foretold = [each for process in processes for each in _foretold(process, gains)]
    unlikely, values, variances = (np.stack(parts) for parts in zip(*foretold, strict=True))
    counts: Array = np.exp(-TRUST / 2 * len(pairs) * (unlikely - unlikely.min(axis=0)))[..., None]
    counts /= counts.sum(axis=0)
    mean = (counts * values).sum(axis=0)
    variance = (counts * (variances + (values - mean) ** 2)).sum(axis=0)
    variance += FLOOR**2 * (gains**2).mean(axis=0)[:, None]
    return Solved(_adding_up(mean, gains[0]), np.sqrt(variance))


def _foretold(process: _Process, gains: Array) -> Iterator[tuple[Array, Array, Array]]:
    """For each noise: (games,) twice the negative log-likelihood of a value; (games, units) values and variances."""
    turned = process.vectors.T @ gains
    squares = process.vectors**2
    for noise in NOISES:
        inverse = 1 / (process.roots + noise)
        spreads = 1 / (squares @ inverse)[1:, None]
        missed = (process.vectors[1:] @ (inverse[:, None] * turned)) * spreads
        scale = np.maximum((missed**2 / spreads).mean(axis=0), _TINY)
        cross = process.cross + noise * process.white_cross
        told = np.einsum("pu,p,pu->u", cross, inverse, cross)
        left = np.maximum(process.spread + noise * process.white_spread - told, 0.0)
        values = turned.T @ (inverse[:, None] * cross)
        yield np.log(spreads).mean() + np.log(scale), values, scale[:, None] * left


def _adding_up(values: Array, gain: Array) -> Array:
    """The values, of which rounding errors were taken away: they add up to the gain."""
    moved: Array = values + ((gain - values.sum(axis=1)) / values.shape[1])[:, None]
    return moved


def _known(pairs: Array) -> Array:
    """The coalition of all units, and then those of the pairs."""
    return np.concatenate([np.ones((1, pairs.shape[1]), bool), pairs])


def _weights(known: Array) -> Array:
    """(known, units) what the difference of a coalition and what it leaves out adds to the Shapley value of each unit.

    1 / (k C(n, k)) to each of the k units in the coalition, and less 1 / ((n - k) C(n, k)) to the others.
    """
    units, sizes = known.shape[1], known.sum(axis=1)
    each = np.array([0.0] + [1 / (size * comb(units, size)) for size in range(1, units + 1)])
    weights: Array = np.where(known, each[sizes][:, None], -each[units - sizes][:, None])
    return weights


@functools.lru_cache(maxsize=4)
def _processes(packed: bytes, pairs: int, units: int) -> tuple[_Process, ...]:
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=pairs * units)
    known = _known(bits.reshape(pairs, units).astype(bool))
    # A difference that is noise has the variance 1, so the Shapley values of noise have that of their weights.
    spread = sum(1 / (units * size * comb(units, size)) for size in range(1, units + 1))
    return tuple(_process(known, min(order / units, _STEEPEST), _weights(known), spread) for order in ORDERS)


def _process(known: Array, r: float, white: Array, white_spread: float) -> _Process:
    units = known.shape[1]
    signs = 2.0 * known - 1
    agree = (units + signs @ signs.T) / 2
    differ = units - agree
    covariance = 2 * ((1 + r) ** agree * (1 - r) ** differ - (1 + r) ** differ * (1 - r) ** agree)
    # The Shapley value is an integral over the share q of units that stay, here with u = 2q - 1 from -1 to 1: of a
    # product it is the product of the other units' expectations, 1 + ru for each that is in the coalition, else 1 - ru.
    nodes, weights = np.polynomial.legendre.leggauss(min(units // 2 + 2, _NODES))
    others = np.arange(units)[:, None]
    expected = ((1 + r * nodes) ** others * (1 - r * nodes) ** (units - 1 - others)) @ weights / 2
    sizes = known.sum(axis=1)
    within, without = expected[np.maximum(sizes - 1, 0)][:, None], expected[np.minimum(sizes, units - 1)][:, None]
    # Odd as it is, the Shapley value varies with a difference twice as it does with one of both.
    cross = 4 * r * np.where(known, within, -without)
    spread = 4 * r * float(weights @ (1 + r * np.outer(nodes, nodes)) ** (units - 1) @ weights) / 4
    unit = covariance[0, 0]
    roots, vectors = np.linalg.eigh(covariance / unit)
    return _Process(
        roots=np.maximum(roots, 0.0),
        vectors=vectors,
        cross=vectors.T @ (cross / unit),
        spread=spread / unit,
        white_cross=vectors.T @ white,
        white_spread=white_spread,
    )
