"""`luban evaluate`: how a bundle does on rows whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core.console import SILENT, Console
from luban.core.errors import DataError
from luban.evidence.measurement import Measurement
from luban.verbs import gates
from luban.verbs.bundle import Bundle, opened


@dataclass(frozen=True)
class Evaluated:
    """The figures. dropped: how many rows could not be measured, by reason."""

    measurements: tuple[Measurement, ...]
    rows: int
    dropped: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "dropped": dict(self.dropped),
            "measurements": [measurement.to_json() for measurement in self.measurements],
        }


def evaluate(
    bundle: Bundle | str | Path,
    data: Any,
    *,
    require: Sequence[str] = (),
    threads: int | None = None,
    console: Console = SILENT,
) -> Evaluated:
    """Every metric of the task on rows whose target is known, each with its 95% interval and beside the baseline.

    Raises DataError where the target is missing, GateError when `require` is not met.
    """
    from luban.verbs import remeasuring

    gates.parse(require)
    found = opened(bundle)
    answered = remeasuring.answered(found, data, threads=threads, console=console)
    measurements = remeasuring.given(found, answered)
    if not measurements:
        raise DataError("no metric is defined on these rows.", where=answered.name, fix="give rows of several classes")
    result = Evaluated(tuple(measurements), len(answered.target), answered.dropped)
    gates.check(require, measurements, [], result.to_json())
    return result
