"""Calibration: probabilities corrected on held-out rows, so that what is said at 80% is right in 80% of cases.

`auto` corrects only where it is shown to help: the correction is fitted on all folds but one and judged on that one,
and the paired interval of the gain in log loss must lie above zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from luban import spans
from luban.batch import Answers, Array, PerRow, Ragged
from luban.core import registry
from luban.core.seed import derive
from luban.evidence import intervals
from luban.forms.isotonic import Line, straightened
from luban.forms.temperature import tempered
from luban.protocols import Form, Metric

ENOUGH_FOR_ISOTONIC = 1_000
"""Held-out rows below which `auto` leaves isotonic out: its many steps follow the noise of fewer."""
WAYS = ("temperature", "isotonic")
_LEAST, _MOST = np.log(0.05), np.log(20.0)

Correction = Mapping[str, Any]
"""The fields of the form that corrects; empty for none."""


@dataclass(frozen=True)
class Calibration:
    """A correction of probabilities, and why.

    method: `none`, `temperature` or `isotonic`. parameters: the fields of its form.
    before, after: the log loss on held-out rows without and with it, fitted on the other folds.
    """

    method: str
    reason: str
    before: float
    after: float
    parameters: Correction = field(default_factory=dict)

    def apply(self, outputs: PerRow) -> PerRow:
        """(rows, classes) corrected probabilities; or pieces of texts with corrected ones."""
        if isinstance(outputs, Ragged):
            if self.method == "none":
                return outputs
            return spans.corrected(outputs, lambda sure: _apply(self.method, self.parameters, _against(sure))[:, 1])
        return _apply(self.method, self.parameters, outputs)

    def around(self, form: Form) -> Form:
        """The form whose answers are corrected; the form itself where nothing is."""
        if self.method == "none":
            return form
        corrected: Form = registry.find("forms", self.method)(form, **self.parameters)
        return corrected

    def to_json(self) -> dict[str, Any]:
        temperature = {"temperature": self.parameters["temperature"]} if self.method == "temperature" else {}
        return {
            "method": self.method,
            "reason": self.reason,
            "metric": "log-loss",
            "before": self.before,
            "after": self.after,
            **temperature,
        }


def of_pieces(
    outputs: Ragged, right: Array, folds: Array, method: str, weight: Array | None = None, *, seed: int = 0
) -> Calibration:
    """The correction of how sure a model is of the pieces of texts that it answers, by whether they are right.

    outputs: as `spans.settled` has them. right: (rows,) 0 or 1. method: `auto`, `none` or `temperature`.
    """
    sure = _against(spans.places(outputs)[:, 1])
    return calibrate(sure, right.astype(np.int64), folds, method, weight, seed=seed, ways=("temperature",))


def _against(sure: Array) -> Array:
    """(rows, 2) probabilities that something is not so, and that it is."""
    return np.stack([1.0 - sure, sure], axis=1)


def calibrate(
    outputs: Array,
    target: Array,
    folds: Array,
    method: str,
    weight: Array | None = None,
    *,
    seed: int = 0,
    ways: Sequence[str] = WAYS,
) -> Calibration:
    """The correction of probabilities of classes that exclude each other.

    outputs: (rows, classes) of rows not used to fit. target: (rows,) codes. folds: (rows,) the fold of each.
    method: `auto`, `none`, `temperature` or `isotonic`. ways: what `auto` tries.
    """
    loss: Metric = registry.find("metrics", "log-loss")
    assert loss.each is not None, "log loss is a mean of rows"
    part = _parts(folds, seed)

    def losses(probabilities: Array) -> Array:
        return loss.each(target, Answers(target, probabilities))  # type: ignore[misc]

    uncorrected = losses(outputs)
    before = float(np.average(uncorrected, weights=weight))
    if method == "none":
        return Calibration("none", "as asked", before, before)
    if method != "auto":
        after = float(np.average(losses(_cross_fitted(method, outputs, target, part, weight)), weights=weight))
        return Calibration(method, "as asked", before, after, _FITTERS[method](outputs, target, weight))
    best, best_losses, reasons = "none", uncorrected, []
    for name in ways:
        if name == "isotonic" and len(target) < ENOUGH_FOR_ISOTONIC:
            reasons.append(f"{len(target):,} held-out rows are too few for isotonic")
            continue
        corrected = losses(_cross_fitted(name, outputs, target, part, weight))
        gain = intervals.of_mean(best_losses - corrected, weight, seed=derive(seed, "calibration", name))
        change = _mean(corrected - best_losses, weight)
        reasons.append(f"{name} changes the log loss by {change:+.4f} ({-gain.high:+.4f} to {-gain.low:+.4f})")
        if gain.low > 0:
            best, best_losses = name, corrected
    told = f"on held-out rows not used to fit it, {'; '.join(reasons)}"
    if best == "none":
        return Calibration("none", f"not shown to help: {told}", before, before)
    parameters = _FITTERS[best](outputs, target, weight)
    return Calibration(best, told, before, _mean(best_losses, weight), parameters)


def held_out(
    method: str, outputs: Array, target: Array, folds: Array, weight: Array | None = None, *, seed: int = 0
) -> Array:
    """(rows, classes) the probabilities, each corrected by a correction that was fitted on the other folds."""
    if method == "none":
        return outputs
    return _cross_fitted(method, outputs, target, _parts(folds, seed), weight)


def _mean(terms: Array, weight: Array | None) -> float:
    return float(np.average(terms, weights=weight))


def _parts(folds: Array, seed: int) -> Array:
    """The folds; where there is only one, five random parts of it."""
    found = np.unique(folds, return_inverse=True)[1]
    if found.max() > 0:
        return found
    return np.random.default_rng(derive(seed, "calibration", "parts")).permutation(len(folds)) % 5


def _apply(method: str, parameters: Correction, outputs: Array) -> Array:
    if method == "temperature":
        return tempered(outputs, parameters["temperature"])
    if method == "isotonic":
        return straightened(outputs, parameters["lines"])
    return outputs


def _cross_fitted(method: str, outputs: Array, target: Array, part: Array, weight: Array | None) -> Array:
    corrected = np.empty_like(outputs)
    for fold in range(int(part.max()) + 1):
        inside, rest = part == fold, part != fold
        parameters = _FITTERS[method](outputs[rest], target[rest], None if weight is None else weight[rest])
        corrected[inside] = _apply(method, parameters, outputs[inside])
    return corrected


def _fit_temperature(outputs: Array, target: Array, weight: Array | None) -> Correction:
    """The temperature with the least log loss; the loss is convex in its inverse, so one search finds it."""
    from scipy.optimize import minimize_scalar

    loss: Metric = registry.find("metrics", "log-loss")

    def at(logarithm: float) -> float:
        return loss.score(target, Answers(target, tempered(outputs, float(np.exp(logarithm)))), weight)

    found = minimize_scalar(at, bounds=(_LEAST, _MOST), method="bounded", options={"xatol": 1e-4})
    return {"temperature": float(np.exp(found.x))}


def _fit_isotonic(outputs: Array, target: Array, weight: Array | None) -> Correction:
    """A line for each class, or for the last of two."""
    classes = outputs.shape[1]
    columns = [1] if classes == 2 else range(classes)
    return {"lines": tuple(_line(outputs[:, column], target == column, weight) for column in columns)}


def _line(probability: Array, true: Array, weight: Array | None) -> Line:
    """The rising steps that fit best, by their first and last probability; straight between them."""
    from scipy.optimize import isotonic_regression

    x, place = np.unique(probability, return_inverse=True)
    given = np.ones(len(true)) if weight is None else weight
    # A row of no weight still needs some for the division.
    mass = np.maximum(np.bincount(place, given), 1e-12)
    steps = isotonic_regression(np.bincount(place, given * true) / mass, weights=mass)
    # Nothing is certain after a finite number of rows: Laplace's rule for an event that was never, or always, seen.
    edge = 1.0 / (len(true) + 2)
    y = np.clip(steps.x, edge, 1.0 - edge)
    starts, ends = steps.blocks[:-1], steps.blocks[1:] - 1
    knots = np.unique(np.concatenate([starts, ends]))
    return Line(x[knots], np.maximum.accumulate(y[knots]))


_FITTERS: dict[str, Callable[[Array, Array, Array | None], Correction]] = {
    "temperature": _fit_temperature,
    "isotonic": _fit_isotonic,
}
