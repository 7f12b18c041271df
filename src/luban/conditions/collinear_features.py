"""Number columns of which one follows from others: a linear model cannot tell what each of them weighs.

Signal: the condition number of the number columns, each with a standard deviation of 1, and of the model's penalty: the
square root of (largest squared singular value + penalty) over (smallest + penalty) (Belsley, Kuh and Welsch, 1980;
Hoerl and Kennard, 1970, for the penalty, which makes weights determined again). Threshold 1,000: their 30 would accuse
sound tables (breast-cancer has 316 without a penalty), and a column that copies another but for a thousandth of its
deviation gave 2,600 to 5,700 on four tables (measured). A copy but for a hundredth stays below it. Silent with the
usual penalty, which holds weights together; and unknown where another model than a linear one answers, and with fewer
rows than twice the columns. Repair: a penalty; one of the columns left out. Proven structurally: the condition number
is small.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.conditions import _answers
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Judgement
from luban.protocols import Condition

THRESHOLD = 1_000.0
LARGEST = 1e12
"""What is told of columns that depend on each other exactly."""
PART = 0.2
"""Share of the largest weight from which a column has part in the dependency."""
MOST = 6
"""Columns that are named."""


def examine(judgement: Judgement) -> list[Finding]:
    design = judgement.design
    if design is None:
        raise judgement.lacks("design")
    rows, columns = design.values.shape
    if columns < 2:
        return []
    if rows < 2 * columns:
        raise ValueError(f"{rows:,} rows are too few to see how {columns:,} columns depend on each other")
    # The columns' own sums of squares are small and square: a decomposition of the rows would cost as many times more.
    squares, directions = np.linalg.eigh(design.values.T @ design.values)
    least, most = max(float(squares[0]), 0.0) + design.penalty, float(squares[-1]) + design.penalty
    value = float(np.sqrt(most / least)) if least > most / LARGEST**2 else LARGEST
    if value <= THRESHOLD:
        return []
    named = _dependent(directions[:, 0], design.columns)
    listed = ", ".join(f"'{name}'" for name in named)
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(column=named[0]),
            evidence=Signal("condition number of the number columns with the penalty", value, THRESHOLD, rows),
            text=(
                f"the number columns {listed} follow from each other: their condition number is {value:.3g} "
                f"(threshold {THRESHOLD:,.0f}), so the weights that {judgement.model} gives them are arbitrary, and "
                f"rows that differ a little from these are answered far off. Penalise weights (--set "
                f"{design.path}=l2), or leave one of the columns out."
            ),
            edits=_answers.penalised(design, "a penalty determines the weights"),
        )
    ]


def _dependent(direction: Array, columns: tuple[str, ...]) -> list[str]:
    """The columns that have part in the least direction, the largest part first."""
    parts = np.abs(direction)
    order = [place for place in np.argsort(-parts, kind="stable") if parts[place] >= PART * parts.max()]
    return [columns[place] for place in order[:MOST]]


condition = Condition(
    id="collinear-features",
    group="optimisation",
    summary="number columns that follow from each other, in a linear model whose weights they leave open",
    examine=examine,
    tasks=_answers.ONE_ANSWER,
    sees="answers",
    proof="structural",
    silences=("estimator-not-converged", "miscalibration"),
)
