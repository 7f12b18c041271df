"""Tables of other libraries: in from any of them, and answers back out as the same kind."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from luban.batch import Array
from luban.core.errors import DataError
from luban.schema.schema import Schema

if TYPE_CHECKING:
    import polars as pl


def to_polars(x: Any, schema: Schema) -> pl.DataFrame:
    """The rows as a polars table. A 2-d array takes its columns in the order of the schema's inputs."""
    import numpy as np
    import polars as pl

    from luban.data.frames import frame_of

    if isinstance(x, list) and x and isinstance(x[0], dict):
        return pl.DataFrame(x, infer_schema_length=None)
    if isinstance(x, np.ndarray | list):
        array = np.asarray(x)
        names = [column.name for column in schema.inputs]
        if array.ndim != 2 or array.shape[1] != len(names):
            raise DataError(
                f"the array has the shape {array.shape}; the model has {len(names)} inputs: (rows, {len(names)}).",
                where="the rows",
                fix=f"one row alone: x.reshape(1, -1); the inputs are {', '.join(names[:8])}",
            )
        return pl.DataFrame({name: array[:, i] for i, name in enumerate(names)})
    return frame_of(x)


def like(x: Any, name: str, values: Sequence[Any]) -> Any:
    """The values as a series of the library that `x` belongs to; an array where it belongs to none."""
    import numpy as np
    import polars as pl

    if isinstance(x, pl.DataFrame | pl.LazyFrame):
        return pl.Series(name, values)
    if _is_of(x, "pandas"):
        return sys.modules["pandas"].Series(values, index=x.index, name=name)
    if _is_of(x, "pyarrow"):
        return sys.modules["pyarrow"].array(values)
    if values and isinstance(values[0], list):
        # An entry a row, also where all lists are of equal length.
        listed = np.empty(len(values), dtype=object)
        for place, value in enumerate(values):
            listed[place] = value
        return listed
    return np.asarray(values)


def columns_like(x: Any, columns: dict[str, list[Any]]) -> Any:
    """The columns as a table of the library that `x` belongs to; as they are where it belongs to none."""
    import polars as pl

    if isinstance(x, pl.DataFrame | pl.LazyFrame):
        return pl.DataFrame(columns)
    if _is_of(x, "pandas"):
        return sys.modules["pandas"].DataFrame(columns, index=x.index)
    if _is_of(x, "pyarrow"):
        return sys.modules["pyarrow"].table(columns)
    return columns


def table_like(x: Any, names: tuple[str, ...], values: Array) -> Any:
    """(rows, names) as a table of the library that `x` belongs to; the array itself where it belongs to none."""
    import polars as pl

    if isinstance(x, pl.DataFrame | pl.LazyFrame):
        return pl.DataFrame({name: values[:, i] for i, name in enumerate(names)})
    if _is_of(x, "pandas"):
        return sys.modules["pandas"].DataFrame(values, index=x.index, columns=list(names))
    if _is_of(x, "pyarrow"):
        return sys.modules["pyarrow"].table({name: values[:, i] for i, name in enumerate(names)})
    return values


def _is_of(x: Any, library: str) -> bool:
    return type(x).__module__.split(".")[0] == library
