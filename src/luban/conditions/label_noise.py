"""Wrong labels: rows whose class quick models contradict with confidence; or labels that say nothing about the inputs.

Noise and true overlap of classes differ in where models are wrong: overlap is wrong where models are unsure, noise is
wrong everywhere, also where they are surest. Signal: the share of contradicted rows among the quarter of the rows about
which out-of-fold models are surest, in each answered class. Threshold 3%, with a Wilson interval above 1%. Out-of-fold
confident learning (Northcutt et al., 2021) then lists the rows. Where models do no better than chance (the area under
the ROC curve within two standard errors of 0.5), nothing ties the labels to the inputs: shuffled rows, or columns that
do not bear on the target. Silent below 30 rows, and with fewer than 3 contradicted rows. Luban changes no label: the
rows are named, for a person to look at.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Array
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.intervals import wilson
from luban.protocols import Condition, Examination
from luban.training import probing
from luban.training.probing import Probe

THRESHOLD = 0.03
SURELY = 0.01
SUREST = 0.25
SEVERE = 0.1
FEWEST = 3
CHANCE = 2.0
"""Standard errors of chance."""
JUDGED = 100
"""Rows below which an area near 0.5 may be mere bad luck."""


def examine(examination: Examination) -> list[Finding]:
    probe = probing.out_of_fold(examination)
    area, error = probing.ranking(probe)
    if area - 0.5 < CHANCE * error:
        return [_unrelated(examination, area, error, len(probe.rows))] if len(probe.rows) >= JUDGED else []
    return _contradicted(examination, probe) if probe.classes else []


def _contradicted(examination: Examination, probe: Probe) -> list[Finding]:
    answer = probe.outputs.argmax(axis=1)
    sure = _surest(probe.outputs, answer)
    wrong = answer != probe.target
    count = int((wrong & sure).sum())
    share = count / max(int(sure.sum()), 1)
    low, _ = wilson(count, int(sure.sum()))
    if share <= THRESHOLD or low <= SURELY or count < FEWEST:
        return []
    flagged = _confident_learning(probe)
    # The rows that models contradict most surely come first.
    order = np.argsort(probe.outputs[flagged, probe.target[flagged]], kind="stable")
    numbers = examination.train_rows[probe.rows[flagged[order]]]
    first = flagged[order[0]] if len(order) else int(np.flatnonzero(wrong & sure)[0])
    names = examination.classes[probe.target[first]], examination.classes[answer[first]]
    return [
        Finding(
            condition=condition.id,
            severity="severe" if share > SEVERE else "warning",
            where=Where(column=examination.recipe.target, rows=tuple(int(row) for row in numbers[:100])),
            evidence=Signal("share of contradicted labels where models are surest", share, THRESHOLD, int(sure.sum())),
            text=(
                f"where quick models are surest they still contradict {share:.1%} of the labels (threshold "
                f"{THRESHOLD:.0%}), "
                f"and {len(flagged):,} labels in all look wrong; row {examination.train_rows[probe.rows[first]]} says "
                f"'{names[0]}' and looks like '{names[1]}'. Wrong labels teach wrong answers, and make the score too "
                "low. "
                "Look at the listed rows and correct them."
            ),
        )
    ]


def _surest(outputs: Array, answer: Array) -> Array:
    """(rows,) the quarter of each answered class about which the models are surest."""
    confidence = outputs[np.arange(len(answer)), answer]
    sure = np.zeros(len(answer), dtype=bool)
    for code in np.unique(answer):
        inside = np.flatnonzero(answer == code)
        most = inside[np.argsort(-confidence[inside], kind="stable")][: max(int(len(inside) * SUREST), 1)]
        sure[most] = True
    return sure


def _confident_learning(probe: Probe) -> Array:
    """Numbers of the rows that reach the mean confidence of another class, and that class most of all."""
    outputs, target = probe.outputs, probe.target
    present = np.unique(target)
    mean = np.full(outputs.shape[1], np.inf)
    mean[present] = [outputs[target == code, code].mean() for code in present]
    reached = np.where(outputs >= mean, outputs, -1.0)
    likeliest = reached.argmax(axis=1)
    return np.flatnonzero((reached.max(axis=1) > 0) & (likeliest != target))


def _unrelated(examination: Examination, area: float, error: float, rows: int) -> Finding:
    bound = 0.5 + CHANCE * error
    return Finding(
        condition=condition.id,
        severity="severe",
        where=Where(column=examination.recipe.target),
        evidence=Signal("area under the ROC curve, out of fold", area, bound, rows),
        text=(
            f"quick models rank rows no better than chance: an area of {area:.3f}, and {bound:.3f} would be beyond "
            "chance. "
            "Either the columns say nothing about the target, or its values were shuffled or joined to the wrong rows. "
            "Check how the target came into the table."
        ),
    )


condition = Condition(
    id="label-noise",
    group="data",
    summary="labels that the inputs contradict",
    examine=examine,
    tasks=frozenset({"regression", "binary", "multiclass"}),
    silences=("too-few-samples",),
)
