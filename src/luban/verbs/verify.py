"""`luban verify`: whether the evidence of a bundle can be had again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core import fingerprint
from luban.core.console import SILENT, Console
from luban.core.errors import GateError, UsageError
from luban.verbs.bundle import Bundle, opened

TOLERANCE = 1e-6
"""How far a figure may lie from the recorded one, relative to it: libraries round differently on other machines."""


@dataclass(frozen=True)
class Verified:
    """What was measured again. same_data: whether it was on the data that the bundle was made of."""

    bundle: str
    same_data: bool
    checks: tuple[dict[str, Any], ...]

    @property
    def met(self) -> bool:
        return bool(self.checks) and all(check["agrees"] for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {
            "bundle": self.bundle,
            "verified": self.met,
            "same_data": self.same_data,
            "files": "every file has the sha256 that the manifest states",
            "checks": list(self.checks),
        }


def verify(bundle: Bundle | str | Path, data: Any, *, console: Console = SILENT) -> Verified:
    """Checks every file of a bundle, and measures its test rows again on the data that it was fitted on.

    data: the same data. Where the test rows were given apart, those rows.
    Raises GateError when a figure is another, with all figures in its document.
    """
    from luban.verbs import remeasuring

    found = opened(bundle)
    recorded = [measurement for measurement in found.measurements if measurement.split == "test"]
    if not recorded:
        raise UsageError(
            "the bundle records no figure on test rows.", where=str(found.path), fix="luban inspect BUNDLE"
        )
    if found.recipe.train.refit == "all":
        raise GateError(
            "the final model was fitted on the test rows too; the score is of the model without them, so it cannot be "
            "measured again.",
            where=str(found.path),
            fix="luban fit DATA --recipe BUNDLE --refit train",
        )
    again, prints = remeasuring.again(found, data, console=console)
    figures = {measurement.name: measurement for measurement in again}
    checks: list[dict[str, Any]] = []
    for before in recorded:
        now = figures.get(before.name)
        agrees = now is not None and all(
            _close(getattr(before, part), getattr(now, part)) for part in ("value", "low", "high", "rows")
        )
        value = None if now is None else now.value
        checks.append({"metric": before.name, "recorded": before.value, "measured": value, "agrees": agrees})
    key = found.stored.evidence.get("run", {}).get("key", {})
    same = key.get("data") == fingerprint.of_json(prints)
    result = Verified(str(found.path), same, tuple(checks))
    if not result.met:
        wrong = ", ".join(check["metric"] for check in checks if not check["agrees"])
        why = "" if same else " The data is not the one that the bundle was made of."
        raise GateError(
            f"measured again, these figures differ: {wrong}.{why}", where=str(found.path), document=result.to_json()
        )
    return result


def _close(before: float, now: float) -> bool:
    return abs(before - now) <= TOLERANCE * max(1.0, abs(before))
