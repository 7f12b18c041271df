"""The spacing of times: which step lies between neighbouring rows, the number of each time, and what comes next.

A step is a fixed duration, a number of months (whose days differ), a weekday, or a difference of plain numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Self, final

import numpy as np

from luban.batch import Array
from luban.core.errors import UsageError

_MICROSECONDS = {
    "days": 86_400_000_000,
    "hours": 3_600_000_000,
    "minutes": 60_000_000,
    "seconds": 1_000_000,
    "microseconds": 1,
}
_SHORTEST_MONTH, _LONGEST_YEAR = 28 * _MICROSECONDS["days"], 366 * _MICROSECONDS["days"]


@final
@dataclass(frozen=True)
class Spacing:
    """The step of times. size: microseconds, months, or a difference of numbers; 1 for weekdays."""

    unit: Literal["time", "months", "weekdays", "numbers"]
    size: float

    @classmethod
    def found(cls, series: list[Array]) -> Self:
        """The commonest step in the sorted times of series, each datetime64[us] or float64.

        >>> months = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[us]")
        >>> str(Spacing.found([months]))
        '1 months'
        """
        gaps = np.concatenate([np.diff(times) for times in series])
        if series[0].dtype.kind == "f":
            return cls("numbers", float(_commonest(gaps)))
        commonest = int(_commonest(gaps.astype(np.int64)))
        if _SHORTEST_MONTH <= commonest <= _LONGEST_YEAR and all(_days_of_months(times) for times in series):
            months = np.concatenate([np.diff(times.astype("datetime64[M]").astype(np.int64)) for times in series])
            return cls("months", float(_commonest(months)))
        if commonest == _MICROSECONDS["days"] and _only_weekdays(series):
            return cls("weekdays", 1.0)
        return cls("time", float(commonest))

    @classmethod
    def read(cls, text: str) -> Self:
        """The step that a text states. UsageError for a text that states none."""
        if text == "weekdays":
            return cls("weekdays", 1.0)
        matched = re.fullmatch(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?) ([a-z]+)", text)
        if matched and float(matched[1]) > 0:
            size, unit = float(matched[1]), matched[2]
            if unit == "months" or unit == "numbers":
                return cls("months" if unit == "months" else "numbers", size)
            if unit in _MICROSECONDS:
                return cls("time", size * _MICROSECONDS[unit])
        raise UsageError(
            f"'{text}' is no step of time.",
            where="forecast.step",
            fix="such as '1 months', '30 minutes', '1 days', 'weekdays', or '1 numbers'",
        )

    def __str__(self) -> str:
        if self.unit == "weekdays":
            return "weekdays"
        if self.unit != "time":
            return f"{self.size:g} {self.unit}"
        name = next(unit for unit, size in _MICROSECONDS.items() if self.size % size == 0)
        return f"{int(self.size) // _MICROSECONDS[name]} {name}"

    def numbers(self, times: Array) -> Array:
        """(times,) float64 numbers of steps since a start of their own; whole for times that are evenly spaced."""
        if self.unit == "numbers":
            return np.asarray((times - times[0]) / self.size)
        if self.unit == "months":
            return np.asarray(times.astype("datetime64[M]").astype(np.int64) / self.size)
        if self.unit == "weekdays":
            return np.asarray(np.busday_count(times[0].astype("datetime64[D]"), times.astype("datetime64[D]")), float)
        return np.asarray((times - times[0]).astype(np.int64) / self.size)

    def after(self, times: Array, count: int) -> Array:
        """(count,) the times that follow the last of these.

        >>> Spacing("weekdays", 1).after(np.array(["2024-01-05"], "datetime64[us]"), 1).astype("datetime64[D]").tolist()
        [datetime.date(2024, 1, 8)]
        """
        last, steps = times[-1], np.arange(1, count + 1)
        if self.unit == "numbers":
            return np.asarray(last + steps * self.size)
        if self.unit == "time":
            return np.asarray(last + (steps * int(self.size)).astype("timedelta64[us]"))
        clock = last - last.astype("datetime64[D]")
        if self.unit == "weekdays":
            return np.asarray(np.busday_offset(last.astype("datetime64[D]"), steps).astype("datetime64[us]") + clock)
        months = last.astype("datetime64[M]") + steps * int(self.size)
        return np.asarray(_in_months(months, times) + clock)

    def between(self, before: np.datetime64 | float, after: np.datetime64 | float) -> Array:
        """The times that are missing between two of them."""
        kind = np.float64 if self.unit == "numbers" else "datetime64[us]"
        pair = np.array([before, after], dtype=kind)
        count = round(float(np.diff(self.numbers(pair))[0])) - 1
        return self.after(pair[:1], max(count, 0))


def _commonest(values: Array) -> float:
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts.argmax()]


def _days_of_months(times: Array) -> bool:
    """Whether all times are of one day of the month, or of its last day."""
    days = _day_of_month(times)
    return bool((days == days[0]).all() or (days == _length_of_month(times.astype("datetime64[M]"))).all())


def _only_weekdays(series: list[Array]) -> bool:
    """Whether no time is on a weekend, and a weekend lies between some of them."""
    days = [times.astype("datetime64[D]") for times in series]
    crossed = any((np.diff(each).astype(np.int64) == 3).any() for each in days)
    return crossed and all(np.is_busday(each).all() for each in days)


def _day_of_month(times: Array) -> Array:
    return np.asarray((times.astype("datetime64[D]") - times.astype("datetime64[M]")).astype(np.int64) + 1)


def _length_of_month(months: Array) -> Array:
    following = (months + 1).astype("datetime64[D]")
    return np.asarray((following - months.astype("datetime64[D]")).astype(np.int64))


def _in_months(months: Array, times: Array) -> Array:
    """The day of each month that times like these have: their last day, or one of the same number."""
    lengths, days = _length_of_month(months), _day_of_month(times)
    ends = bool((days == _length_of_month(times.astype("datetime64[M]"))).all())
    day = lengths if ends and (len(times) > 1 or days[0] > 27) else np.minimum(days.max(), lengths)
    return np.asarray((months.astype("datetime64[D]") + (day - 1)).astype("datetime64[us]"))
