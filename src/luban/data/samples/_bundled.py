"""The tables that scikit-learn carries, as CSV."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import polars as pl


def csv(values: Any, names: Sequence[str], target: str, answers: Sequence[Any]) -> bytes:
    """A table and its target as CSV. Whole numbers are written as such.

    >>> csv([[1.0, 0.5]], ["a", "b"], "y", ["x"])
    b'a,b,y\\n1,0.5,x\\n'
    """
    frame = pl.DataFrame(values, schema=list(names), orient="row").cast(pl.Float64)
    whole = [name for name in names if (frame[name] == frame[name].round()).all()]
    out = io.BytesIO()
    frame.with_columns(pl.col(whole).cast(pl.Int64), pl.Series(target, answers)).write_csv(out)
    return out.getvalue()
