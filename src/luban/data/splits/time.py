"""Time split: the latest rows are held out, so that the score is one for the future."""

from __future__ import annotations

from typing import final

import numpy as np

from luban.batch import Array
from luban.core.errors import DataError
from luban.data.splits._shares import held_out
from luban.protocols import Rows


@final
class Time:
    """Use it where the model will answer about what comes later. Rows of one moment stay together."""

    def holdout(self, rows: Rows, share: float, seed: int) -> Array:
        order = _order(rows)
        first = np.sort(order)[rows.count - held_out(rows.count, share)]
        mask = order >= first
        return mask if not mask.all() else order > order.min()

    def folds(self, rows: Rows, count: int, seed: int) -> Array:
        """Forward folds: the earliest rows only train (-1); each fold is answered by fits on what lies before it."""
        moments, place, sizes = np.unique(_order(rows), return_inverse=True, return_counts=True)
        count = min(count, len(moments) - 1)
        middle = np.cumsum(sizes) - sizes / 2
        block = np.minimum((middle * (count + 1) / rows.count).astype(np.int64), count)
        # Every block holds a moment, so that no fold is empty.
        block = np.unique(block, return_inverse=True)[1]
        return block[place] - 1


def _order(rows: Rows) -> Array:
    assert rows.order is not None, "the time split needs an order"
    if rows.count and np.all(rows.order == rows.order[0]):
        raise DataError("all rows are of one moment, so none is later.", fix="choose another --order")
    return rows.order


split = Time()
