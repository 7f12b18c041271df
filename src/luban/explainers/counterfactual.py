"""Counterfactual: a small change of whole columns that makes the model answer something else (Wachter et al., 2017).

Columns take values that others have: those of a background; else of the rows that are explained, the categories of the
training rows, and numbers around the usual one by their spread. The change that moves the answer most is made first,
until another answer comes; then what is not needed is taken back, and numbers go back towards the row as far as the
other answer holds. Whole numbers stay whole, and no value leaves the range that was looked at. It is looked for step by
step, so another change may be smaller.

What a column adds is by how much its change moves the answer, one change after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import UsageError
from luban.data import encoders
from luban.protocols import Attributed, Effort, Subject

COLUMNS = 8
"""Columns that are changed at most: more are no small change."""
VALUES = 9
"""Values of a number that are tried: the quantiles of a background, or steps around the usual value."""
SPREADS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)
HALVINGS = 3
"""How often a number goes back towards the row, each time to the first of ten places that will do."""
CHANGED = ("number", "category", "boolean", "datetime")
"""Data types whose values are changed; pieces of texts, pictures and sounds are for other methods."""
_DIGITS = 4


@dataclass(frozen=True)
class _Change:
    """A value that a column may take. cost: how far it is from the row's, in spreads of numbers; 1 for another kind."""

    column: str
    value: Any
    cost: float


@final
class Counterfactual:
    """A changed row that is answered otherwise."""

    name: ClassVar[str] = "counterfactual"

    def declines(self, subject: Subject) -> str | None:
        if subject.scale not in ("probability", "log-odds"):
            return "it changes rows until another class is answered, and here are no classes."
        kinds = {part.column: part.kind for part in encoders.parts(subject.inside.encoder)}
        if not any(kind in CHANGED for kind in kinds.values()):
            return "it changes whole columns of numbers, categories, booleans or times, and here are none."
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        candidates = [_candidates(subject, game) for game in range(len(subject.units))]
        least = max((len(each) for each in candidates), default=0) + 1
        if effort.calls is not None and effort.calls < least:
            message = f"{effort.calls:,} calls of the model are too few to try each value of each column once."
            raise UsageError(message, fix=f"allow {least:,} calls or more")
        return [_explained(subject, game, each, effort.calls) for game, each in enumerate(candidates)]


@dataclass(eq=False)
class _Asking:
    """Asks about a row with some values changed, and counts."""

    subject: Subject
    game: int
    row: pl.DataFrame
    said: Any
    most: int
    calls: int = 0

    def __call__(self, changes: Sequence[dict[str, Any]]) -> tuple[Array, Array]:
        """(rows,) what is explained of the answers, and (rows,) whether something else is answered."""
        always = np.zeros(len(changes), np.int64)
        columns = {name: self.row[name].gather(always) for name in self.row.columns}
        for name in {name for each in changes for name in each}:
            here = self.row[name][0]
            columns[name] = pl.Series(name, [each.get(name, here) for each in changes], dtype=self.row[name].dtype)
        rows = pl.DataFrame(list(columns.values()))
        self.calls += len(changes)
        other = np.array([said != self.said for said in self.subject.said(rows)])
        return self.subject.answer(rows, self.game), other

    def may(self, calls: int) -> bool:
        """Whether so many more rows may be asked about."""
        return self.calls + calls <= self.most


def _explained(subject: Subject, game: int, candidates: list[_Change], calls: int | None) -> Attributed:
    row = subject.frame[game : game + 1]
    most = calls or (COLUMNS + 2) * (len(candidates) + 10 * HALVINGS) + COLUMNS
    asking = _Asking(subject, game, row, subject.said(row)[0], most)
    changes = _flipped(asking, candidates)
    whole = float(subject.answer(row, game)[0])
    if changes is None:
        told = f"no change of at most {COLUMNS} columns to values that were tried gives another answer"
        more: dict[str, Any] = {"changes": [], "text": told}
        return Attributed(
            np.zeros(subject.count), None, whole, whole, asking.calls, subject.scale, complete=False, more=more
        )
    changes = _nearer(asking, _pruned(asking, changes))
    steps = [dict(list(changes.items())[: number + 1]) for number in range(len(changes))]
    answers, _ = asking(steps)
    moved = -np.diff([whole, *answers.tolist()])
    place = {unit.column: number for number, unit in enumerate(subject.units[game]) if not unit.place}
    values = np.zeros(subject.count)
    for column, each in zip(changes, moved.tolist(), strict=True):
        if column in place:
            values[place[column]] = each
    listed = [{"column": name, "before": _told(row[name][0]), "after": _told(value)} for name, value in changes.items()]
    said = subject.said(row.with_columns([pl.lit(v, dtype=row[n].dtype).alias(n) for n, v in changes.items()]))[0]
    told = ", ".join(f"{each['column']} {each['after']} instead of {each['before']}" for each in listed)
    more = {"changes": listed, "prediction": said, "text": f"'{said}' would be answered with {told}"}
    base, complete = float(answers[-1]), all(name in place for name in changes)
    return Attributed(values, None, base, whole, asking.calls, subject.scale, complete=complete, more=more)


