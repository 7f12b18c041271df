"""Stratified split: every class has its share of the rows that are held out."""

from __future__ import annotations

from typing import final

import numpy as np

from luban.batch import Array
from luban.data.splits._shares import held_out
from luban.protocols import Rows


@final
class Stratified:
    """The default for classes. Multilabel rows are random ones: their combinations are too many to share out."""

    def holdout(self, rows: Rows, share: float, seed: int) -> Array:
        """A class of one row stays on the side that trains."""
        order = _by_class(rows, seed)
        target = _codes(rows)
        total = held_out(rows.count, share)
        counts = np.bincount(target)
        # The largest remainders get the rows that are left after each class has its whole part.
        wanted = counts * (total / rows.count)
        taken = np.floor(wanted).astype(np.int64)
        most = np.maximum(counts - 1, 0)
        for code in np.argsort(taken - wanted, kind="stable"):
            if taken.sum() < total and taken[code] < most[code]:
                taken[code] += 1
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        place = np.arange(rows.count) - starts[target[order]]
        mask = np.zeros(rows.count, dtype=bool)
        mask[order[place < taken[target[order]]]] = True
        if not mask.any():
            mask[order[np.argmax(counts[target[order]])]] = True
        return mask

    def folds(self, rows: Rows, count: int, seed: int) -> Array:
        folds = np.empty(rows.count, dtype=np.int64)
        # Dealt out class after class, so that both classes and folds come out even.
        folds[_by_class(rows, seed)] = np.arange(rows.count) % count
        return folds


def _codes(rows: Rows) -> Array:
    if rows.target is None or rows.target.ndim > 1:
        return np.zeros(rows.count, dtype=np.int64)
    return rows.target.astype(np.int64)


def _by_class(rows: Rows, seed: int) -> Array:
    """(rows,) the numbers of the rows in a random order, class after class."""
    order = np.random.default_rng(seed).permutation(rows.count)
    return order[np.argsort(_codes(rows)[order], kind="stable")]


split = Stratified()
