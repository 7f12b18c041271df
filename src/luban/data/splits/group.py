"""Group split: rows that share a group are on one side, so that the score is one for groups never seen."""

from __future__ import annotations

from typing import final

import numpy as np

from luban.batch import Array
from luban.core.errors import DataError
from luban.data.splits._shares import held_out
from luban.protocols import Rows


@final
class Group:
    """Use it where several rows describe one person, machine or place."""

    def holdout(self, rows: Rows, share: float, seed: int) -> Array:
        """Whole groups in a random order, until the share is reached as nearly as they allow."""
        group, sizes = _groups(rows, 2)
        order = np.random.default_rng(seed).permutation(len(sizes))
        total = np.cumsum(sizes[order])
        wanted = held_out(rows.count, share)
        most = max(int(np.argmin(np.abs(total - wanted))) + 1, 1)
        chosen = order[: min(most, len(sizes) - 1)]
        return np.isin(group, chosen)

    def folds(self, rows: Rows, count: int, seed: int) -> Array:
        """The largest groups first, each to the fold that has the fewest rows of its kind; of several, the smallest."""
        group, sizes = _groups(rows, 2)
        count = min(count, len(sizes))
        kinds = _kinds(rows)
        held = np.zeros((len(sizes), kinds.max() + 1))
        np.add.at(held, (group, kinds), 1)
        shares = held / held.sum(axis=0)
        order = np.random.default_rng(seed).permutation(len(sizes))
        order = order[np.argsort(-sizes[order], kind="stable")]
        filled, rows_in = np.zeros((count, shares.shape[1])), np.zeros(count)
        fold_of = np.empty(len(sizes), dtype=np.int64)
        for number in order:
            # What each fold would hold beyond an even share, for the kinds of row that this group has.
            beyond = (filled * (shares[number] > 0)).sum(axis=1).round(9)
            fold = int(np.lexsort((rows_in, beyond))[0])
            fold_of[number] = fold
            filled[fold] += shares[number]
            rows_in[fold] += sizes[number]
        return fold_of[group]


def _groups(rows: Rows, fewest: int) -> tuple[Array, Array]:
    """The group of each row as a code from 0, and how many rows each group has."""
    assert rows.groups is not None, "the group split needs groups"
    distinct, group, sizes = np.unique(rows.groups, return_inverse=True, return_counts=True)
    if len(distinct) < fewest:
        raise DataError(
            "all rows share one group, so none can be held out.",
            fix="choose another --group, or --set split.kind=random",
        )
    return group, sizes


def _kinds(rows: Rows) -> Array:
    if rows.discrete and rows.target is not None and rows.target.ndim == 1:
        return np.unique(rows.target, return_inverse=True)[1]
    return np.zeros(rows.count, dtype=np.int64)


split = Group()