def _candidates(subject: Subject, game: int) -> list[_Change]:
    found = []
    for part in encoders.parts(subject.inside.encoder):
        if part.kind not in CHANGED:
            continue
        here = subject.frame[part.column][game]
        usual = subject.inside.usual[part.column]
        values = _values(part, usual, subject.frame[part.column])
        spread = float(part.state.values.get("spread") or 1.0) or 1.0
        whole = subject.frame[part.column].dtype.is_integer()
        for value in values:
            each = round(value) if whole and isinstance(value, float) else value
            number = isinstance(each, int | float) and isinstance(here, int | float) and part.kind == "number"
            cost = abs(each - here) / spread if number else 1.0
            if each is not None and each != here and cost > 0:
                found.append(_Change(part.column, each, cost))
    return list({(each.column, each.value): each for each in found}.values())


def _values(part: Any, usual: pl.Series, others: pl.Series) -> list[Any]:
    """What a column may take: of a background its values, else what is known of the training rows and of others."""
    several = len(usual) > 1
    learned = part.state.values
    if part.kind == "number":
        numbers = usual.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
        if several and len(numbers):
            return [float(each) for each in np.quantile(numbers, np.linspace(0, 1, VALUES))]
        return [float(learned["median"] + step * (learned.get("spread") or 1.0)) for step in SPREADS]
    known = [
        *usual.to_list(),
        *([] if several else others.to_list()),
        *([] if several else learned.get("categories", [])),
    ]
    return sorted({each for each in known if each is not None}, key=str)


def _flipped(asking: _Asking, candidates: list[_Change]) -> dict[str, Any] | None:
    """Changes, in their order, with which something else is answered; None where none were found."""
    changes: dict[str, Any] = {}
    cost = {(each.column, each.value): each.cost for each in candidates}
    for _ in range(COLUMNS):
        left = [each for each in candidates if each.column not in changes]
        if not left or not asking.may(len(left)):
            return None
        answers, other = asking([{**changes, each.column: each.value} for each in left])
        if other.any():
            best = min((left[n] for n in np.flatnonzero(other)), key=lambda each: cost[each.column, each.value])
            return {**changes, best.column: best.value}
        best = left[int(answers.argmin())]
        changes[best.column] = best.value
    return None


def _pruned(asking: _Asking, changes: dict[str, Any]) -> dict[str, Any]:
    """Without those that are not needed, one by one."""
    for name in list(changes):
        fewer = {other: value for other, value in changes.items() if other != name}
        if fewer and asking.may(1) and asking([fewer])[1][0]:
            changes = fewer
    return changes


def _nearer(asking: _Asking, changes: dict[str, Any]) -> dict[str, Any]:
    """Numbers as near to the row's as the other answer allows, to four digits."""
    for name, value in list(changes.items()):
        here = asking.row[name][0]
        dtype = asking.row[name].dtype
        if not dtype.is_numeric() or here is None:
            continue
        near, far = float(here), float(value)
        for _ in range(HALVINGS):
            if not asking.may(10):
                break
            places = [_rounded(each, whole=dtype.is_integer()) for each in np.linspace(near, far, 11)[1:]]
            _, other = asking([{**changes, name: each} for each in places])
            if not other.any():
                break
            first = int(other.argmax())
            near, far = (places[first - 1] if first else near), places[first]
            changes = {**changes, name: places[first]}
    return changes


def _rounded(value: float, *, whole: bool) -> float:
    return round(value) if whole else float(f"{value:.{_DIGITS}g}")


def _told(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


explainer = Counterfactual()
