"""Lets every condition of a training look at its trace. What the conditions are lies in `conditions/`."""

from __future__ import annotations

from luban.core import registry
from luban.evidence.finding import Finding
from luban.evidence.trace import Trace


def look(trace: Trace) -> tuple[list[Finding], list[tuple[str, str]]]:
    """What the conditions find in a trace, not yet attributed; and those that could not look, with the reason.

    Conditions of rows look too, where they know what a fault of theirs does to a training.
    """
    found: list[Finding] = []
    not_run: list[tuple[str, str]] = []
    for name in registry.names("conditions"):
        condition = registry.find("conditions", name)
        reads = condition.examine if condition.sees == "training" else condition.during
        if reads is None:
            continue
        try:
            found += reads(trace)
        except ValueError as reason:
            not_run.append((condition.id, str(reason)))
    return found, not_run
