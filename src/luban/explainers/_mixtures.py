"""Rows of a game that are written anew without some of their units, for those who ask what is answered to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from luban.batch import Array
from luban.protocols import Subject


def written(subject: Subject, game: int, coalitions: Array, stands_in: Array) -> pl.DataFrame:
    """A row for each coalition, (coalitions, units) boolean, True for what stays.

    stands_in: (coalitions,) int64, the row of the reference whose values stand for whole columns that are left out.
    """
    row, usual, cuts = subject.frame[game : game + 1], subject.inside.usual, subject.cuts[game]
    columns = {name: row[name].gather(np.zeros(len(coalitions), np.int64)) for name in row.columns}
    for number, unit in enumerate(subject.units[game]):
        if unit.column not in cuts:
            both = pl.concat([row[unit.column], usual[unit.column]])
            columns[unit.column] = both.gather(np.where(coalitions[:, number], 0, 1 + stands_in))
    first = subject.count - sum(len(cut.units) for cut in cuts.values())
    for name, cut in cuts.items():
        columns[name] = cut.masked(coalitions[:, first : first + len(cut.units)]).alias(name)
        first += len(cut.units)
    return pl.DataFrame(list(columns.values()))


def is_same(subject: Subject, game: int) -> tuple[Callable[[pl.DataFrame], Array], str]:
    """Whether rows are answered as the row of the game is, (rows,) boolean, and what that means, in words.

    Of classes, words and texts: whether what is said is the same. Of values: whether the answer is nearer to the one to
    the row than to the usual one.
    """
    if subject.scale in ("probability", "log-odds"):
        said: Any = subject.said(subject.frame[game : game + 1])[0]
        return lambda rows: np.array([each == said for each in subject.said(rows)]), "answered the same"
    ends = np.stack([np.zeros(subject.count, bool), np.ones(subject.count, bool)])
    base, whole = subject.values(ends, np.array([game]))[:, 0]
    half = abs(whole - base) / 2
    return (
        lambda rows: np.abs(subject.answer(rows, game) - whole) <= half,
        "answered nearer to this row than to a usual one",
    )
