"""Infinite values in the data: numbers that arithmetic made and that no model can use.

A missing value (null or NaN) is a fact about the row and is no fault; an infinity is the trace of a division by zero or
an overflow before the data came here. Signal: how many values of a column are infinite. Threshold 0. Source: a check of
every training monitor (AutoTrainer, DeepDiagnosis, SageMaker Debugger). Silent when every number is finite in the 32
bits that models compute in. Repairs: luban encodes an infinity as a missing value, fitted on training rows; a column
that holds nothing else is dropped. Proven by the absence of infinities.
"""

from __future__ import annotations

import numpy as np

from luban.conditions import _training
from luban.data.values import floats
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.trace import Trace
from luban.protocols import Condition, Examination
from luban.recipe.edit import RecipeEdit, dropping

THRESHOLD = 0.0
"""Any infinity is one too many."""
MOSTLY = 0.5
"""A column of which more than this share of its values is infinite says little."""
LARGEST = float(np.finfo(np.float32).max)


def examine(examination: Examination) -> list[Finding]:
    found = [_judge(examination, column.name) for column in examination.schema.inputs if column.kind == "number"]
    target = examination.schema.one("target")
    if target is not None and examination.task.name == "regression":
        found.append(_judge(examination, target.name))
    return sorted((finding for finding in found if finding), key=lambda finding: -finding.evidence.value)


def _judge(examination: Examination, column: str) -> Finding | None:
    infinite, values, rows = 0, 0, []
    for frame, numbers in ((examination.train, examination.train_rows), (examination.test, examination.test_rows)):
        held = frame.get_column(column, default=None)
        if held is None:
            continue
        seen = floats(held)
        beyond = np.abs(seen) > LARGEST
        infinite += int(beyond.sum())
        values += int((~np.isnan(seen)).sum())
        rows += [int(row) for row in numbers[np.flatnonzero(beyond)[:100]]]
    if not infinite:
        return None
    is_input = examination.schema[column].role == "input"
    edits: tuple[RecipeEdit, ...] = ()
    if is_input and infinite / values > MOSTLY and len(examination.schema.inputs) > 1:
        edits = (dropping(examination.recipe, [column], f"{infinite} of its {values} values are infinite"),)
    return Finding(
        condition=condition.id,
        severity="warning" if is_input else "severe",
        where=Where(column=column, rows=tuple(rows[:100])),
        evidence=Signal("infinite values", float(infinite), THRESHOLD, values),
        text=(
            f"column '{column}' holds {infinite:,} infinite values among {values:,} (the first in row {rows[0]}); a "
            "sound "
            f"column holds {THRESHOLD:.0f}. They come from a division by zero or a number beyond {LARGEST:.1e}. "
            + ("They are treated as missing. " if is_input else "Such rows cannot be learned from. ")
            + "Correct the step that made them, or store them as missing."
        ),
        edits=edits,
    )


def in_training(trace: Trace) -> list[Finding]:
    """The same of what reaches the first layer of a network that is being trained."""
    seen = trace.arriving
    if seen is None:
        raise ValueError("what reaches the first layer was not seen, or is no table of numbers")
    if seen.nonfinite <= 0:
        return []
    return [
        Finding(
            condition=condition.id,
            severity="severe",
            where=Where(layer=trace.layers[0] if trace.layers else None, step=0),
            evidence=Signal("share of the inputs that is not finite", seen.nonfinite, THRESHOLD, seen.rows),
            text=(
                f"{seen.nonfinite:.2%} of what reaches the first layer is not a number or infinite (threshold "
                f"{THRESHOLD:.0f}); one such value makes every weight NaN. Fill missing values with the median of the "
                "training rows, and say in a column of its own where they were."
            ),
        )
    ]


condition = Condition(
    id="nonfinite-data",
    group="data",
    summary="infinite values",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass", "multilabel", "multi-task", "clustering", "anomaly"}),
    proof="structural",
    silences=_training.symptoms("nonfinite-data"),
    during=in_training,
    code="inputs = torch.nan_to_num(inputs)  # or the median of the training rows",
)
