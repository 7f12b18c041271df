"""How alike the two texts of each row are, without labels: the cosine of their vectors.

Two towers (CLIP) compare an image with a text, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl

from luban.batch import Array
from luban.core.errors import DataError, UsageError
from luban.core.suggest import did_you_mean
from luban.schema.schema import Schema

if TYPE_CHECKING:
    from luban.data.dataset import Dataset
    from luban.verbs.bundle import Bundle

WHERE = "--pair"
_EXAMPLE = "--pair question,other"


@final
@dataclass(frozen=True, eq=False)
class Pair:
    """The two columns, and what makes a vector of length 1 of the values of each."""

    columns: tuple[str, str]
    vectors: tuple[Callable[[pl.DataFrame], Array], Callable[[pl.DataFrame], Array]]
    where: str

    def cosines(self, rows: pl.DataFrame, first: int = 0) -> Array:
        """(rows,) float64 from -1 to 1. first: the number of the first row.

        Raises DataError that names column and row where a text is missing or empty.
        """
        for name in self.columns:
            if rows[name].dtype.is_nested():
                continue
            bare = (rows[name].cast(pl.String).fill_null("").str.strip_chars().str.len_chars() == 0).arg_true()
            if len(bare):
                raise DataError(
                    f"row {first + bare[0]} has no text in '{name}', so there is nothing to compare.",
                    where=self.where,
                    fix="fill or leave out the row",
                )
        one, other = (read(rows) for read in self.vectors)
        return np.clip(np.einsum("rw,rw->r", one, other), -1.0, 1.0)


def columns_of(asked: str, schema: Schema) -> tuple[str, str]:
    """The two columns that `A,B` names; a name may hold a comma itself. Raises UsageError where one is not there.

    >>> from luban.schema.schema import Column
    >>> schema = Schema(tuple(Column(name, "text", "input", "", "String") for name in ("question", "other, if any")))
    >>> columns_of("question,other, if any", schema)
    ('question', 'other, if any')
    """
    cuts = [place for place, letter in enumerate(asked) if letter == ","]
    named = [(asked[:place].strip(), asked[place + 1 :].strip()) for place in cuts]
    for one, other in named:
        if one in schema and other in schema and one != other:
            return one, other
    if not named:
        raise UsageError(f"'{asked}' names no two columns.", where=WHERE, fix=_EXAMPLE)
    wrong = [name for name in named[0] if name not in schema]
    if not wrong:
        raise UsageError(
            f"a text of '{named[0][0]}' is as it is itself; name another column.", where=WHERE, fix=_EXAMPLE
        )
    raise UsageError(
        f"there is no column '{wrong[0]}'. {did_you_mean(wrong[0], schema.names)}",
        where=WHERE,
        fix="luban inspect DATA shows the columns",
    )


def pair_of(name: str, compares: Bundle | None, dataset: Dataset, asked: str) -> Pair:
    """What compares the columns that `A,B` names: a pretrained model of this name, or a bundle that compares pairs.

    Raises UsageError for a model or a column that is none.
    """
    from luban.verbs import halves, one_column, towers, unlabelled

    columns = columns_of(asked, dataset.schema)
    one, other = columns
    if compares is not None:
        half = halves.of(compares, dataset, one)
        return Pair(columns, (half.of_rows, lambda rows: half.vectors(rows[other].cast(pl.String))), dataset.where)
    tower = towers.of(name, dataset, one)
    if tower is not None:
        second = towers.of(name, dataset, other)
        assert second is not None, "it is the same model"
        return Pair(columns, (tower.of_rows, second.of_rows), dataset.where)
    kind = one_column.kind_of(name)
    schema = one_column.column_of(dataset, one, kind)
    encoder = unlabelled.encoder(name, schema, one_column.first_rows(dataset, schema))

    def second_of(rows: pl.DataFrame) -> Array:
        return encoder.vectors(rows[other].cast(pl.String) if kind == "text" else rows[other])

    return Pair(columns, (encoder.of_rows, second_of), dataset.where)
