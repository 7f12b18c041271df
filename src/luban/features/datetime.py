"""Dates and times: a linear time, and the parts of the calendar that vary in the training rows.

Texts are parsed by the format that fits most training values; whole numbers count from 1970 in the unit that fits.
The parts are those of the wall clock that the column shows, not of UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import BundleError
from luban.features import _scaling
from luban.protocols import State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

_DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y.%m.%d", "%d/%m/%y", "%m/%d/%y")
_WRITTEN = ("%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y", "%Y年%m月%d日", "%Y%m%d", "%Y-%m")
_TIMES = (" %H:%M:%S%.f", "T%H:%M:%S%.f", " %H:%M", "T%H:%M", " %I:%M %p", " %I:%M:%S %p")
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")
FORMATS: Final = (*_DATES, *(date + time for date in _DATES for time in _TIMES), *_ZONED, *_WRITTEN)
"""The formats of texts that are known, in the notation of polars; of two that fit alike the earlier one is taken."""
UNITS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Microseconds in a unit of whole numbers."""
_MICROSECONDS_A_DAY = 86_400_000_000
_MOST_DAYS = 365 * 260_000
"""About where the calendar of polars ends."""
_PARTS = {"year": ("year sine", "year cosine"), "day": ("day of month",), "hour": ("hour sine", "hour cosine")}
_WEEKDAYS = tuple(f"is {day}" for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"))
_OUTPUTS = {**_PARTS, "weekday": _WEEKDAYS}
_KEYS = {"median", "center", "spread", "limit", "missing", "reading", "parts"}


def reading(values: pl.Series) -> str | None:
    """How values become times: a format, a unit of whole numbers, or None where they are times already.

    >>> reading(pl.Series(["31/12/2024", "01/01/2025"]))
    '%d/%m/%Y'
    """
    known = values.drop_nulls()
    if known.dtype.is_numeric():
        size = float(known.abs().max() or 0)  # type: ignore[arg-type]
        return "s" if size < 1e11 else "ms" if size < 1e14 else "us"
    if known.dtype != pl.String:
        return None
    tried = known.head(1000)
    best, fewest = FORMATS[0], len(tried) + 1
    for form in FORMATS:
        unread = parse(tried, form).null_count()
        if unread < fewest:
            best, fewest = form, unread
        if not unread:
            break
    return best


def parse(values: pl.Series, how: str | None) -> pl.Series:
    """(rows,) Datetime in microseconds without a zone; null where it is missing or does not parse.

    how: what `reading` said of the training values.
    """
    if values.dtype == pl.String:
        times = _parsed(values, how)
        # Spaces around a value are rare, and stripping takes longer than parsing.
        if times.null_count() > values.null_count():
            times = _parsed(values.str.strip_chars(), how)
    elif values.dtype.is_numeric():
        counted = values.cast(pl.Float64, strict=False) * UNITS.get(how or "s", 1)
        times = counted.cast(pl.Int64, strict=False).cast(pl.Datetime("us"))
    else:
        times = values.cast(pl.Datetime("us", getattr(values.dtype, "time_zone", None)), strict=False)
    return times.dt.replace_time_zone(None) if times.dtype != pl.Datetime("us") else times


def _parsed(values: pl.Series, how: str | None) -> pl.Series:
    return values.str.to_datetime(how or FORMATS[0], strict=False, time_unit="us")


@final
class Datetime:
    """A column of dates or times."""

    tensor: ClassVar[TensorFeature | None] = None

    def fit(self, values: pl.Series, settings: Features) -> State:
        how = reading(values)
        times = parse(values, how).to_numpy()
        known = times[~np.isnat(times)]
        learned: dict[str, Any] = {
            **_scaling.learn(_days(times), settings.scale),
            "missing": len(known) < len(times),
            "reading": how,
            "parts": [part for part, seen in _calendar(known).items() if len(np.unique(seen)) > 1],
        }
        return State(learned)

    def transform(self, values: pl.Series, state: State) -> Inputs:
        learned = state.values
        times = parse(values, learned["reading"]).to_numpy()
        missing = np.isnat(times)
        times = np.where(missing, _moment(learned["median"]), times)
        linear = (_days(times) - learned["center"]) / learned["spread"]
        columns = [np.clip(linear, -learned["limit"], learned["limit"])]
        if learned["parts"]:
            calendar = _calendar(times)
            columns += [output for part in learned["parts"] for output in _encoded(part, calendar[part])]
        if learned["missing"]:
            columns.append(missing)
        return np.stack(columns, axis=1).astype(np.float32)

    def names(self, column: str, state: State) -> tuple[str, ...]:
        outputs = [name for part in state.values["parts"] for name in _OUTPUTS[part]]
        missing = ["is missing"] if state.values["missing"] else []
        return (column, *(f"{column} {name}" for name in (*outputs, *missing)))

    def baseline(self, state: State) -> Any:
        """The median time, as a text in the format of the training values where they were texts."""
        how = state.values["reading"]
        moment = pl.Series(_moment(state.values["median"])[None])
        if how in UNITS:
            return moment.cast(pl.Int64)[0] // UNITS[how]
        # `%#z` reads every way of writing a zone, so it cannot write one.
        return (
            moment[0] if how is None else moment.dt.replace_time_zone("UTC").dt.to_string(how.replace("%#z", "%z"))[0]
        )

    def unscaled(self, state: State) -> State:
        """The state that does the same with a linear time in days since 1970."""
        return State({**state.values, **_scaling.unscaled(state.values["median"])})

    def unreadable(self, values: pl.Series) -> pl.Series:
        return values.is_not_null() & parse(values, reading(values)).is_null()

    def check(self, state: State) -> None:
        values = dict(state.values)
        if set(values) != _KEYS or state.arrays or state.parts or not isinstance(values["missing"], bool):
            raise BundleError(f"a datetime column must hold {', '.join(sorted(_KEYS))} and nothing else.")
        parts, how = values["parts"], values["reading"]
        if not isinstance(parts, list) or not all(part in list(_OUTPUTS) for part in parts):
            raise BundleError(f"the parts of a datetime column must be among {', '.join(_OUTPUTS)}.")
        if len(set(parts)) < len(parts) or how not in (None, *UNITS, *FORMATS):
            raise BundleError("a datetime column must hold each part once, and a known way of reading.")
        problem = _scaling.problem(values)
        if problem is None and abs(values["median"]) > _MOST_DAYS:
            problem = "its median lies outside of the calendar"
        if problem is not None:
            raise BundleError(f"a datetime column is damaged: {problem}.")


feature = Datetime()


def _moment(days: float) -> Array:
    """The time so many days after 1970 begins."""
    return np.array(round(days * _MICROSECONDS_A_DAY), dtype="datetime64[us]")


def _days(times: Array) -> Array:
    """(rows,) float64 days since 1970; NaN where missing."""
    return np.where(np.isnat(times), np.nan, times.astype(np.int64) / _MICROSECONDS_A_DAY)


def _calendar(times: Array) -> dict[str, Array]:
    """(rows,) the parts of the calendar by name; cycles from 0 to 1, weekdays from 0 for Monday."""
    day, month, year = (times.astype(f"datetime64[{unit}]") for unit in "DMY")
    return {
        "year": (day - year).astype(np.int64) / 366,
        "weekday": (day.astype(np.int64) + 3) % 7,
        "day": ((day - month).astype(np.int64) + 1) / 31,
        "hour": (times - day).astype(np.int64) / _MICROSECONDS_A_DAY,
    }


def _encoded(part: str, values: Array) -> list[Array]:
    """The outputs of a part: cycles as sine and cosine, weekdays as indicators."""
    if part == "weekday":
        return [values == day for day in range(7)]
    if part == "day":
        return [values]
    return [np.sin(2 * np.pi * values), np.cos(2 * np.pi * values)]
