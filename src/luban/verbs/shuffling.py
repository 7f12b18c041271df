"""Which columns matter: how much the score falls when one is shuffled among the test rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from luban.batch import Answers
from luban.core import registry
from luban.core.deadline import Deadline
from luban.core.seed import derive
from luban.data import loader
from luban.data.loader import sampled
from luban.protocols import Encoder, Metric
from luban.runtime.answering import Answering
from luban.training import importance as permuting
from luban.training.choosing import Chosen
from luban.verbs import encoding
from luban.verbs.preparing import Prepared

EXPLAINED = 2_000
"""Test rows by which the importance of columns is measured, at most."""
IMPORTANCE_SECONDS = 5.0
"""CPU seconds for it: of slow models and many columns fewer rows are shuffled, and at least 50."""
TAGS = "tagging"


def importance(
    prepared: Prepared, encoder: Encoder, answer: Answering, chosen: Chosen, deadline: Deadline
) -> dict[str, Any]:
    """How much the score falls when a column is shuffled among the test rows, with 95% intervals."""
    metric: Metric = registry.find("metrics", prepared.recipe.train.metric or prepared.task.compared_by)
    rows = sampled(encoding.test_rows(prepared), EXPLAINED, derive(prepared.recipe.seed, "importance"))
    columns = [column.name for column in prepared.schema.inputs]
    assert prepared.target is not None, "importance needs a target"
    if prepared.task.name == TAGS or deadline.left() <= 0:
        # Tags have one column, and the words of another row are not as many. And to find out how long answers take
        # would take time that is over.
        return {"metric": metric.name, "rows": 0, "importance": []}

    def answers(frame: Any) -> Answers:
        return prepared.task.answers(answer(encoder.transform(frame)), chosen.threshold)

    frame = loader.take(prepared.frame, rows, columns)
    few, most = _affordable(answers, frame, len(columns))
    rows, frame = rows[:few], frame[:few]
    found = permuting.permutation(
        answers,
        frame,
        permuting.telling(frame, columns, answers(frame), most),
        prepared.target[rows],
        metric,
        seed=derive(prepared.recipe.seed, "importance"),
        deadline=deadline,
    )
    return {"metric": metric.name, "rows": len(rows), "importance": found}


def _affordable(answers: Callable[[Any], Answers], frame: Any, columns: int) -> tuple[int, int]:
    """How many rows can be answered for how many of the columns, several times, within `IMPORTANCE_SECONDS`.

    Where not even a few rows can be answered for every column, it is for fewer columns, and at least 20.
    """
    tried = min(len(frame), 200)
    started = time.process_time()
    answers(frame[:tried])
    each = max(time.process_time() - started, 1e-4) / max(tried, 1)
    affordable = int(IMPORTANCE_SECONDS / (each * max(columns, 1) * permuting.REPEATS))
    few = min(len(frame), max(affordable, 50))
    return few, max(20, int(IMPORTANCE_SECONDS / (each * few * permuting.REPEATS)))
