"""Rows that must mean what a known schema says: a bundle's rows to answer, or test rows beside training rows.

Whatever differs harmlessly is read as the schema has it: numbers written as text, whole numbers stored as decimals,
dates written as text. What cannot be read so is an error that names place, column and row (from 0, as `predict` does).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from luban.core.errors import DataError
from luban.core.suggest import did_you_mean
from luban.features import boolean, datetime
from luban.schema.schema import MISSING, Column, Schema

_NUMBERS = (*MISSING, "None", "none", "?", "-")
"""Texts that stand for a missing number."""


@dataclass(frozen=True)
class _Plan:
    """What is looked at for each table of rows: worked out once for a schema.

    names: of the input columns. columns: the same, with their kinds.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]


def conform(frame: pl.DataFrame, schema: Schema, *, where: str, first_row: int = 0) -> pl.DataFrame:
    """The input columns in the order of the schema, as their features read them. Other columns are left out.

    first_row: the number of the first row of this table, for messages.
    Raises DataError for a column that is missing, and for a value that is not of the column's data type.

    >>> schema = Schema((Column("age", "number", "input", "", "Int64"),))
    >>> conform(pl.DataFrame({"age": ["31", None], "town": ["Ulm", "Bonn"]}), schema, where="x.csv")["age"].to_list()
    [31.0, None]
    """
    plan = _plan(schema)
    try:
        chosen = [frame.get_column(name) for name in plan.names]
    except pl.exceptions.ColumnNotFoundError:
        _missing_column(frame, plan, where)
    changed = frame.columns != list(plan.names)
    for place, (values, column) in enumerate(zip(chosen, plan.columns, strict=True)):
        if column.kind == "number" and values.dtype.is_numeric():
            continue
        read = _checked(values, column, _how(values, column), where, first_row)
        if read is not values:
            chosen[place] = read
            changed = True
    return pl.DataFrame(chosen) if changed else frame


def follow(frame: pl.LazyFrame, schema: Schema, *, where: str) -> pl.LazyFrame:
    """A table that can stand below the rows that the schema was made of. Only columns stored otherwise are looked at.

    Raises DataError for a value that cannot be read as the schema has it.
    """
    dtypes = frame.collect_schema()
    changes = []
    for column in schema.columns:
        if column.name in dtypes and not _fits(dtypes[column.name], column):
            values = frame.select(column.name).collect(engine="streaming").to_series()
            how = _how(values, column)
            needed = column.role not in ("ignored", "id")
            read = _checked(values, column, how, where, 0) if needed else _read(values, column, how)
            reader = functools.partial(_read, column=column, how=how)
            changes.append(pl.col(column.name).map_batches(reader, return_dtype=read.dtype, is_elementwise=True))
    return frame.with_columns(changes) if changes else frame


def _fits(dtype: pl.DataType, column: Column) -> bool:
    if str(dtype) == column.dtype or (_is_number(column.dtype) and dtype.is_numeric()):
        return True
    return column.dtype.startswith(("Date", "List", "Array", "Struct")) and dtype != pl.String


def _checked(values: pl.Series, column: Column, how: str | None, where: str, first_row: int) -> pl.Series:
    read = _read(values, column, how)
    if read is not values and read.null_count() > values.null_count():
        unread = read.is_null() & _without_words(values, column).is_not_null()
        if unread.any():
            _unreadable(values, unread, column, where, first_row)
    return read


def _how(values: pl.Series, column: Column) -> str | None:
    """How a text is a time."""
    return datetime.reading(values) if column.kind == "datetime" and values.dtype == pl.String else None


def _read(values: pl.Series, column: Column, how: str | None) -> pl.Series:
    """The values as the column's data type stores them; missing where that cannot be."""
    if column.kind == "number" and values.dtype == pl.String:
        # Looking for words takes longer than reading numbers, and there are few.
        read = _as_number(values)
        return read if read.null_count() == values.null_count() else _as_number(_without_words(values, column))
    if values.dtype == pl.Binary:
        # The bytes of an image or a sound may come where paths came before.
        return values
    values = _without_words(values, column)
    if column.kind == "number" or (_is_number(column.dtype) and values.dtype == pl.String):
        return _as_number(values)
    if column.kind == "datetime":
        return _as_time(values, column, how)
    if column.dtype == "Boolean":
        return boolean.parse(values)
    if column.kind == "boolean":
        words = _text(values) if column.dtype == "String" else values
        return _where(words, boolean.parse(words))
    return _as_text(values, column)


def _where(values: pl.Series, read: pl.Series) -> pl.Series:
    """The values, missing where nothing was read."""
    return values if read.null_count() == values.null_count() else values.set(read.is_null(), None)


def _without_words(values: pl.Series, column: Column) -> pl.Series:
    """The values without texts that stand for none."""
    if values.dtype in (pl.Categorical, pl.Enum, pl.Null):
        values = values.cast(pl.String)
    if values.dtype.is_float():
        return values.fill_nan(None) if values.is_nan().any() else values
    if values.dtype != pl.String:
        return values
    words = {*column.missing_words, *(_NUMBERS if _is_number(column.dtype) else MISSING)}
    if len(values) <= boolean.FEW and words.isdisjoint(values.to_list()):
        return values
    said = values.is_in(list(words))
    return values.set(said, None) if said.any() else values


def _as_number(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        return values.str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None)
    return values.cast(pl.Float64, strict=False)


def _as_time(values: pl.Series, column: Column, how: str | None) -> pl.Series:
    if values.dtype != pl.String:
        return values
    times = datetime.parse(values, how)
    # Text stays text where the training rows were text: the feature has learned how it is written.
    return _where(values, times) if column.dtype == "String" else times


def _as_text(values: pl.Series, column: Column) -> pl.Series:
    """Categories and texts: a whole number that came as a decimal is written as a whole number."""
    if values.dtype.is_nested():
        return values
    if column.dtype.startswith(("Int", "UInt")) and values.dtype.is_float():
        whole = values.cast(pl.Int64, strict=False)
        return whole if (whole.cast(pl.Float64) == values).all() else values
    return _text(values) if column.dtype == "String" else values


def _text(values: pl.Series) -> pl.Series:
    return values if values.dtype == pl.String else values.cast(pl.String, strict=False)


def _is_number(dtype: str) -> bool:
    return dtype.startswith(("Int", "UInt", "Float", "Decimal"))


@functools.lru_cache(maxsize=32)
def _plan(schema: Schema) -> _Plan:
    return _Plan(tuple(column.name for column in schema.inputs), schema.inputs)


def _missing_column(frame: pl.DataFrame, plan: _Plan, where: str) -> NoReturn:
    missing = [name for name in plan.names if name not in frame.columns]
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    raise DataError(
        f"the column '{missing[0]}'{more} is missing. {did_you_mean(missing[0], frame.columns)}",
        where=where,
        fix="give the columns that the model learned from: luban inspect BUNDLE",
    )


def _unreadable(values: pl.Series, unread: pl.Series, column: Column, where: str, first_row: int) -> NoReturn:
    row = int(unread.arg_true()[0])
    shown = repr(values[row])[:60]
    what = {"number": "number", "datetime": "date or time", "boolean": "yes or no"}.get(column.kind, "number")
    count = int(unread.sum())
    more = f" ({count:,} such values)" if count > 1 else ""
    raise DataError(
        f"{shown} is not a {what}{more}.",
        where=f"{where}, column '{column.name}', row {first_row + row}",
        fix="correct the value, or leave it empty if it is not known",
    )
