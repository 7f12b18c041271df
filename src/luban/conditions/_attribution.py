"""Which kind of change explains what newer rows show: other shares of the target, or other inputs.

Other shares of the classes alone (label shift) leave the rows of each class as they were. So the older rows are weighed
to have the new shares: where the columns that changed are then half as far apart or less, the shares explain them.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from luban.batch import Array
from luban.conditions import _together
from luban.conditions._spreads import CHANCE, DISTANCE, STABILITY, THRESHOLDS, VARIATION, Change, change, measured
from luban.core.seed import derive
from luban.evidence.reference import Spread
from luban.protocols import Comparison

DRAWS = 1_000
MOST_CLASSES = 50
TOLD_APART = 0.1
"""The smallest singular value of the confusions, as shares of each class, with which answers tell shares."""


@dataclass(frozen=True, eq=False)
class Shares:
    """The shares of the target before and now, beyond chance and by much.

    before, now: (classes + 1,) shares, the last of unknown classes; or (strata,) of bins of values.
    value: how far they are apart, by `measure`. low, high: the 95% interval of it.
    chance: what the value must surpass.
    seen: whether the target of the newer rows is known; else the shares are estimated from answers.
    """

    before: Array
    now: Array
    measure: str
    value: float
    low: float
    high: float
    chance: float
    n: int
    seen: bool


@dataclass(frozen=True, eq=False)
class Attributed:
    """changed: all columns that changed. shares: the change of the target, where it explains them; else None.

    left: those that lie more than half as far apart as before when the shares are made equal.
    reason: why shares cannot be told.
    pairs: columns that go together otherwise, which neither changed columns nor the shares explain.
    """

    changed: list[Change]
    shares: Shares | None
    left: list[Change]
    reason: str | None = None
    pairs: tuple[_together.Pair, ...] = ()


@functools.lru_cache(maxsize=1)
def attributed(comparison: Comparison) -> Attributed:
    """What changed, and by what; computed once for all that ask."""
    before = measured(comparison)
    found = _by_columns(comparison, before)
    moved = frozenset(each.spread.name for each in before if each.counts)
    shares = found.shares
    pairs = _together.unlike(comparison, moved, None if shares is None else shares.now)
    if pairs and shares is not None and not shares.seen:
        # Answers tell shares only where the rows of a class are as they were.
        return replace(found, shares=None, left=found.changed, pairs=tuple(pairs))
    return replace(found, pairs=tuple(pairs))


def _by_columns(comparison: Comparison, before: list[Change]) -> Attributed:
    """What changed in single columns, and by what. before: how all of them lie."""
    changed = _largest_first(before)
    try:
        shares = of_target(comparison)
    except ValueError as reason:
        return Attributed(changed, None, changed, str(reason))
    if shares is None:
        return Attributed(changed, None, changed)
    if not any(spread.counts.shape[1] == len(shares.now) for spread, _ in comparison.columns):
        # Without counts by class nothing can be weighed, so a changed column is left unexplained.
        return Attributed(changed, None if changed else shares, changed)
    pairs = list(zip(before, measured(comparison, shares.now), strict=True))
    apart = sum(old.apart for old, _ in pairs if old.counts)
    still = sum(new.apart for old, new in pairs if old.counts or new.counts)
    if 4 * still > apart:
        return Attributed(changed, None, changed)
    left = [new for old, new in pairs if new.counts and 4 * new.apart > old.apart]
    return Attributed(changed, shares, _largest_first(left))


def _largest_first(found: list[Change]) -> list[Change]:
    return sorted((change for change in found if change.counts), key=lambda change: -change.times)


def of_target(comparison: Comparison) -> Shares | None:
    """How the shares of the target changed; None where they did not, beyond chance and by much.

    Raises ValueError, in words, where that cannot be told.
    """
    if comparison.known is not None:
        return _seen(*comparison.known, comparison.seed)
    if not comparison.classes:
        raise ValueError("the newer rows do not say their target, and shares of values cannot be told from answers.")
    if comparison.confusion is None:
        raise ValueError("the bundle holds no confusions of its test rows.")
    return _estimated(comparison.confusion, np.asarray(comparison.answers.prediction), comparison.seed)


def _seen(spread: Spread, bins: Array, seed: int) -> Shares | None:
    """From the targets of the newer rows themselves; rows without one do not count."""
    there = np.arange(spread.bins) < spread.bins - 1
    older = Spread(spread.name, spread.kind, spread.bounds, spread.counts * there[:, None])
    found = change(older, bins[there[bins]])
    if found.q >= CHANCE or not found.large or found.measure == STABILITY:
        return None
    random = np.random.default_rng(derive(seed, "shares"))
    drawn = random.multinomial(found.n, found.new, DRAWS) / found.n
    apart = drawn - found.old
    values = (
        np.abs(np.cumsum(apart, axis=1)).max(axis=1) if found.measure == DISTANCE else np.abs(apart).sum(axis=1) / 2
    )
    low, high = np.quantile(values, [0.025, 0.975])
    low, high = min(float(low), found.value), max(float(high), found.value)
    return Shares(
        found.old[:-1], found.new[:-1], found.measure, found.value, low, high, found.threshold, found.n, True
    )  # fmt: skip


def _estimated(confusion: Array, prediction: Array, seed: int) -> Shares | None:
    """Black box shift estimation (Lipton, Wang and Smola, 2018): the shares that explain the answers.

    The answers of each class stay as they were on test rows, so the shares solve: recall x shares = answers. Chance is
    what 99 of 100 draws without a change stay below, test rows and newer rows both drawn again.
    """
    classes, rows = len(confusion), int(confusion.sum())
    counts = np.bincount(prediction, minlength=classes)
    of_class = confusion.sum(axis=1)
    if classes > MOST_CLASSES or not (of_class > 0).all():
        raise ValueError(f"the test rows hold too few rows of some of the {classes} classes.")
    recall = (confusion / of_class[:, None]).T
    if np.linalg.svd(recall, compute_uv=False).min() < TOLD_APART:
        raise ValueError("the bundle tells the classes apart too badly for their shares to be seen in its answers.")
    before = of_class / rows
    now = _solved(confusion[None].astype(np.float64), counts[None] / counts.sum())[0]
    value = float(np.abs(now - before).sum() / 2)
    random = np.random.default_rng(derive(seed, "shares"))
    tested = (
        random.multinomial(rows, confusion.ravel() / rows, DRAWS).reshape(DRAWS, classes, classes).astype(np.float64)
    )
    still = random.multinomial(counts.sum(), confusion.sum(axis=0) / rows, DRAWS) / counts.sum()
    chance = float(np.quantile(_variation(tested, still), 1 - CHANCE))
    again = random.multinomial(counts.sum(), counts / counts.sum(), DRAWS) / counts.sum()
    low, high = np.quantile(_variation(tested, again), [0.025, 0.975])
    bound = max(THRESHOLDS[VARIATION], chance)
    if value <= bound:
        return None
    # No answer is of another class than those that are known.
    before, now = np.append(before, 0.0), np.append(now, 0.0)
    return Shares(
        before, now, VARIATION, value, min(float(low), value), max(float(high), value), bound, int(counts.sum()), False
    )  # fmt: skip


def _variation(confusion: Array, answered: Array) -> Array:
    """(draws,) half the sum of the differences of the shares that are estimated and those of the test rows."""
    before = confusion.sum(axis=2) / confusion.sum(axis=(1, 2))[:, None]
    return np.asarray(np.abs(_solved(confusion, answered) - before).sum(axis=1) / 2)


def _solved(confusion: Array, answered: Array) -> Array:
    """(draws, classes) the shares, from (draws, classes, classes) confusions and (draws, classes) shares of answers."""
    of_class = confusion.sum(axis=2, keepdims=True)
    recall = np.divide(confusion, of_class, out=np.zeros_like(confusion), where=of_class > 0).transpose(0, 2, 1)
    shares = np.clip((np.linalg.pinv(recall) @ answered[:, :, None])[:, :, 0], 0.0, None)
    return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12))
