"""That a bundle explains rows after it was opened again as it did before, and finds something in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import luban


def explained_again(bundle: luban.Bundle, rows: pl.DataFrame) -> None:
    """Fails where an attribution differs by more than 1e-6 of itself, or where all are alike."""
    assert bundle.path is not None
    before, after = (each.explain(rows, calls=64, units=8) for each in (bundle, luban.load(bundle.path)))
    told: list[float] = []
    for one, other in zip(before, after, strict=True):
        values, again = ({each.unit: each.attribution for each in found.attributions} for found in (one, other))
        assert again == pytest.approx(values, rel=1e-6, abs=1e-12)
        told += values.values()
    assert len(told) > 1 and np.ptp(told) > 0
