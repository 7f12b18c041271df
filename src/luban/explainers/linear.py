"""Linear: exact Shapley values of sums of columns, from their weights, without asking the model.

What a column adds is the sum of its weights times how far its numbers are from the usual ones; of a background the mean
is what counts. It is told before a link: log-odds for two classes, a value for regression (`_sums`). A network of one
layer is such a sum too.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from luban.explainers import _affine, _columns, _sums
from luban.protocols import Attributed, Effort, Subject

_KINDS = ("affine",)


@final
class Linear:
    """Shapley values of sums of columns."""

    name: ClassVar[str] = "linear"

    def declines(self, subject: Subject) -> str | None:
        reason = _columns.problem(subject)
        sums = reason or _sums.found(subject, _KINDS)
        return f"it explains sums of columns exactly: {sums}." if isinstance(sums, str) else None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        reason = "exact Shapley values, from its weights: the model adds up its columns"
        return None if self.declines(subject) else (20, reason)

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        sums = _sums.found(subject, _KINDS)
        assert not isinstance(sums, str), "whoever declines is not asked"
        read, found = _columns.read(subject), []
        for game, one in enumerate(sums):
            units = read.units(subject, game)
            values, base, whole = np.zeros(len(units)), one.constant, one.constant
            for weights, form in one.parts:
                more = _affine.shapley(form, weights, read, game, units)
                values, base, whole = values + more[0], base + more[1], whole + more[2]
            scale = _sums.scale_of(one, subject)
            found.append(Attributed(values, np.zeros(len(units)), base, whole, 0, scale))
        return found


explainer = Linear()
