"""A model that memorises its rows: the training loss keeps falling, and held-out rows are answered worse and worse.

Signal: the loss on held-out rows against its own best, while the training loss falls. Threshold: 1.5 times the best in
each of the latest three checks, the training loss below half of it, a rise by as much as counts (`_training.rise`),
and, where a metric is told, one that fell since the best check: by more than 0.04 and, where it is a share of few rows,
by twice the standard error of such a share (Agresti and Coull, 1998). A ratio alone says little: healthy programs reach
4.1 times the best loss while their accuracy stays (measured for luban's catalogue), and of 44 rows two that are lost
are chance. How many rows there are shows in the changes of a share: the smallest one is a row.

Of boosting, whose rounds are checks, each row's losses are known: there the rise must be twice its standard error, row
by row, and so must that of the Brier score, by 0.02 at least. A log loss has no bound: of 120 rows two that are
answered wrong, with more and more certainty, double it by themselves. Silent with fewer than five checks. Repair: keep
the best weights; weight decay; dropout; augmentation; of boosting fewer rounds, or leaves. Proven by effect on other
rows.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from luban.conditions import _answers, _training
from luban.evidence.finding import Finding, Signal
from luban.evidence.fits import Stages
from luban.evidence.judgement import Judgement
from luban.evidence.trace import Check, Trace
from luban.protocols import Condition
from luban.recipe.edit import RecipeEdit

RISEN = 1.5
LATEST = 3
CHECKS = 5
FALLEN = 0.04
STANDARD_ERRORS = 2.0
WORSE = 0.02
"""How much the Brier score of boosting rises at least."""
FEWER_LEAVES = 7
SAME = 1e-6
"""Differences of a metric up to which are none."""
WHOLE = 0.05
"""How far a count of rows may lie from a whole number."""


def examine(trace: Trace) -> list[Finding]:
    checks = [check for check in trace.checks if math.isfinite(check.loss) and math.isfinite(check.train_loss)]
    if len(checks) < CHECKS:
        raise ValueError(f"{CHECKS} checks on held-out rows are needed, and there were {len(checks)}")
    best = min(range(len(checks)), key=lambda at: checks[at].loss)
    latest = checks[-LATEST:]
    if best >= len(checks) - LATEST or checks[best].loss <= 0:
        return []
    least = min(check.loss for check in latest)
    value = least / checks[best].loss
    risen = value > RISEN and least - checks[best].loss > _training.rise(trace)
    # Of a loss that is far below that of held-out rows, the training has nothing left to learn but the rows.
    learned_by_heart = checks[-1].train_loss < 0.5 * checks[best].loss
    if not risen or not learned_by_heart or not _fallen(checks, best):
        return []
    return _training.found(
        condition.id,
        "warning",
        Signal("loss on held-out rows over its best", value, RISEN, len(checks)),
        f"on held-out rows the loss was {checks[best].loss:.4g} after step {checks[best].step:,} and is "
        f"{checks[-1].loss:.4g} now, {value:.2f} times as much (threshold {RISEN:g}), while that of the training "
        f"rows fell to {checks[-1].train_loss:.4g}. Keep the weights of the best check, and take more weight decay, "
        "dropout, augmentation, or rows.",
        step=checks[best].step,
        edits=_training.edits(
            trace,
            ("train.stopping", "auto", "the weights of the best check answer"),
            ("model.dropout", 0.3, "units cannot rely on each other"),
            ("train.weight_decay", 0.1, "smaller weights"),
        ),
    )


def judged(judgement: Judgement) -> list[Finding]:
    """The same of boosting, whose first rounds are a model of their own: a check for each share of the rounds."""
    if judgement.remarks is None:
        raise judgement.lacks("remarks")
    grown = [(label, each.stages) for label, each in judgement.remarks.items() if each.stages is not None]
    if not grown:
        raise ValueError("no model that grew by rounds answers")
    found: list[Finding] = []
    for label, stages in grown:
        lines = zip(stages.rounds, stages.held_out, stages.train, strict=True)
        checks = [Check(rounds, loss, train) for rounds, loss, train in lines]
        seen = examine(Trace(checks=checks)) if len(checks) >= CHECKS and _beyond_chance(stages) else []
        for each in seen:
            rounds = each.where.step or stages.rounds[0]
            text = (
                f"on held-out rows the loss of {label} was {min(stages.held_out):.4g} after {rounds:,} rounds and is "
                f"{stages.held_out[-1]:.4g} after all {stages.rounds[-1]:,}, {each.evidence.value:.2f} times as much "
                f"(threshold {RISEN:g}): the later rounds learned the training rows by heart. Take as many rounds as "
                "help on held-out rows, or fewer leaves."
            )
            found.append(replace(each, text=text, edits=_simpler(judgement, label, rounds)))
    return found


def _simpler(judgement: Judgement, label: str, rounds: int) -> tuple[RecipeEdit, ...]:
    """Edits that leave boosting less to learn by heart."""
    model = f"model.{label.partition('(')[0]}"
    return (
        *_answers.edit(judgement, f"{model}.rounds", rounds, "later rounds make held-out rows worse"),
        *_answers.edit(judgement, f"{model}.leaves", FEWER_LEAVES, "trees of few leaves cannot single out rows"),
    )


def _beyond_chance(stages: Stages) -> bool:
    """Whether other rows would be answered worse by all rounds than by the best number of them too."""
    if not stages.doubts:
        return False
    last = len(stages.held_out) - 1
    best = int(np.argmin(stages.held_out))
    if stages.held_out[last] - stages.held_out[best] <= STANDARD_ERRORS * stages.doubt("loss", best, last):
        return False
    for name, values in stages.metrics.items():
        least = int(np.argmin(values))
        if values[last] - values[least] <= max(WORSE, STANDARD_ERRORS * stages.doubt(name, least, last)):
            return False
    return True


def _fallen(checks: list[Check], best: int) -> bool:
    """Whether each metric fell since the best check, by more than few rows can do; yes where none is told."""
    for name in checks[best].metrics:
        values = [check.metrics[name] for check in checks if name in check.metrics]
        latest = max(values[-LATEST:])
        if checks[best].metrics[name] - latest <= max(FALLEN, STANDARD_ERRORS * _standard_error(latest, values)):
            return False
    return True


def _standard_error(share: float, values: list[float]) -> float:
    """That of a share of rows, as many as the values tell of; 0 where they are no shares of rows.

    >>> round(_standard_error(0.75, [0.5, 0.75, 1.0]), 2)
    0.17
    """
    changes = [after - before for before, after in pairwise(sorted(values)) if after - before > SAME]
    if not changes or not 0 <= min(values) <= max(values) <= 1:
        return 0.0
    rows = 1 / min(changes)
    if any(abs(value * rows - round(value * rows)) > WHOLE for value in values):
        return 0.0
    around = (share * rows + 2) / (rows + 4)
    return math.sqrt(around * (1 - around) / (rows + 4))


condition = Condition(
    id="overfitting",
    group="generalisation",
    summary="held-out rows are answered worse while the training loss falls",
    examine=examine,
    tasks=_training.TASKS,
    sees="training",
    proof="effect",
    silences=("miscalibration",),
    judged=judged,
    code="keep the weights of the best validation; weight_decay=0.1; torch.nn.Dropout(0.3)",
)
