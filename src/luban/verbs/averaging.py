"""How far each unit moves answers over many rows: the mean of its attributions without their signs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from luban.core.errors import UsageError
from luban.data import encoders
from luban.evidence import intervals
from luban.evidence.explanation import Unit
from luban.evidence.overview import Moved
from luban.protocols import Form, Pieced
from luban.verbs.explained import Output
from luban.verbs.explaining import Question, chosen, subjects

if TYPE_CHECKING:
    import polars as pl

    from luban.verbs.answering import Answerer

ROWS = 100
"""Rows that are explained, at most, evenly spaced."""
WRITTEN_ROWS = 30
"""The same where a column has pieces: each call writes and encodes a row anew."""
EACH = 10
"""Calls for each unit, where nothing is said: what single rows miss averages out."""
FEWEST = 64
OFTEN = 3
"""Rows that a word is in, at least."""
WORDS = ("text",)
"""Data types whose pieces are words, which mean the same in other rows."""


@dataclass(frozen=True)
class Averaged:
    """units: the one that moves answers most first. method, reason: how, and why so; None where nothing was found."""

    units: tuple[Moved, ...] = ()
    method: str | None = None
    reason: str | None = None


def moved(
    answerer: Answerer,
    rebuilt: Callable[[], Form],
    frame: pl.DataFrame,
    states: Sequence[Output],
    question: Question,
    declined: list[tuple[str, str]],
) -> Averaged:
    """The units of some of the rows, with their intervals; what cannot be told is added to `declined`.

    A column is there in every row: where it has its usual value, it moves nothing. Words count in the rows that have
    them. Raises UsageError for a method that cannot explain this model.
    """
    kinds = {part.column: part.kind for part in encoders.parts(answerer.preprocessor)}
    pieced = {p.column for p in encoders.parts(answerer.preprocessor) if isinstance(p.feature, Pieced)}
    most = WRITTEN_ROWS if pieced else ROWS
    places = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), most)).round().astype(int))
    frame, states = frame[places], [states[place] for place in places]
    sizes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    method = reason = None
    phrases = 0
    for _, subject in subjects(answerer, rebuilt, frame, range(len(frame)), states, question):
        units = subject.count
        few = min(2 ** min(units, 30), max(FEWEST, EACH * units))
        explainer, reason = chosen(subject, question.method)
        method = explainer.name
        effort = replace(question.effort, calls=min(few, question.effort.calls or few))
        try:
            found = explainer.explain(subject, effort)
        except UsageError as problem:
            declined.append(("shap", f"{problem.message} {problem.fix or ''}".strip()))
            return Averaged()
        for row, told in zip(subject.units, found, strict=True):
            errors = np.zeros(units) if told.errors is None else told.errors
            for unit, value, missed in zip(row, told.values, errors, strict=True):
                if unit.column not in pieced:
                    sizes[unit.column].append((abs(float(value)), float(missed)))
                elif kinds[unit.column] not in WORDS:
                    continue
                elif _is_word(unit):
                    sizes[f"{unit.column}: {unit.name.lower()}"].append((abs(float(value)), float(missed)))
                else:
                    phrases += 1
    for column in sorted(pieced):
        if kinds[column] not in WORDS:
            why = f"pieces of a column of the kind {kinds[column]} are not the same in two rows"
            declined.append((f"shap of '{column}'", why))
    if phrases:
        declined.append(("shap of phrases", f"{phrases} units are of several words; --units with a larger number"))
    return Averaged(_units(sizes, len(frame), pieced, question.effort.seed), method, reason)


def _is_word(unit: Unit) -> bool:
    return len(unit.name.split()) == 1


def _units(sizes: dict[str, list[tuple[float, float]]], rows: int, pieced: set[str], seed: int) -> tuple[Moved, ...]:
    found = []
    for name, told in sizes.items():
        word = name not in pieced and ": " in name and name.split(": ")[0] in pieced
        if word and len(told) < OFTEN:
            continue
        # A column that is no unit of a row has its usual value there.
        values, errors = np.array(told if word else told + [(0.0, 0.0)] * (rows - len(told))).T
        if len(values) < 2:
            continue
        ends = intervals.of_mean(values, seed=seed)
        mean = float(values.mean())
        high = ends.high if ends.high > ends.low else ends.high + intervals.unseen(len(values)) * (mean or 1.0)
        low = max(0.0, min(ends.low, mean))
        found.append(Moved(name, mean, low, max(high, mean), float(errors.mean()), len(told)))
    return tuple(sorted(found, key=lambda each: (-each.value, each.unit)))
