"""Exact Shapley values of sums of columns: each adds its weights times how far it is from its usual value."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Array
from luban.explainers._columns import Columns


def shapley(form: Any, weights: Array, read: Columns, game: int, units: Array) -> tuple[Array, float, float]:
    """What each unit adds to the weighted sums of the form `affine`, before its link; the sums without any unit, and
    with all.

    units: (units,) the number of the column of each.
    """
    each = np.asarray(form.weights @ weights)
    row, usual = read.rows[game], read.references.mean(axis=0)
    own, others = (np.asarray(some.todense()).ravel() if hasattr(some, "todense") else some for some in (row, usual))
    added = each * (own.astype(np.float64) - np.asarray(others, np.float64).ravel())
    values = np.bincount(read.source, weights=added, minlength=len(read.names))[units]
    whole = float(each @ own.astype(np.float64) + weights @ form.bias)
    return values, whole - float(values.sum()), whole
