"""Random split: every row has the same chance to be held out."""

from __future__ import annotations

from typing import final

import numpy as np

from luban.batch import Array
from luban.data.splits._shares import held_out
from luban.protocols import Rows


@final
class Random:
    """Use it where rows have nothing to do with each other."""

    def holdout(self, rows: Rows, share: float, seed: int) -> Array:
        chosen = np.random.default_rng(seed).permutation(rows.count)[: held_out(rows.count, share)]
        mask = np.zeros(rows.count, dtype=bool)
        mask[chosen] = True
        return mask

    def folds(self, rows: Rows, count: int, seed: int) -> Array:
        folds = np.empty(rows.count, dtype=np.int64)
        folds[np.random.default_rng(seed).permutation(rows.count)] = np.arange(rows.count) % count
        return folds


split = Random()
