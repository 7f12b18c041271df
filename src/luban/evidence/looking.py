"""Lets every condition of a training look at its trace. What the conditions are lies in `conditions/`."""

from __future__ import annotations

import functools
from collections.abc import Callable

from luban.core import registry
from luban.evidence.finding import Finding
from luban.evidence.trace import Trace


def look(trace: Trace) -> tuple[list[Finding], list[tuple[str, str]]]:
    """What the conditions find in a trace, not yet attributed; and those that could not look, with the reason.

    Conditions of rows look too, where they know what a fault of theirs does to a training.
    """
    found: list[Finding] = []
    not_run: list[tuple[str, str]] = []
    for name, reads in _readers():
        try:
            found += reads(trace)
        except ValueError as reason:
            not_run.append((name, str(reason)))
    return found, not_run


@functools.cache
def _readers() -> tuple[tuple[str, Callable[[Trace], list[Finding]]], ...]:
    """The conditions that read a trace, by their ids: they look often beside short steps."""
    every = [registry.find("conditions", name) for name in registry.names("conditions")]
    reads = [(one.id, one.examine if one.sees == "training" else one.during) for one in every]
    return tuple((name, each) for name, each in reads if each is not None)
