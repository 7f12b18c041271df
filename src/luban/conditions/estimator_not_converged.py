"""A fit that ended before it was done: a solver at its limit of steps, or boosting with too few rounds.

Signal of a solver: the steps that it took, of the most that it may take (scikit-learn's `n_iter_` and `max_iter`, where
it gives a ConvergenceWarning). Threshold: the limit itself. Signal of boosting: the share of the whole fall of the loss
on held-out rows that the last tenth of the rounds brought. Threshold 0.025, where the last round is the best one and at
least 10 rounds were added: chosen on five tables that scikit-learn carries, where usual rounds stayed at 0.008 or less
and 20 rounds gave 0.040 to 0.055; it was not yet scored on others. Silent for models without a limit, and where a fit
converged. Repair: scaled columns; ten times as many steps or rounds. Proven by effect: the fit ends by itself, and
held-out rows are answered better.
"""

from __future__ import annotations

from luban.conditions import _answers
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.fits import Ending, Stages
from luban.evidence.judgement import Judgement
from luban.protocols import Condition
from luban.recipe.edit import RecipeEdit

FALLING = 0.025
FEWEST_ROUNDS = 10
MORE = 10
MOST_STEPS, MOST_ROUNDS = 1_000_000, 20_000


def examine(judgement: Judgement) -> list[Finding]:
    if judgement.remarks is None:
        raise judgement.lacks("remarks")
    found: list[Finding] = []
    for label, remarks in judgement.remarks.items():
        stopped = [ending for ending in remarks.endings if not ending.converged]
        if stopped:
            found.append(_at_its_limit(judgement, label, stopped, len(remarks.endings)))
        if remarks.stages is not None:
            found += _still_falling(judgement, label, remarks.stages)
    return found


def _at_its_limit(judgement: Judgement, label: str, stopped: list[Ending], fits: int) -> Finding:
    ending = stopped[0]
    of_several = f" in {len(stopped)} of its {fits} fits" if fits > 1 else ""
    scaled = _answers.edit(judgement, "features.scale", "standard", "solvers take long over columns of unlike scales")
    unscaled = scaled if judgement.settings.get("features.scale") == "none" else ()
    longer = _edit(judgement, label, "iterations", min(MORE * ending.limit, MOST_STEPS), "the solver may go on")
    advice = f" --set {longer[0].path}={longer[0].after}" if longer else ""
    return Finding(
        condition=condition.id,
        severity="warning",
        where=Where(),
        evidence=Signal("steps of the solver", ending.iterations, ending.limit, fits),
        text=(
            f"{label} stopped{of_several} after {ending.iterations:,} steps, its limit (threshold {ending.limit:,}), "
            f"before {ending.estimator} had converged: its weights are those of a moment, and another run or another "
            f"limit gives others. Scale the columns, penalise more, or let it go on:{advice or ' give it more steps'}."
        ),
        edits=(*unscaled, *longer),
    )


def _still_falling(judgement: Judgement, label: str, stages: Stages) -> list[Finding]:
    losses, rounds = stages.held_out, stages.rounds
    if rounds[-1] < FEWEST_ROUNDS or min(losses) < losses[-1] or losses[0] <= losses[-1]:
        return []
    before = max(place for place, count in enumerate(rounds) if count <= 0.9 * rounds[-1])
    value = (losses[before] - losses[-1]) / (losses[0] - losses[-1])
    if value <= FALLING:
        return []
    longer = _edit(judgement, label, "rounds", min(MORE * rounds[-1], MOST_ROUNDS), "the loss still falls")
    advice = f" Give it more: --set {longer[0].path}={longer[0].after}." if longer else " Give it more rounds."
    return [
        Finding(
            condition=condition.id,
            severity="warning",
            where=Where(step=rounds[-1]),
            evidence=Signal(
                "share of the fall of the loss in the last tenth of the rounds", value, FALLING, len(rounds)
            ),
            text=(
                f"{label} ended after {rounds[-1]:,} rounds, and on held-out rows its loss still fell, to "
                f"{losses[-1]:.4g}: the last tenth brought {value:.0%} of the whole fall (threshold {FALLING:.1%})."
                f"{advice}"
            ),
            edits=longer,
        )
    ]


def _edit(judgement: Judgement, label: str, setting: str, value: int, reason: str) -> tuple[RecipeEdit, ...]:
    """The edit of a setting of the model with this label, where it has such a setting."""
    return _answers.edit(judgement, f"model.{label.partition('(')[0]}.{setting}", value, reason)


condition = Condition(
    id="estimator-not-converged",
    group="optimisation",
    summary="a solver at its limit of steps, or boosting with too few rounds",
    examine=examine,
    tasks=_answers.WITH_TARGET,
    sees="answers",
    proof="effect",
    silences=("underfitting", "miscalibration", "underperforming-group"),
)
