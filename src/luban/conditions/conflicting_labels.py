"""Rows with the same inputs and different classes: whatever a model answers, some of them are wrong.

Signal: the share of training rows whose input values all equal those of a row of another class; where texts are
written, those of a row with another text. Threshold 0.5% and at least 5 rows (luban's catalogue). Silent where values
are so coarse that rows agree by coincidence, that is where most rows have a twin: then classes overlap, and no label is
at fault. No edit: luban cannot know which row is right. Advice: correct the rows, or add a column that tells them
apart.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Ragged
from luban.data.twins import row_keys
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination

THRESHOLD = 0.005
FEWEST = 5
COARSE = 0.5
"""Share of rows with a twin, above which values are too coarse to accuse a label."""


def examine(examination: Examination) -> list[Finding]:
    target = examination.train_target
    columns = [column.name for column in examination.schema.inputs]
    if target is None or not columns or len(target) < FEWEST:
        return []
    texts = isinstance(target, Ragged)
    if isinstance(target, Ragged):
        # Equal texts have equal codes.
        target = np.unique(target.texts(), return_inverse=True)[1]
    _, group, sizes = np.unique(row_keys(examination.train, columns), return_inverse=True, return_counts=True)
    known = target >= 0
    low, high = np.full(len(sizes), np.iinfo(np.int64).max), np.full(len(sizes), -1)
    np.minimum.at(low, group[known], target[known])
    np.maximum.at(high, group[known], target[known])
    conflicting = (low[group] < high[group]) & known
    share = float(conflicting.mean())
    if share <= THRESHOLD or conflicting.sum() < FEWEST or (sizes[group] > 1).mean() > COARSE:
        return []
    rows = tuple(int(row) for row in examination.train_rows[np.flatnonzero(conflicting)[:100]])
    first = group[np.flatnonzero(conflicting)[0]]
    pair = examination.train_rows[np.flatnonzero((group == first) & known)][:2]
    other, cure = ("of another class", "Correct their classes, or add a column in which they differ.")
    if texts:
        other, cure = (
            "with another text to be written",
            "Keep the better text of each, or leave them if both are right.",
        )
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(rows=rows),
            evidence=Signal(f"share of rows with an equal row {other}", share, THRESHOLD, len(target)),
            text=(
                f"{int(conflicting.sum()):,} training rows ({share:.1%}, threshold {THRESHOLD:.1%}) have the same "
                f"inputs as a row {other}, for example rows {pair[0]} and {pair[1]}. No model can tell them apart. "
                f"{cure}"
            ),
        )
    ]


condition = Condition(
    id="conflicting-labels",
    group="data",
    summary="rows with the same inputs and different classes",
    examine=examine,
    tasks=frozenset({"binary", "multiclass", "sequence-to-sequence"}),
)
