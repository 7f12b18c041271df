"""Several targets at once: the task of a work, what is asked of a model for each target, and a network's answers.

For every other task there is one target, and all of this changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from luban.batch import Array, Batch, dense
from luban.core import registry
from luban.protocols import Form, Model, NetworkModel, Target, Task, Work


def task_of(work: Work) -> Task:
    """The task that a work belongs to, which knows its targets where there are several."""
    task = registry.find("tasks", work.task)
    if not work.targets:
        found: Task = task
        return found
    several: Task = task.of_targets([Target("", registry.find("tasks", name), (), n) for name, n in work.targets])
    return several


def works(work: Work) -> tuple[Work, ...]:
    """The work for each target; the work itself where there is one."""
    if not work.targets:
        return (work,)
    return tuple(replace(work, task=name, outputs=outputs, targets=()) for name, outputs in work.targets)


def able(model: Model | NetworkModel, work: Work) -> bool:
    """Whether a model does this kind of task, for every target."""
    return all(each.task in model.tasks for each in works(work))


def declines(model: Model | NetworkModel, work: Work) -> str | None:
    """Why a model does not do this work, for the first target that it does not do it for; None where it does."""
    return next((reason for each in works(work) if (reason := model.declines(each)) is not None), None)


def fit_each(batch: Batch, work: Work, fit: Callable[[Batch, Work], Form]) -> Form:
    """One form for all targets, of a form for each, fitted on the rows that have it. fit: what fits a model to one."""
    if not work.targets:
        return fit(batch, work)
    targets = dense(batch.target).T
    forms = []
    for target, each in zip(targets, works(work), strict=True):
        known = np.isfinite(target)
        own = target[known].astype(np.float64 if registry.find("tasks", each.task).link == "identity" else np.int64)
        rows = batch if known.all() else batch.take(known)
        forms.append(fit(replace(rows, target=own), replace(each, rows=len(own))))
    several: Form = registry.find("forms", "several")(tuple(forms))
    return several


def standardised(target: Array, weight: Array | None, work: Work) -> tuple[Array, Array, Array]:
    """(rows, targets) float32 with values standardised; (outputs,) the scale and the offset that turn back.

    A target that a row does not have is NaN, and counts for neither scale nor offset.
    """
    found, scales, offsets = [], [], []
    for column, each in zip(target.T, works(work), strict=True):
        scale, offset = 1.0, 0.0
        if registry.find("tasks", each.task).link == "identity":
            known = np.isfinite(column)
            values, own = column[known], None if weight is None else weight[known]
            offset = float(np.average(values, weights=own))
            scale = float(np.sqrt(np.average((values - offset) ** 2, weights=own))) or 1.0
        found.append((column - offset) / scale)
        scales += [scale] * each.outputs
        offsets += [offset] * each.outputs
    return np.stack(found, axis=1).astype(np.float32), np.array(scales), np.array(offsets)


def linked(network: Form, work: Work, scale: Array, offset: Array) -> Form:
    """The form that makes answers of a network's sums."""
    links = tuple(registry.find("tasks", name).link for name, _ in work.targets)
    found: Form = registry.find("forms", "linked")(network, links, tuple(n for _, n in work.targets), scale, offset)
    return found
