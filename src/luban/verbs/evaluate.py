"""`luban evaluate`: how a bundle does on rows whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.batch import Ragged
from luban.core.console import SILENT, Console
from luban.core.errors import DataError
from luban.evidence.finding import Finding, listed
from luban.evidence.measurement import Measurement
from luban.verbs import gates
from luban.verbs.bundle import Bundle, opened


@dataclass(frozen=True)
class Evaluated:
    """The figures. dropped: how many rows could not be measured, by reason.

    findings: what conditions saw in the answers, the primary one first. not_run: those that could not look, and why.
    """

    measurements: tuple[Measurement, ...]
    rows: int
    dropped: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "dropped": dict(self.dropped),
            "measurements": [measurement.to_json() for measurement in self.measurements],
            **listed(self.findings, self.not_run),
        }


def evaluate(
    bundle: Bundle | str | Path,
    data: Any,
    *,
    require: Sequence[str] = (),
    threads: int | None = None,
    console: Console = SILENT,
) -> Evaluated:
    """Every metric of the task on rows whose target is known, each with its 95% interval and beside the baseline; and
    whether probabilities come true there, and whether a part of the rows is answered much worse.

    require: of the figures, or `no-severe` or `no-warning` of what is found.
    Raises DataError where the target is missing, GateError when `require` is not met.
    """
    from luban.verbs import judging_given, known_rows, remeasuring

    gates.parse(require)
    found = opened(bundle)
    answered = known_rows.answered(found, data, threads=threads, console=console)
    measurements = remeasuring.given(found, answered)
    if not measurements:
        raise DataError("no metric is defined on these rows.", where=answered.name, fix="give rows of several classes")
    seen, not_run = list[Finding](), list[tuple[str, str]]()
    if answered.looked is not None and not isinstance(answered.target, Ragged):
        some = answered.looked
        seen, not_run = judging_given.look(
            found, answered.target[some], answered.answers.take(some), answered.slices,
            None if answered.weight is None else answered.weight[some],
        )  # fmt: skip
    result = Evaluated(tuple(measurements), len(answered.target), answered.dropped, tuple(seen), tuple(not_run))
    gates.check(require, measurements, seen, result.to_json())
    return result
