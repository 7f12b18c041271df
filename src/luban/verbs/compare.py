"""`luban compare`: whether one bundle is really better than another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.evidence.measurement import Measurement
from luban.verbs.bundle import Bundle, opened

Verdict = Literal["first", "second", "none"]


@dataclass(frozen=True)
class Compared:
    """Figures of the first bundle with the second as the baseline, metric by metric; or both as recorded."""

    names: tuple[str, str]
    measurements: tuple[Measurement, ...]
    recorded: tuple[tuple[Measurement, ...], tuple[Measurement, ...]] = ((), ())
    text: str = ""

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"bundles": list(self.names), "text": self.text}
        if self.measurements:
            document["measurements"] = [
                {**measurement.to_json(), "better": verdict(measurement)} for measurement in self.measurements
            ]
        else:
            document["recorded"] = [[m.to_json() for m in figures] for figures in self.recorded]
        return document


def compare(
    first: Bundle | str | Path, second: Bundle | str | Path, *, data: Any = None, console: Console = SILENT
) -> Compared:
    """Whether two bundles differ on the same rows: every metric's difference with its paired 95% interval.

    data: rows with the target, that neither was trained on. Without them the figures that each bundle recorded are
    put side by side, which decides nothing: they may come of different rows.

    Raises UsageError for bundles of different questions.
    """
    from luban.verbs import remeasuring

    one, other = opened(first), opened(second)
    names = _name(one, "the first"), _name(other, "the second")
    questions = [(b.stored.facts["task"], b.stored.facts.get("target"), sorted(b.classes)) for b in (one, other)]
    if questions[0] != questions[1]:
        raise UsageError(
            f"the bundles answer different questions: {_question(one)}, and {_question(other)}.",
            where="luban compare",
            fix="compare bundles of one target and its classes",
        )
    if data is None:
        text = "Figures as each bundle recorded them; whether the difference is real takes the same rows: --data DATA."
        return Compared(names, (), (tuple(one.measurements), tuple(other.measurements)), text)
    measurements = remeasuring.paired(one, other, data, names[1], console=console)
    return Compared(names, tuple(measurements), text=_told(measurements, names))


def verdict(measurement: Measurement) -> Verdict:
    """Which bundle is better by this figure: `none` where the interval of the difference holds 0."""
    difference = measurement.difference
    if difference is None or difference.low <= 0 <= difference.high:
        return "none"
    return "first" if (difference.low > 0) == (measurement.direction == "higher") else "second"


def _told(measurements: Sequence[Measurement], names: tuple[str, str]) -> str:
    verdicts = {verdict(measurement) for measurement in measurements} - {"none"}
    if not verdicts:
        return f"No difference between {names[0]} and {names[1]} is beyond chance on these rows."
    if len(verdicts) == 2:
        return f"{names[0]} and {names[1]} are each better by some of the metrics."
    better = names[0] if verdicts == {"first"} else names[1]
    return f"{better} is better, beyond chance, by at least one metric, and worse by none."


def _name(bundle: Bundle, otherwise: str) -> str:
    return bundle.path.name if bundle.path is not None else otherwise


def _question(bundle: Bundle) -> str:
    facts = bundle.stored.facts
    return f"{facts['task']} of '{facts.get('target')}'"
