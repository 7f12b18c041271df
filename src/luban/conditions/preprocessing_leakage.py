"""Columns that were scaled before the split: their mean and spread were taken from test rows too.

Signal: a number column whose mean over training and test rows together is 0, and whose standard deviation (or root of
the sum of squares) over them is 1, to 9 digits, while over the training rows alone it is not. By chance that does not
happen. Threshold 1e-9 (an exact check of luban's catalogue; 1e-6 for values stored in 32 bits). Silent where data was
sampled, where rows were dropped, and where training rows alone have these statistics. No edit can undo it; advice: give
the raw columns, and luban scales them by training rows.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.data.values import floats
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination

EXACT = 1e-9
SINGLE = 1e-6
"""Where values are stored in 32 bits, or were rounded when they were written."""
FEWEST = 20


def examine(examination: Examination) -> list[Finding]:
    both = len(examination.train) + len(examination.test)
    if both < FEWEST or both < examination.rows or examination.test.is_empty():
        return []
    columns = [column.name for column in examination.schema.inputs if column.kind == "number"]
    tested = frozenset(examination.test.columns)
    scaled = [column for column in columns if column in tested and _scaled(examination, column)]
    if not scaled:
        return []
    shown = ", ".join(f"'{column}'" for column in scaled[:3]) + (", ..." if len(scaled) > 3 else "")
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(column=scaled[0] if len(scaled) == 1 else None),
            evidence=Signal("columns scaled over training and test rows together", float(len(scaled)), 0.0, both),
            text=(
                f"{len(scaled)} of {len(columns)} number columns ({shown}) have mean 0 and spread 1 over training and "
                "test "
                "rows together, not over the training rows: they were scaled before the split, so training rows know "
                "something of the test rows. Give the raw columns; luban scales them by the training rows."
            ),
        )
    ]


def _scaled(examination: Examination, column: str) -> bool:
    train, test = floats(examination.train[column]), floats(examination.test[column])
    whole = np.concatenate([train, test])
    # What float32 cannot hold is not scaled, nor is what is not finite.
    if not (np.abs(whole) <= np.finfo(np.float32).max).all() or np.all(whole == whole[0]):
        return False
    close = SINGLE if np.array_equal(whole, whole.astype(np.float32)) else EXACT
    return _is_unit(whole, close) and not _is_unit(train, close)


def _is_unit(values: Array, close: float) -> bool:
    spread = values.std()
    spreads = np.array([spread, values.std(ddof=1), np.sqrt(np.sum(values**2))])
    return bool(abs(values.mean()) <= close * spread and np.abs(spreads - 1).min() <= close)


condition = Condition(
    id="preprocessing-leakage",
    group="data",
    summary="columns that were scaled over test rows too",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
)
