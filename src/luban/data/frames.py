"""Tables of other libraries as polars tables, without a copy where their memory allows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from luban.core.errors import DataError, UsageError

_KINDS = "a path, sample:NAME, a polars, pandas or pyarrow table, a mapping of columns, or a list of rows as mappings"


def is_frame(x: Any) -> bool:
    """Whether this is a table rather than the place of one."""
    return not isinstance(x, str | bytes) and not hasattr(x, "__fspath__")


def frame_of(x: Any) -> pl.DataFrame:
    """The rows as a polars table.

    x: a polars table, lazy or not; a pandas or pyarrow table or anything else that speaks the Arrow C stream; a mapping
        of columns; a list of rows, each a mapping.

    Raises UsageError for anything else, and DataError where columns cannot be told apart or differ in length.

    >>> frame_of([{"age": 31, "town": "Ulm"}, {"age": 40}]).rows()
    [(31, 'Ulm'), (40, None)]
    """
    if isinstance(x, pl.DataFrame):
        return x
    if isinstance(x, pl.LazyFrame):
        return x.collect(engine="streaming")
    if isinstance(x, pl.Series):
        return x.to_frame()
    try:
        return _converted(x)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"the rows cannot be read as a table: {str(error).splitlines()[0]:.160}", where="the data", fix=_KINDS
        ) from None


def _converted(x: Any) -> pl.DataFrame:
    module = type(x).__module__.split(".")[0]
    if module == "pandas":
        return _of_pandas(x)
    if module == "pyarrow":
        _unique(x.schema.names)
    if hasattr(x, "__arrow_c_stream__"):
        return pl.DataFrame(x)
    if isinstance(x, Mapping):
        return _of_columns(x)
    if isinstance(x, Sequence) and not isinstance(x, str | bytes) and all(isinstance(row, Mapping) for row in x):
        names = list(dict.fromkeys(str(name) for row in x for name in row))
        return _of_columns({name: [row.get(name) for row in x] for name in names})
    raise UsageError(f"a {type(x).__name__} is no table.", where="the data", fix=f"give {_KINDS}")


def _of_pandas(x: Any) -> pl.DataFrame:
    if not hasattr(x, "columns"):
        x = x.to_frame()
    names = [str(name) for name in x.columns]
    _unique(names)
    x = x.set_axis(names, axis=1)
    try:
        return pl.from_pandas(x)
    except (ModuleNotFoundError, TypeError, ValueError, pl.exceptions.PolarsError):
        # Without pyarrow, or with columns of Python objects of several types.
        return _of_columns({name: _plain(x[name]) for name in names})


def _plain(values: Any) -> Any:
    if values.dtype.kind in "biufM":
        return values.to_numpy()
    return [None if value != value else value for value in values.to_list()]


def _of_columns(columns: Mapping[Any, Any]) -> pl.DataFrame:
    names = [str(name) for name in columns]
    _unique(names)
    series = [_series(name, values) for name, values in zip(names, columns.values(), strict=True)]
    lengths = {len(each) for each in series}
    if len(lengths) > 1:
        raise DataError(f"the columns have different lengths: {sorted(lengths)[:4]}.", where="the data", fix=_KINDS)
    return pl.DataFrame(series)


def _series(name: str, values: Any) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, list | tuple):
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:
            return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
        return pl.Series(name, values, strict=False)
    return pl.Series(name, values)


def _unique(names: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"two columns are called '{twice}'.", where="the data", fix="rename one of them")


def plain_types(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The table with few data types: categories as text, decimals and durations (seconds) as numbers, NaN as missing.

    >>> plain_types(pl.LazyFrame({"x": [1.0, float("nan")]})).collect()["x"].to_list()
    [1.0, None]
    """
    changes = [change for name, dtype in frame.collect_schema().items() if (change := _change(name, dtype)) is not None]
    return frame.with_columns(changes) if changes else frame


def _change(name: str, dtype: pl.DataType) -> pl.Expr | None:
    column = pl.col(name)
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Null):
        return column.cast(pl.String)
    if isinstance(dtype, pl.Decimal):
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Duration):
        return column.dt.total_microseconds() / 1e6
    if isinstance(dtype, pl.Time):
        return column.cast(pl.Int64) / 1e9
    return column.fill_nan(None) if dtype.is_float() else None
