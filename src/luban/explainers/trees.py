"""Trees: exact Shapley values of forests and boosted trees, from their leaves, without asking the model.

Interventional values: units that are left out have the numbers of the usual row, or with a background those of its
rows, of which the mean is told. They are of what the trees add up, before a link: log-odds for boosted trees of two
classes, probabilities or values for forests (`_sums`). Several numbers of one column, such as those of a category, are
one unit. Models that add up trees and sums of columns are explained too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.explainers import _affine, _columns, _leaves, _sums
from luban.protocols import Attributed, Effort, Subject

_KINDS = ("trees", "affine")


@final
class Trees:
    """Shapley values of trees."""

    name: ClassVar[str] = "trees"

    def declines(self, subject: Subject) -> str | None:
        reason = _columns.problem(subject)
        sums = reason or _sums.found(subject, _KINDS)
        if isinstance(sums, str):
            return f"it explains models of trees exactly: {sums}."
        if not any(form.kind == "trees" for each in sums for _, form in each.parts):
            return "it explains models of trees, and this one has none; linear explains it."
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        reason = "exact Shapley values, from the leaves of its trees"
        return None if self.declines(subject) else (10, reason)

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        sums = _sums.found(subject, _KINDS)
        assert not isinstance(sums, str), "whoever declines is not asked"
        read = _columns.read(subject)
        return [_explained(subject, read, game, one) for game, one in enumerate(sums)]


def _explained(subject: Subject, read: _columns.Columns, game: int, one: _sums.Sum) -> Attributed:
    """One game: the mean over the rows that stand in the place of what is left out."""
    units = read.units(subject, game)
    values, base, whole = np.zeros(len(units)), one.constant, one.constant
    for weights, form in one.parts:
        found = (_of_trees if form.kind == "trees" else _affine.shapley)(form, weights, read, game, units)
        values, base, whole = values + found[0], base + found[1], whole + found[2]
    return Attributed(values, np.zeros(len(units)), base, whole, 0, _sums.scale_of(one, subject))


def _of_trees(form: Any, weights: Array, read: _columns.Columns, game: int, units: Array) -> tuple[Array, float, float]:
    # Trees look at few of the many columns of a sparse matrix, so only those are made dense.
    used, place = np.unique(form.features, return_inverse=True)
    number = np.full(len(read.names), len(units), np.int64)
    number[units] = np.arange(len(units))
    unit = number[read.source[used]]
    others = _columns.chosen(read.references, used)
    row = _columns.chosen(read.rows[game : game + 1], used)
    # A column that is no unit has the row's value, whoever stands in its place.
    others = np.where(unit < len(units), others, row)
    narrow = replace(form, width=len(used), features=place.astype(np.int32))
    rows = np.broadcast_to(row, others.shape)
    found = _leaves.shapley(narrow, weights, rows, others, unit, len(units) + 1)
    return found.values[:, : len(units)].mean(axis=0), float(found.base.mean()), float(found.whole.mean())


explainer = Trees()
