"""From the rows of a log to a trace. What a log does not tell is None there, and NaN in a watched step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from luban.evidence.trace import Check, Trace, WatchedStep
from luban.logs._columns import Columns, Row, columns

Counted = Literal["step", "epoch", "row"]


@dataclass(frozen=True)
class Read:
    """One training that a log tells of.

    counted: what the numbers of the trace's steps count. used: the columns that were understood.
    """

    trace: Trace
    counted: Counted
    used: tuple[str, ...]


def number(value: object) -> float | None:
    """A value of a log as a number; None where it says nothing, NaN where it says that there is no number.

    >>> number("0.5"), number("nan"), number(None), number("")
    (0.5, nan, nan, None)
    """
    if value is None:
        return math.nan
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str) or not value.strip():
        return None
    plain = value.strip().lower()
    if plain in ("null", "none", "n/a"):
        return math.nan
    try:
        return float(plain)
    except ValueError:
        return None


def read(rows: Sequence[Row]) -> Read | None:
    """The training that rows tell of; None where they hold no loss."""
    named = columns(rows)
    if named.loss is None and named.held_out_loss is None:
        return None
    counted: Counted = "step" if named.step else "epoch" if named.epoch else "row"
    trace = Trace()
    since, latest = 0, 0
    for at, row in enumerate(_joined(rows, named)):
        latest = _number(row, named, counted, at, latest)
        since = _add(trace, row, named, latest, since)
    used = [*vars(named).values()][:-1]
    return Read(trace, counted, (*(name for name in used if name), *named.metrics))


def _add(trace: Trace, row: Row, named: Columns, at: int, since: int) -> int:
    """Adds a row to the trace. since: the first loss behind the latest check; comes back as it is then."""
    loss = row.get(named.loss) if named.loss else None
    rate, gradient = (row.get(name, math.nan) if name else math.nan for name in (named.rate, named.gradient))
    if loss is not None:
        trace.losses.append(loss)
        trace.numbers.append(at)
    if not (math.isnan(rate) and (named.gradient is None or named.gradient not in row)):
        trace.watched.append(WatchedStep(at, math.nan if loss is None else loss, rate, gradient, {}))
    if named.held_out_loss is None or named.held_out_loss not in row:
        return since
    recent = trace.losses[since:] or trace.losses[-1:]
    mean = sum(recent) / len(recent) if recent else math.nan
    metrics = {name: row[name] for name in named.metrics if name in row}
    trace.checks.append(Check(at, row[named.held_out_loss], mean, metrics))
    return len(trace.losses)


def _number(row: Row, named: Columns, counted: Counted, at: int, latest: int) -> int:
    """The number of the step of a row; that of the row before where it does not say."""
    if counted == "row":
        return at
    value = row.get((named.step if counted == "step" else named.epoch) or "", math.nan)
    return int(value) if math.isfinite(value) else latest


def _joined(rows: Sequence[Row], named: Columns) -> Iterable[Row]:
    """Rows of the same step, one behind the other, as one: some programs write a row for each number."""
    place = named.step or named.epoch
    counts = {named.step, named.epoch}
    together: dict[str, float] = {}
    for row in rows:
        same = place is not None and place in row and row[place] == together.get(place)
        if together and not (same and not (row.keys() & together.keys()) - counts):
            yield together
            together = {}
        together = {**together, **row}
    if together:
        yield together


def told(rows: Iterable[Mapping[str, object]]) -> list[Row]:
    """Rows of any values as rows of numbers; numbers one level down are named `outer/inner`."""
    plain: list[Row] = []
    for row in rows:
        flat: dict[str, object] = {}
        for name, value in row.items():
            if isinstance(value, Mapping):
                flat |= {f"{name}/{inner}": deeper for inner, deeper in value.items()}
            else:
                flat[name] = value
        plain.append({name: found for name, value in flat.items() if (found := number(value)) is not None})
    return plain
