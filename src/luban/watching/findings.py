"""What was found in a training that is watched, and how a person is told: each condition once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

from luban.core import registry
from luban.core.console import Console
from luban.core.errors import TrainingFault
from luban.evidence.attribution import attributed
from luban.evidence.finding import WORST_FIRST, Finding, Signal, Where, listed
from luban.evidence.looking import look
from luban.evidence.trace import Trace
from luban.protocols import Condition


@final
class Findings:
    """The findings of one watch. Final.

    stop_on: the severity from which on `stop` raises; with None what is found is printed. found: by condition, symptoms
    included; what was found stays. not_run: reasons by condition.
    """

    def __init__(self, stop_on: str | None) -> None:
        self.found: dict[str, Finding] = {}
        self.not_run: Mapping[str, str] = {}
        self._stop_on = stop_on
        self._told: set[str] = set()

    def add(self, finding: Finding) -> None:
        """Takes what was found otherwise than by looking at a trace."""
        self.found.setdefault(finding.condition, finding)

    def examine(self, trace: Trace) -> None:
        """Lets each condition look, and prints what is new, unless findings stop the training."""
        found, not_run = look(trace)
        for finding in found:
            self.add(finding)
        self.not_run = dict(not_run)
        for finding in self.attributed():
            if finding.condition not in self._told:
                self._told.add(finding.condition)
                if self._stop_on is None:
                    Console().say(line(finding))

    def stop(self) -> None:
        """Raises TrainingFault for the first finding that is severe enough."""
        if self._stop_on is None:
            return
        worst = WORST_FIRST.index(self._stop_on)
        bad = [one for one in self.attributed() if WORST_FIRST.index(one.severity) <= worst]
        if bad:
            raise TrainingFault(f"{bad[0].condition}: {bad[0].text}", where=_place(bad[0]), fix=advice(bad[0]))

    def attributed(self) -> tuple[Finding, ...]:
        """What was found, the primary one first."""
        return tuple(attributed(list(self.found.values())))

    def to_json(self) -> dict[str, Any]:
        """`findings` and `not_run` as other verbs print them."""
        return listed(self.attributed(), sorted(self.not_run.items()))

    def report(self, steps: int) -> str:
        """What was found in so many steps, in words; and which conditions could not look."""
        lines = [line(finding) for finding in self.attributed()] or [f"nothing was found in {steps:,} steps"]
        if self.not_run:
            reasons = "; ".join(f"{name} ({why})" for name, why in sorted(self.not_run.items()))
            lines.append(f"not looked at: {reasons}")
        return "\n".join(lines)


def not_finite(step: int, loss: float, bad: tuple[str, str | None] | None, given: bool) -> Finding:
    """The finding of a step with a number that is not finite.

    bad: where that was seen first, in words, and the layer. given: whether it came in with the rows.
    """
    what, layer = bad or ("every number that could be looked at is finite, so it is the loss", None)
    seen = "the loss" if not math.isfinite(loss) else "a gradient"
    cure = "fill missing values" if given else "take smaller steps or clip the gradient"
    text = (
        f"at step {step} {seen} is not finite, and {what} (threshold: all numbers are). Go back to the last good "
        f"weights, and {cure}."
    )
    signal = Signal("steps whose numbers are finite", float(step), float(step + 1), step + 1)
    found = Finding("nonfinite-training", "severe", Where(layer=layer, step=step, batch=step), signal, text)
    return replace(found, condition="nonfinite-data") if given else found


def line(finding: Finding) -> str:
    """A finding for a person: how severe, what, where, why, and what to change."""
    explains = f" (it explains {', '.join(finding.explains)})" if finding.explains else ""
    return f"luban: {finding.severity}: {finding.condition}: {finding.text}{explains}\n       {advice(finding)}"


def advice(finding: Finding) -> str:
    """The line of code that cures it, in a loop of one's own."""
    condition: Condition = registry.find("conditions", finding.condition)
    return condition.code


def _place(finding: Finding) -> str:
    where = finding.where
    parts = [f"step {where.step}" if where.step is not None else "", f"layer '{where.layer}'" if where.layer else ""]
    return ", ".join(part for part in parts if part) or "the training"
