"""Without a target: clusters or anomaly scores. What is chosen by what, how stable it is, what sets clusters apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Array, dense
from luban.core.console import Console
from luban.core.deadline import Deadline
from luban.core.errors import TrainingError
from luban.core.seed import derive
from luban.data import loader
from luban.data.loader import sampled
from luban.data.values import floats
from luban.protocols import Form
from luban.recipe.recipe import Candidate
from luban.training import candidates, clusters, search
from luban.training.pool import Pool
from luban.training.unit import WHOLE, Training, Unit
from luban.training.work_folder import WorkFolder
from luban.verbs import drift, exporting, stating, trainings, writing
from luban.verbs.preparing import Prepared

LOOKED_AT = 2_000
"""Rows by which clusterings are compared, at most: every pair of them is looked at."""
SET_APART = 5
"""Columns by which a cluster is described."""


def make(
    prepared: Prepared, training: Training, folder: WorkFolder, pool: Pool, until: Deadline, console: Console
) -> writing.Made:
    """The model of a task without a target, and what was seen of it."""
    asked = candidates.asked(prepared.recipe.model, training.work, tensor_work=training.tensor_work)
    units = [Unit(candidate, WHOLE) for candidate in asked]
    search.run_each("trying models", units, pool, until, console)
    ended_well = [unit for unit in units if folder.finished(unit) and not folder.failure(unit)]
    forms = {unit.candidate.label: folder.form(unit) for unit in ended_well}
    if not forms:
        reasons = "; ".join(f"{unit.candidate.label}: {folder.failure(unit) or 'not finished'}" for unit in units)
        raise TrainingError(f"no model could be fitted: {reasons[:500]}", fix="give more --time, or another --model")
    scores = {label: _score(prepared, training, form) for label, form in forms.items()}
    finished = [unit.candidate for unit in ended_well]
    best = max(finished, key=lambda candidate: scores[candidate.label])
    form = forms[best.label]
    seen = training.seen_by(best)
    exported = exporting.export(form, seen)
    looked = trainings.looked(folder, [unit.candidate for unit in units], [best])
    clustering = prepared.task.name == "clustering"
    alone = "no other model competes with it"
    if len(finished) > 1:
        alone = "the first of those that are tried for such rows: without a target no score compares them"
    return writing.Made(
        recipe=search.recorded(prepared.recipe, finished, folder, training),
        encoder=prepared.encoder(training.view(best)).state(),
        form=form,
        runtime=exported.data,
        facts={"task": prepared.task.name, "target": None, "classes": []},
        evaluation={
            **stating.question(prepared),
            "metric": prepared.task.compared_by,
            "measurements": [],
            "candidates": [_line(candidate, scores[candidate.label], clustering) for candidate in finished],
            "chosen": stating.only(best, "the clearest clusters by silhouette" if clustering else alone),
            **(_clusters(prepared, training, form, best) if clustering else _scores(seen, form)),
        },
        unfinished=[_unfinished(unit, folder) for unit in units if unit.candidate.label not in forms],
        evidence={"runtime": exported.to_json(), **drift.kept(prepared)},
        findings=(*exporting.findings(exported, [best]), *looked.findings),
        repairs=looked.repairs,
        not_run=looked.not_run,
    )


def _unfinished(unit: Unit, folder: WorkFolder) -> dict[str, Any]:
    """A candidate that has no part in the bundle, and why."""
    failure = folder.failure(unit)
    return {
        "label": unit.candidate.label,
        "model": unit.candidate.model,
        "settings": unit.candidate.settings,
        "status": "failed" if failure else "skipped",
        "reason": failure or "the time was over before it was finished",
    }


def _line(candidate: Candidate, score: float, clustering: bool) -> dict[str, Any]:
    return {
        "label": candidate.label,
        "model": candidate.model,
        "settings": candidate.settings,
        "value": score if clustering else None,
        "status": "finished",
        "reason": "fitted on all training rows",
    }


def _some(training: Training, purpose: str) -> Array:
    rows = np.flatnonzero(training.folds[0] == -1)
    return sampled(rows, LOOKED_AT, derive(training.seed, purpose))


def _score(prepared: Prepared, training: Training, form: Form) -> float:
    if prepared.task.name != "clustering":
        return 0.0
    inputs = training.batch.inputs[_some(training, "silhouette")]
    return clusters.silhouette(inputs, dense(form.outputs(inputs)).argmax(axis=1))


def _clusters(prepared: Prepared, training: Training, form: Form, best: Candidate) -> dict[str, Any]:
    """How many clusters there are, how stable they are, how large, and what sets each apart."""
    rows = np.flatnonzero(training.folds[0] == -1)
    labels = dense(form.outputs(training.batch.inputs[rows])).argmax(axis=1)
    columns = [column.name for column in prepared.schema.inputs if column.kind in ("number", "boolean", "datetime")]
    some = _some(training, "described")
    # Where all columns are texts, pictures or words there is none by which a cluster is described.
    frame = loader.take(prepared.frame, prepared.division.train[some], columns) if columns else None
    described = labels[np.searchsorted(rows, some)]
    values = {} if frame is None else {name: floats(frame[name]) for name in columns}
    stability = clusters.stability(training.batch, training.work, best, _some(training, "stability"), training.seed)
    test = training.batch.inputs[training.test[:LOOKED_AT]]
    tested = clusters.silhouette(test, dense(form.outputs(test)).argmax(axis=1))
    return {
        "clusters": [
            {
                "cluster": int(number),
                "rows": int((labels == number).sum()),
                "share": float((labels == number).mean()),
                "set_apart_by": clusters.set_apart(values, described == number)[:SET_APART],
            }
            for number in range(form.output_width)
        ],
        "silhouette": {"train": _score(prepared, training, form), "test": tested},
        "stability": stability,
    }


def _scores(training: Training, form: Form) -> dict[str, Any]:
    """The spread of the anomaly scores, so that one score can be told to be high."""
    train = dense(form.outputs(training.batch.inputs[_some(training, "scores")]))[:, 0]
    test = dense(form.outputs(training.batch.inputs[training.test[:LOOKED_AT]]))[:, 0]
    levels = (0.5, 0.9, 0.95, 0.99)
    return {
        "scores": {
            part: {f"{level:g}": float(np.quantile(values, level)) for level in levels}
            for part, values in (("train", train), ("test", test))
            if len(values)
        }
    }
