"""Occlusion: by how much the answer moves where one unit alone is left out (Zeiler and Fergus, 2014, arXiv 1311.2901).

One call for each unit. What units do together is not told: of two that say the same, each may seem to add nothing.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np

from luban.core.errors import UsageError
from luban.protocols import Attributed, Effort, Subject


@final
class Occlusion:
    """Each unit left out alone."""

    name: ClassVar[str] = "occlusion"

    def declines(self, subject: Subject) -> str | None:
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        units, games = subject.count, len(subject.units)
        least = units + 2
        if effort.calls is not None and effort.calls < least:
            message = f"{effort.calls:,} calls of the model are too few to leave each of {units:,} units out."
            raise UsageError(message, fix=f"allow {least:,} calls or more")
        ends = np.stack([np.zeros(units, bool), np.ones(units, bool)])
        told = subject.values(np.concatenate([ends, ~np.eye(units, dtype=bool)]), np.arange(games))
        exact = np.zeros(units)
        return [
            Attributed(whole - without, exact, float(base), float(whole), least, subject.scale, complete=False)
            for base, whole, without in zip(told[0], told[1], told[2:].T, strict=True)
        ]


explainer = Occlusion()
