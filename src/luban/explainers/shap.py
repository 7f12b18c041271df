"""SHAP: the Shapley value of each unit (Lundberg and Lee, arXiv 1705.07874), for every model, each with its error.

What a unit adds to the answer, on average over all orders in which the units can come. Left out, a unit has its usual
value, or with a background the values of other rows (interventional, or marginal, Shapley values). Values of all
coalitions are asked for where that are few; else of some, and the rest is foretold (`_smoother`).
"""

from __future__ import annotations

from typing import ClassVar, final

from luban.explainers import _coalition
from luban.protocols import Attributed, Effort, Subject

EXACT = 10
"""Units up to which all coalitions are asked about: 2^10 calls take no longer than 40 calls for each of 25 units."""
EACH = 40
"""Calls for each unit, where there are more units."""


@final
class Shap:
    """Shapley values by asking the model."""

    name: ClassVar[str] = "shap"

    def declines(self, subject: Subject) -> str | None:
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return 50, "Shapley values by asking the model, which works for every model"

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        units, games = subject.count, len(subject.units)
        calls = effort.calls or (2**units if units <= EXACT else min(EACH * units, _coalition.MOST))
        found = _coalition.attribute(subject.values, units, games, calls=calls, error=effort.error, seed=effort.seed)
        return [
            Attributed(
                found.values[game],
                found.errors[game],
                float(found.base[game]),
                float(found.base[game] + found.gain[game]),
                int(found.calls[game]),
                subject.scale,
            )
            for game in range(games)
        ]


explainer = Shap()
