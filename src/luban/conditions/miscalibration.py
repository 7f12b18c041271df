"""Probabilities that do not come true: what is said at 90% is right in fewer, or in more, of the cases.

Signal: the expected calibration error in 15 bins of equally many rows, of the positive class or of the likeliest of
several (Naeini et al., 2015; Nixon et al., 2019), less what it would be if every probability were true: with few rows
in a bin chance alone makes it large. Threshold 0.05, and above 95% of draws of labels from the probabilities themselves
(a bootstrap of perfect calibration; Broecker and Smith, 2007). Silent below 100 rows. Repair: temperature; isotonic
regression with 1,000 rows or more; each is named only where it was seen to halve the error on rows that did not fit it,
with a log loss that is no worse. Proven by effect, in the same way.
"""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array
from luban.conditions import _answers
from luban.core import registry
from luban.core.seed import derive
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.judgement import Judgement
from luban.protocols import Condition
from luban.recipe.edit import RecipeEdit
from luban.training import calibration

THRESHOLD = 0.05
CHANCE = 0.95
BINS = 15
FEWEST = 100
MOST = 20_000
"""Rows that are looked at."""
DRAWS = 300
SEVERE = 0.15


def examine(judgement: Judgement) -> list[Finding]:
    target, outputs = judgement.held_out.target, judgement.held_out.outputs
    if len(target) < FEWEST:
        raise ValueError(f"{len(target)} rows are too few to see whether probabilities are true; {FEWEST} are needed")
    said, right = _said(judgement.task, outputs, target)
    found, by_chance, most = beyond_chance(said, right, derive(judgement.seed, "miscalibration"))
    value = max(found - by_chance, 0.0)
    if value <= THRESHOLD or found <= most:
        return []
    claimed, true = float(said.mean()), float(right.mean())
    if judgement.task == "binary":
        named = f"the probability of '{judgement.classes[-1]}'"
        told = f"{named} is {claimed:.1%} on average, and it comes true in {true:.1%}"
    else:
        told = f"the likeliest class is said with {claimed:.1%} on average, and it is right in {true:.1%}"
    edits = _edits(judgement)
    advice = f" Correct them: --set train.calibration={edits[0].after}." if edits else ""
    if not edits and judgement.settings.get("train.class_weight") == "balanced":
        advice = " Balanced classes make it so: rare classes are said too often. Do not read them as probabilities."
    if judgement.split == "given":
        advice = " Train again with such rows, or do not read these as probabilities."
    return [
        Finding(
            condition=condition.id,
            severity="severe" if value > SEVERE else "warning",
            where=Where(),
            evidence=Signal("expected calibration error beyond chance", value, THRESHOLD, len(said)),
            text=(
                f"on {_answers.rows(judgement)} probabilities are {value:.3f} away from what comes true, chance set "
                f"aside (threshold {THRESHOLD:g}): {told}. Decisions that weigh costs or set a threshold go wrong."
                f"{advice}"
            ),
            edits=edits,
        )
    ]


def beyond_chance(said: Array, right: Array, seed: int) -> tuple[float, float, float]:
    """The calibration error; its mean, and its 95% quantile, if every probability were true.

    said: (rows,) probabilities. right: (rows,) whether each came true.
    """
    random = np.random.default_rng(seed)
    if len(said) > MOST:
        kept = random.choice(len(said), MOST, replace=False)
        said, right = said[kept], right[kept]
    order = np.argsort(said, kind="stable")
    said, right = said[order], right[order].astype(np.float64)
    starts = np.linspace(0, len(said), min(BINS, len(said)) + 1).astype(np.int64)[:-1]
    _, same, count = np.unique(said, return_inverse=True, return_counts=True)

    def error(came_true: Array) -> float:
        # Of rows with one probability a bin gets a part, and the order of the table should not say which.
        alike = (np.bincount(same, came_true) / count)[same]
        return float(np.abs(np.add.reduceat(alike - said, starts)).sum() / len(said))

    drawn = [error((random.random(len(said)) < said).astype(np.float64)) for _ in range(DRAWS)]
    return error(right), float(np.mean(drawn)), float(np.quantile(drawn, CHANCE))


def _said(task: str, outputs: Array, target: Array) -> tuple[Array, Array]:
    if task == "binary":
        return outputs[:, 1], target == 1
    return outputs.max(axis=1), outputs.argmax(axis=1) == target


def _edits(judgement: Judgement) -> tuple[RecipeEdit, ...]:
    """The corrections that halve the error on rows that did not fit them, and do not raise the log loss."""
    target, plain = judgement.held_out.target, judgement.uncorrected
    if plain is None or judgement.folds is None:
        return ()
    seed, found = derive(judgement.seed, "miscalibration"), list[RecipeEdit]()
    loss = registry.find("metrics", "log-loss")
    before, by_chance, _ = beyond_chance(*_said(judgement.task, judgement.held_out.outputs, target), seed)
    highest = loss.score(target, Answers(target, judgement.held_out.outputs), judgement.weight)
    for method in ("temperature", "isotonic"):
        if method == "isotonic" and len(target) < calibration.ENOUGH_FOR_ISOTONIC:
            continue
        corrected = calibration.held_out(method, plain, target, judgement.folds, judgement.weight, seed=judgement.seed)
        after, chance, _ = beyond_chance(*_said(judgement.task, corrected, target), seed)
        if max(after - chance, 0.0) > (before - by_chance) / 2:
            continue
        if loss.score(target, Answers(target, corrected), judgement.weight) > highest:
            continue
        reason = f"on rows that did not fit it the calibration error falls from {before:.3f} to {after:.3f}"
        found += _answers.edit(judgement, "train.calibration", method, reason)
    return tuple(found)


condition = Condition(
    id="miscalibration",
    group="generalisation",
    summary="probabilities that do not come true",
    examine=examine,
    tasks=_answers.CLASSES,
    sees="answers",
    proof="effect",
)
