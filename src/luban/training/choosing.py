"""From the search's outcomes to one model: which candidates, with which weights, calibrated how, answering from where.

Everything is decided on held-out rows: each row is judged by fits that did not see it. Test rows are not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from luban import spans
from luban.batch import Array, PerRow, Ragged, dense
from luban.core import registry
from luban.core.errors import TrainingError
from luban.core.seed import derive
from luban.protocols import Form, Metric, Task
from luban.recipe.recipe import Candidate, Recipe
from luban.training import calibration, conformal, selection, threshold
from luban.training.calibration import Calibration
from luban.training.candidates import ENSEMBLE
from luban.training.conformal import Conformal
from luban.training.measuring import upwards
from luban.training.search import Outcome
from luban.training.unit import Training

PIECES = "question-answering"


@dataclass(frozen=True)
class Member:
    """A candidate in the chosen model and its share of the answer."""

    candidate: Candidate
    weight: float


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows: their true target, the fold that held each out, their weights and groups."""

    target: PerRow
    folds: Array
    weight: Array | None
    groups: Array | None

    @classmethod
    def of(cls, training: Training, rows: Array, groups: Array | None) -> Self:
        """The held-out rows of a training. rows: their numbers in it. groups: of all its rows."""
        target, weight = training.batch.target, training.batch.weight
        assert target is not None, "rows are held out to be compared with a target"
        return cls(
            target=target[rows],
            folds=training.folds[0][rows],
            weight=None if weight is None else weight[rows],
            groups=None if groups is None else groups[rows],
        )


@dataclass(frozen=True)
class Chosen:
    """The chosen model. outputs: (held-out rows, outputs), calibrated."""

    members: tuple[Member, ...]
    reason: str
    calibration: Calibration | None
    threshold: float | None
    threshold_reason: str
    conformal: Conformal | None
    outputs: PerRow

    @property
    def label(self) -> str:
        if len(self.members) == 1:
            return self.members[0].candidate.label
        return f"{ENSEMBLE} of {len(self.members)}"

    def to_json(self) -> dict[str, Any]:
        members = [{"label": m.candidate.label, "weight": m.weight} for m in self.members]
        return {"label": self.label, "members": members, "reason": self.reason}

    def form(self, fitted: Callable[[Candidate], Form]) -> Form:
        """The chosen model as one form. fitted: the form of a candidate."""
        forms = [fitted(member.candidate) for member in self.members]
        whole = forms[0]
        if len(forms) > 1:
            whole = registry.find("forms", "weighted")(tuple(forms), tuple(m.weight for m in self.members))
        return self.calibration.around(whole) if self.calibration else whole


def choose(
    outcomes: Sequence[Outcome],
    held_out: HeldOut,
    task: Task,
    recipe: Recipe,
    seed: int,
    views: Callable[[Candidate], str] = lambda candidate: "matrix",
) -> tuple[Chosen, list[float | None]]:
    """The chosen model, and each outcome's own score on the held-out rows (None where it has none).

    The first outcome is the baseline's; it is chosen only where nothing else finished.
    views: how a candidate sees rows. Models that see them alike may answer together; a bundle encodes rows once.
    Raises TrainingError when not even that did.
    """
    metric: Metric = registry.find("metrics", recipe.train.metric or task.compared_by)
    scores = [_score(outcome, held_out, task, metric) for outcome in outcomes]
    finished = [number for number, outcome in enumerate(outcomes) if outcome.outputs is not None]
    if not finished:
        reasons = "; ".join(f"{o.candidate.label}: {o.reason}" for o in outcomes)
        raise TrainingError(f"no model could be fitted: {reasons[:500]}", fix="give more --time, or another --model")
    rivals = [number for number in finished if number > 0] or finished
    selections = {
        view: _select(
            outcomes, [n for n in rivals if views(outcomes[n].candidate) == view], held_out, task, metric, seed
        )
        for view in dict.fromkeys(views(outcomes[number].candidate) for number in rivals)
    }
    best, reason = _best(selections, held_out, task, metric, seed)
    members = tuple(Member(outcomes[n].candidate, w) for n, w in zip(best.numbers, best.weights, strict=True))
    outputs, target = best.outputs, held_out.target
    corrected = None
    if members[0].candidate.model != task.baseline:
        corrected = _calibrated(outputs, held_out, task, recipe, seed)
        outputs = outputs if corrected is None else corrected.apply(outputs)
    cut, cut_reason = _threshold(outputs, held_out, task, metric, recipe)
    sets = None
    if task.name in ("binary", "multiclass", *conformal.VALUES):
        sets = conformal.fit(task.name, dense(outputs), dense(target), held_out.folds)
    elif task.name == "forecasting":
        sets = conformal.fit_steps(task.answers(outputs), dense(target), held_out.folds)
    return Chosen(members, reason, corrected, cut, cut_reason, sets, outputs), scores


def _score(outcome: Outcome, held_out: HeldOut, task: Task, metric: Metric) -> float | None:
    if outcome.outputs is None:
        return None
    value = float(metric.score(held_out.target, task.answers(outcome.outputs), held_out.weight))
    return value if value == value else None


@dataclass(frozen=True)
class _Selection:
    """Outcomes that answer together, by number, their weights, and their outputs together."""

    numbers: tuple[int, ...]
    weights: tuple[float, ...]
    outputs: PerRow
    reason: str


