"""Explanations that a bundle carries: of three test rows that are answered as usual, and of the three worst.

They are found by asking, on the finished bundle, so they take what time is left and no more.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from luban.batch import Answers, Array, PerRow, Ragged, dense
from luban.bundle.bundle import Stored, rebuild_form
from luban.core.deadline import Deadline
from luban.core.errors import UsageError
from luban.data import loader
from luban.data.loader import sampled
from luban.protocols import Effort
from luban.verbs import encoding
from luban.verbs.answering import Answerer
from luban.verbs.explaining import Question, explanations
from luban.verbs.preparing import Prepared

EACH = 3
LOOKED_AT = 2_000
"""Test rows among which typical and bad ones are looked for, at most."""
SECONDS = 5.0
"""CPU seconds that may be taken; of slow models fewer calls are made, and none where few would take too long."""
FEWEST = 100
USUAL = 2_000
"""Calls beyond which it is left to the explainer how many it makes."""
_TRIED = 32
SHOWN = ("binary", "multiclass", "regression")
"""Tasks whose answers have a loss row by row that a person reads."""
_NEVER = 1e-12


def shown(stored: Stored, prepared: Prepared, deadline: Deadline) -> dict[str, Any]:
    """{typical, worst: [explanation], calls, reason}, for evidence; without rows the reason says why there are none.

    A row's loss is how surprised the model was by its class, -log p, or the absolute error of a value. Typical rows are
    those whose loss is nearest to the median.
    """
    if prepared.task.name not in SHOWN or prepared.target is None:
        return _nothing("answers of this task have no loss that is read row by row")
    rows = sampled(encoding.test_rows(prepared), LOOKED_AT, prepared.recipe.seed)
    if len(rows) < 2 * EACH or deadline.left() <= 0:
        return _nothing("there are too few test rows" if len(rows) < 2 * EACH else "no time was left")
    answerer = Answerer.of(stored)
    frame = loader.take(prepared.frame, rows, [column.name for column in answerer.schema.inputs])
    started = time.process_time()
    answerer.answers(frame[:_TRIED])
    each = max(time.process_time() - started, 1e-5) / min(_TRIED, len(frame))
    calls = int(min(SECONDS, deadline.left() / 2) / (2 * EACH * each))
    if calls < FEWEST:
        return _nothing(f"an answer takes {each:.2g} seconds, so that explaining rows would take too long")
    losses = _losses(answerer.answers(frame), prepared.target[rows])
    known = np.flatnonzero(np.isfinite(losses))
    worst = known[np.argsort(-losses[known], kind="stable")[:EACH]]
    usual = np.argsort(np.abs(losses[known] - np.median(losses[known])), kind="stable")
    typical = [place for place in known[usual] if place not in worst][:EACH]
    chosen = np.array([*typical, *worst])
    question = Question(effort=Effort(calls=calls if calls < USUAL else None, seed=prepared.recipe.seed))
    read, numbers = answerer.read(frame[chosen]), rows[chosen].tolist()
    try:
        found = explanations(answerer, lambda: rebuild_form(stored), read, numbers, question)
    except UsageError as problem:
        # Too many units for the calls that there is time for.
        return _nothing(problem.message)
    listed = [{**one.to_json(), "loss": float(losses[place])} for one, place in zip(found, chosen, strict=True)]
    return {"typical": listed[: len(typical)], "worst": listed[len(typical) :], "reason": ""}


def _nothing(reason: str) -> dict[str, Any]:
    return {"typical": [], "worst": [], "reason": reason}


def _losses(answers: Answers, target: PerRow) -> Array:
    """(rows,) the loss of each answer; NaN where the target is not known."""
    wanted = dense(target)
    if answers.probabilities is None or isinstance(answers.probabilities, Ragged):
        return np.asarray(np.abs(dense(answers.prediction) - wanted))
    shares = answers.probabilities[np.arange(len(wanted)), np.maximum(wanted, 0)]
    return np.asarray(np.where(wanted >= 0, -np.log(np.maximum(shares, _NEVER)), np.nan))
