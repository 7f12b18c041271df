"""A bundle whose probabilities are corrected to the shares that classes have among newer rows. Nothing is trained.

Where newer rows say their class, the correction is kept only when it is shown to help them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from luban.batch import Answers, Array, dense
from luban.bundle import store
from luban.bundle.bundle import rebuild_form
from luban.conditions._attribution import Shares, attributed
from luban.core import registry
from luban.core.console import Console
from luban.core.errors import BundleError, UsageError
from luban.core.seed import derive
from luban.data import encoders, spreads, values
from luban.data.check import conform
from luban.evidence import intervals
from luban.evidence.finding import Effect, Finding, Repair
from luban.evidence.reference import Reference
from luban.forms.prior import Prior, corrected
from luban.protocols import Comparison, Form, Metric, NoGraph
from luban.recipe.edit import RecipeEdit, changed
from luban.runtime import graph
from luban.verbs import exporting, writing
from luban.verbs.bundle import Bundle

PARTS = 5
"""Parts of the newer rows, each corrected by the shares of the others."""
STAYS = ("task", "task_reason", "target", "classes", "positive", "split", "metric", "candidates", "chosen", "threshold")
"""What an evaluation says that no correction changes."""
METRIC = "log-loss"


@dataclass(frozen=True)
class Corrected:
    """What came of it. bundle: the new one; None where the correction was not kept."""

    repair: Repair
    bundle: Bundle | None


def demand(bundle: Bundle, place: str | Path) -> None:
    """Raises UsageError where there is nothing to correct, or no place for a bundle."""
    if bundle.stored.facts["task"] not in ("binary", "multiclass") or bundle.content_sha256 is None:
        raise UsageError(
            "only probabilities of classes that exclude each other are corrected, of a bundle that lies on disk.",
            where="--corrected",
            fix="leave it out, and learn from newer rows: luban fit",
        )
    if Path(place).exists():
        raise UsageError("something lies here already.", where=f"--corrected {place}", fix="choose another place")


def correct(
    bundle: Bundle, comparison: Comparison, newer: Any, found: list[Finding], place: str | Path, console: Console
) -> Corrected | None:
    """The bundle at `place` that names this one as its parent; None where no other shares were found.

    newer: the data that was compared; found: the findings on it.
    """
    shift = next((each for each in found if each.condition == "label-shift" and each.edits), None)
    shares = None if shift is None else attributed(comparison).shares
    if shift is None or shares is None:
        return None
    classes = len(bundle.classes)
    before, now = shares.before[:classes], shares.now[:classes]
    factors = now / now.sum() / np.maximum(before, 1e-12)
    repair = _judged(comparison, shift.edits[0], shares)
    if not repair.accepted:
        return Corrected(repair, None)
    made = _made(bundle, comparison, shift, repair, factors, newer, console)
    manifest = store.write(made, place)
    return Corrected(repair, Bundle(made, Path(place), manifest.content_sha256))


def _judged(comparison: Comparison, edit: RecipeEdit, shares: Shares) -> Repair:
    """Whether the correction is kept, and why: by the paired gain in log loss of newer rows that say their class."""
    known = None if comparison.target is None else values.known(comparison.target)
    if comparison.target is None or known is None or not known.any():
        told = (
            f"not proven, for the newer rows do not say their class; {shares.measure} {shares.value:.2f}, 95% interval "
        )
        return Repair("label-shift", (edit,), True, f"{told}{shares.low:.2f} to {shares.high:.2f}")
    said = dense(comparison.answers.probabilities)[known]
    target = comparison.target[known]
    before, after = _losses(said, target), np.zeros(len(target))
    part = np.random.default_rng(derive(comparison.seed, "correcting")).permutation(len(target)) % PARTS
    for each in range(PARTS):
        # The shares that correct a row are those of other rows.
        rest = np.bincount(target[part != each], minlength=said.shape[1]) + 0.5
        own = rest / rest.sum() / np.maximum(shares.before[: said.shape[1]], 1e-12)
        after[part == each] = _losses(corrected(said[part == each], own), target[part == each])
    gain = intervals.of_mean(before - after, seed=derive(comparison.seed, "correcting", "interval"))
    value = float((before - after).mean())
    effect = Effect(METRIC, value, gain.low, gain.high, len(target))
    told = (
        f"the log loss of {len(target):,} newer rows falls by {value:.4f}, 95% interval {gain.low:.4f} to "
        f"{gain.high:.4f}, each corrected by the shares of other rows"
    )
    accepted = gain.low > 0
    reason = told if accepted else f"not shown to help: {told}"
    return Repair(
        "label-shift", (edit,), accepted, reason, float(before.mean()), float(after.mean()), effect=effect
    )  # fmt: skip


def _losses(probabilities: Array, target: Array) -> Array:
    metric: Metric = registry.find("metrics", METRIC)
    assert metric.each is not None, "log loss is a mean of rows"
    return metric.each(target, Answers(target, probabilities))


def _made(
    bundle: Bundle,
    comparison: Comparison,
    shift: Finding,
    repair: Repair,
    factors: Array,
    newer: Any,
    console: Console,
) -> Any:
    from luban.verbs import remeasuring

    stored = bundle.stored
    form = Prior(rebuild_form(stored), np.clip(factors, 1e-6, 1e6))
    runtime, exported = _runtime(bundle, form, newer, console)
    evaluation = {key: value for key, value in stored.evidence["evaluation"].items() if key in STAYS}
    facts = {key: value for key, value in stored.facts.items() if key != "conformal"}
    shares = list(repair.edits[0].after.values())
    if facts.get("baseline") is not None and len(facts["baseline"]) == len(shares):
        facts["baseline"] = shares
    made = replace(
        stored,
        recipe=changed(stored.recipe, {"train.prior": repair.edits[0].after}),
        form_kind=form.kind,
        form=form.state(),
        runtime=runtime,
        facts=facts,
        parent=bundle.content_sha256,
        evidence={
            "evaluation": {**evaluation, "measurements": []},
            "findings": {"findings": [shift.to_json()], "not_run": []},
            "repairs": {"repairs": [repair.to_json()]},
            "runtime": exported,
            **_kept(stored.evidence, factors),
        },
        history=(),
    )
    if comparison.target is not None:
        # The figures are those of the newer rows, beside the bundle as it was.
        measured = remeasuring.paired(Bundle(made, None), bundle, newer, "as it was", console=console)
        made.evidence["evaluation"]["measurements"] = [each.to_json() for each in measured]
    return writing.with_pages(made, str(bundle.path.stem if bundle.path else "bundle"))


def _kept(evidence: Mapping[str, Any], factors: Array) -> dict[str, Any]:
    """What stays of the evidence: how columns lay, weighed to the new shares."""
    found: dict[str, Any] = {name: evidence[name] for name in ("profile", "footprint") if name in evidence}
    if "reference" in evidence:
        kept = spreads.toward(Reference.from_json(evidence["reference"]), factors)
        found["reference"] = replace(kept, confusion=None).to_json()
    return found


def _runtime(bundle: Bundle, form: Form, newer: Any, console: Console) -> tuple[bytes | None, dict[str, Any]]:
    """The graph that answers, where it agrees with the form on newer rows; and what is said of it."""
    from luban.data.open import open_dataset

    if bundle.stored.runtime is None:
        return None, {"answers_by": "native", "reason": "the bundle that was corrected has no graph"}
    encoder = encoders.rebuild(bundle.stored.preprocessor)
    dataset = open_dataset(newer, like=bundle.schema, console=console)
    rows = conform(dataset.frame.head(exporting.COMPARED).collect(), bundle.schema, where=dataset.where)
    shapes = encoders.shapes(encoder)
    try:
        data = graph.build(form, form.width, form.output_width, shapes)
        parity = graph.parity(form, data, encoder.transform(rows), shapes)
    except (NoGraph, BundleError) as reason:
        return None, {"answers_by": "native", "reason": str(reason)}
    if parity.flips or parity.difference > exporting.CLOSE:
        return None, {"answers_by": "native", "reason": f"its graph differs by {parity.difference:.1e}"}
    return data, exporting.Exported(data, f"agrees with the form on {parity.rows:,} rows", parity).to_json()