def _select(
    outcomes: Sequence[Outcome], rivals: list[int], held_out: HeldOut, task: Task, metric: Metric, seed: int
) -> _Selection:
    outputs = [each for number in rivals if (each := outcomes[number].outputs) is not None]
    if len(rivals) == 1:
        # Those that were not finished stand among the candidates: a recipe gives the bundle again without them.
        return _Selection((rivals[0],), (1.0,), outputs[0], "no other model was finished beside it")
    if isinstance(outputs[0], Ragged):
        # Texts have no mean; and of sequences each model may have another length.
        return _best_alone(rivals, outputs, held_out, task, metric)
    sized = [dense(each) for each in outputs]
    selected = selection.select(sized, held_out.target, metric, task, weight=held_out.weight, seed=seed)
    kept = [(place, float(weight)) for place, weight in enumerate(selected.weights) if weight > 0]
    together = mixed([weight for _, weight in kept], [sized[place] for place, _ in kept])
    return _Selection(tuple(rivals[p] for p, _ in kept), tuple(w for _, w in kept), together, selected.reason)


def _best_alone(rivals: list[int], outputs: list[PerRow], held_out: HeldOut, task: Task, metric: Metric) -> _Selection:
    """The one outcome with the best score on held-out rows; of equal ones the first."""
    sign = upwards(metric)
    scores = [sign * metric.score(held_out.target, task.answers(each), held_out.weight) for each in outputs]
    place = max(range(len(scores)), key=lambda at: scores[at] if scores[at] == scores[at] else float("-inf"))
    told = f"the best {metric.name} of {len(rivals)} on held-out rows; sequences are not mixed"
    return _Selection((rivals[place],), (1.0,), outputs[place], told)


def mixed(weights: Sequence[float], outputs: Sequence[PerRow]) -> PerRow:
    """The outputs of models that answer together; of one model its own, whatever they are."""
    if len(outputs) == 1:
        return outputs[0]
    found = np.zeros_like(dense(outputs[0]))
    for weight, each in zip(weights, outputs, strict=True):
        found = found + weight * dense(each)
    return found


def _best(
    selections: Mapping[str, _Selection], held_out: HeldOut, task: Task, metric: Metric, seed: int
) -> tuple[_Selection, str]:
    """The selection that sees rows as a matrix, unless networks are better than it by more than a standard error
    (Breiman et al., 1984): they take longer to learn and to answer, and say less of themselves.
    """
    if len(selections) == 1:
        (only,) = selections.values()
        return only, only.reason
    plain, networks = selections["matrix"], selections["tensors"]
    answers = [task.answers(each.outputs) for each in (networks, plain)]
    scores = [metric.score(held_out.target, each, held_out.weight) for each in answers]
    random = np.random.default_rng(derive(seed, "choosing", "views"))
    gain, error = selection.gain(metric, held_out.target, *answers, weight=held_out.weight, random=random)
    told = f"{metric.name} {scores[0]:.4g} against {scores[1]:.4g}, standard error of the difference {error:.2g}"
    if gain > error:
        return networks, f"{networks.reason}; better than models that see rows as a matrix: {told}"
    less = "are not shown to be better" if gain > 0 else "are no better"
    return plain, f"{plain.reason}; networks, which cost more, {less}: {told}"


def _calibrated(outputs: PerRow, held_out: HeldOut, task: Task, recipe: Recipe, seed: int) -> Calibration | None:
    """The correction of the probabilities of an answer; None where it has none."""
    method = recipe.train.calibration
    if task.name in ("binary", "multiclass"):
        return calibration.calibrate(
            dense(outputs), dense(held_out.target), held_out.folds, method, held_out.weight, seed=seed
        )
    if task.name != PIECES or not isinstance(outputs, Ragged):
        return None
    exact: Metric = registry.find("metrics", task.compared_by)
    assert exact.each is not None, "an answer is right or not"
    right = exact.each(held_out.target, task.answers(outputs))
    return calibration.of_pieces(spans.settled(outputs), right, held_out.folds, method, held_out.weight, seed=seed)


def _threshold(
    outputs: PerRow, held_out: HeldOut, task: Task, metric: Metric, recipe: Recipe
) -> tuple[float | None, str]:
    asked = recipe.train.threshold
    if task.name == PIECES and isinstance(outputs, Ragged) and isinstance(held_out.target, Ragged):
        if isinstance(asked, float | int):
            return float(asked), "as asked"
        return threshold.by_absence(outputs, held_out.target, metric, task, held_out.weight)
    if task.name != "binary":
        return None, ""
    second, target = dense(outputs)[:, 1], dense(held_out.target)
    if asked == "auto" and recipe.train.class_weight == "balanced":
        balanced: Metric = registry.find("metrics", "balanced-accuracy")
        return threshold.by_metric(second, target, balanced, task, held_out.weight)
    if asked == "auto":
        return 0.5, "the more probable class is answered"
    if isinstance(asked, float | int):
        return float(asked), "as asked"
    if asked == "cost":
        return threshold.by_cost(second, target, recipe.train.cost, held_out.weight)
    return threshold.by_metric(second, target, metric, task, held_out.weight)
