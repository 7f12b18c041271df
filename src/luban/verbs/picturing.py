"""Pictures of a score, as the evidence holds them: confusions, the calibration curve, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.batch import Answers, Array, PerRow, dense
from luban.protocols import Task

DRAWN = 500
"""Points of the residual picture, at most."""
BINS = 10
"""Bars of the calibration curve, with equally many rows each."""
DISCRETE, VALUES = ("binary", "multiclass"), ("regression", "similarity")


def pictures(task: Task, classes: tuple[str, ...], target: PerRow, answers: Answers) -> dict[str, Any]:
    """What is drawn of the answers to rows; nothing for a task without a picture of its own."""
    if task.name in DISCRETE and answers.probabilities is not None:
        confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
        np.add.at(confusion, (dense(target), dense(answers.prediction)), 1)
        return {"confusion": confusion.tolist(), "curve": _curve(task, dense(target), dense(answers.probabilities))}
    if task.name in VALUES:
        points = np.stack([dense(answers.prediction), dense(target)], axis=1)
        drawn = points[np.linspace(0, len(points) - 1, min(DRAWN, len(points))).astype(np.int64)]
        return {"residuals": {"points": [[float(a), float(b)] for a, b in drawn]}}
    return {}


def _curve(task: Task, target: Array, probabilities: Array) -> list[dict[str, Any]]:
    """Said and observed frequency, in bins of equally many rows: of the positive class, or of the likeliest one."""
    if task.name == "binary":
        said, was = probabilities[:, 1], target == 1
    else:
        said, was = probabilities.max(axis=1), probabilities.argmax(axis=1) == target
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, min(BINS, len(order))) if len(part)]
    return [
        {
            "low": float(said[part].min()),
            "high": float(said[part].max()),
            "confidence": float(said[part].mean()),
            "frequency": float(was[part].mean()),
            "rows": len(part),
        }
        for part in parts
    ]
