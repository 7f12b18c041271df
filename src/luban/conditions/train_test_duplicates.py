"""Test rows that are copies of training rows: the score then rewards memory (a leak of the split).

Definition: a test row whose input values all equal those of a training row (an exact twin). Signal: the share of test
rows with such a twin that is no coincidence of coarse values: where values are coarse, rows also abound that agree in
all columns but one, and copies come without them. Threshold 1% of the test rows and at least 2 of them (clean digits,
breast cancer and wine have 0.0%; 10% injected gives 9 to 12%). Origin: deepchecks' train-test samples mix, cleanlab's
near duplicates. A text that is to be translated or summed up is no coarse value: there each twin counts. Silent on such
coincidences and when the recipe drops these rows already. Repair: leave the copies out of the test rows. Proven
structurally: none is left.
"""

from __future__ import annotations

import numpy as np

from luban.data.twins import almost, row_keys, seen_in
from luban.evidence.finding import Finding, Signal, Where
from luban.protocols import Condition, Examination
from luban.recipe.edit import RecipeEdit

THRESHOLD = 0.01
FEWEST = 2
WRITTEN = "sequence-to-sequence"
SEVERE = 0.1
"""Beyond this share the score cannot be trusted."""


def examine(examination: Examination) -> list[Finding]:
    train, test = examination.train, examination.test
    tested, kinds = frozenset(test.columns), train.schema
    columns = [column.name for column in examination.schema.inputs if column.name in tested]
    if examination.recipe.split.duplicates == "drop" or not columns or test.is_empty() or train.is_empty():
        return []
    test = test.cast({column: kinds[column] for column in columns}, strict=False)
    twins = seen_in(row_keys(test, columns), row_keys(train, columns))
    by_chance = twins.any() and examination.task.name != WRITTEN
    copies = twins & ~almost(test, train, columns) if by_chance else twins
    # In a sample of the training rows a test row meets its twin only that often.
    sampled = len(train) / max(len(train), round(examination.rows * len(train) / (len(train) + len(test))))
    share = min(1.0, float(copies.mean()) / sampled)
    if copies.sum() < FEWEST or share <= THRESHOLD:
        return []
    rows = tuple(int(row) for row in examination.test_rows[np.flatnonzero(twins)[:100]])
    return [
        Finding(
            condition=condition.id,
            severity="severe" if share > SEVERE else "warning",
            where=Where(rows=rows),
            evidence=Signal("share of test rows that copy a training row", share, THRESHOLD, len(test)),
            text=(
                f"{share:.1%} of the test rows have the same inputs as a training row (threshold {THRESHOLD:.0%}), for "
                f"example row {rows[0]}. A model can answer them from memory, so the score would be too good. "
                "Leave them out of the test rows: --set split.duplicates=drop."
            ),
            edits=(
                RecipeEdit("split.duplicates", "keep", "drop", f"{share:.1%} of the test rows copy a training row"),
            ),
        )
    ]


condition = Condition(
    id="train-test-duplicates",
    group="data",
    summary="test rows that are copies of training rows",
    examine=examine,
    tasks=frozenset(
        {"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly", WRITTEN}
    ),
    proof="structural",
)
