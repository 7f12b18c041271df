"""Classes that a linear model separates completely, without a penalty: its weights have no finite optimum, and
grow until the solver stops.

Signal: the share of training rows on the right side of a linear model without a penalty. Threshold: all of them; then
the likelihood has no maximum (complete separation; Albert and Anderson, 1984), every probability tends to 0 or 1, and
the weights are those of the moment at which the solver gave up. Silent with a penalty, which makes them finite; with
it, separable classes are good luck. Unknown where another model than a linear one answers. Repair: a penalty. Proven
structurally: with it the weights are finite whatever the rows.
"""

from __future__ import annotations

import numpy as np

from luban.conditions import _answers
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Judgement
from luban.protocols import Condition

UNPENALISED = 1e-6
"""A penalty that does not hold weights."""


def examine(judgement: Judgement) -> list[Finding]:
    design = judgement.design
    if design is None:
        raise judgement.lacks("design")
    right = design.outputs.argmax(axis=1) == design.target
    if design.penalty > UNPENALISED or not right.all():
        return []
    likeliest = float(np.median(design.outputs.max(axis=1)))
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(column=None),
            evidence=Signal("share of training rows on the right side", 1.0, 1.0, len(right)),
            text=(
                f"{judgement.model} separates the classes of all {len(right):,} training rows that were looked at "
                f"(threshold: all), without a penalty: no weights are the likeliest, so they grew until the solver "
                f"stopped. Half of the probabilities are {likeliest:.6f} or more, and mean nothing. Penalise weights: "
                f"--set {design.path}=l2."
            ),
            edits=_answers.penalised(design, "a penalty keeps the weights finite"),
        )
    ]


condition = Condition(
    id="separable-classes",
    group="optimisation",
    summary="classes that a linear model without a penalty separates completely",
    examine=examine,
    tasks=_answers.CLASSES,
    sees="answers",
    proof="structural",
    silences=("estimator-not-converged", "miscalibration"),
)
