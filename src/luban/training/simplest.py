"""The baseline of a run. Most tasks have one; where several models are equally simple, held-out rows say which is it.

A score stands beside the stronger one: beside the weaker any model would look good.
"""

from __future__ import annotations

from luban.core import registry
from luban.protocols import Metric, Task
from luban.recipe.recipe import Candidate
from luban.training import several
from luban.training.fitting import fit_candidate
from luban.training.measuring import upwards
from luban.training.unit import Training, Unit


def baseline(task: Task, metric: str, training: Training) -> str:
    """The name of the simplest model with the best score on the first held-out part; of equal ones the first."""
    names: tuple[str, ...] = getattr(task, "baselines", (task.baseline,))
    works = {name: training.seen_by(Candidate(model=name)).work for name in names}
    able = [name for name in names if several.declines(registry.find("models", name), works[name]) is None]
    if len(able) < 2:
        return able[0] if able else task.baseline
    judge: Metric = registry.find("metrics", metric)
    sign = upwards(judge)
    return max(able, key=lambda name: sign * _score(name, task, judge, training))


def _score(name: str, task: Task, judge: Metric, training: Training) -> float:
    candidate = Candidate(model=name)
    seen = training.seen_by(candidate)
    fitted_on, held_out = training.rows(Unit(candidate, 0))
    form = fit_candidate(seen.batch.take(fitted_on), seen.work, candidate, seed=training.seed, threads=1)
    rows = seen.batch.take(held_out)
    assert rows.target is not None, "what is held out is compared with a target"
    return judge.score(rows.target, task.answers(form.outputs(rows.inputs)), rows.weight)
