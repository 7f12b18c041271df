"""Bundles as reports see them, one for each shape of evidence: two classes, three classes, values, clusters, scores."""

from __future__ import annotations

import math
from typing import Any

from luban.recipe.recipe import Candidate, Models, Recipe
from luban.reports.view import View
from luban.schema.schema import Column, Schema

HOSTILE = '<script>alert("x")</script> | `tick` *star* \u001b[31m [a](http://evil.example)'
"""A name that would be markup in a page, a card and on a terminal."""

NUMBER = {"min": 6.98, "median": 13.37, "max": 28.11, "mean": 14.1, "sd": 3.5}
HISTOGRAM = {"edges": [6.98, 12.0, 17.0, 22.0, 28.11], "counts": [198, 251, 96, 24]}


def measurement(metric: str, value: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    """A figure of a model that beats the baseline, unless said otherwise."""
    lower = metric in {"log-loss", "brier", "expected-calibration-error", "rmse", "mae", "median-absolute-error"}
    baseline = more.pop("baseline", value * 3 if lower else value / 2)
    apart = value - baseline
    return {
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "direction": "lower" if lower else "higher",
        "rows": 114,
        "split": "test",
        "how": "Wilson score interval of a proportion",
        "baseline": {"model": "constant", "value": baseline},
        "difference": {"value": apart, "low": apart - abs(apart) / 4, "high": apart + abs(apart) / 4},
        **more,
    }


def finding(condition: str, severity: str, column: str | None, edit: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "condition": condition,
        "severity": severity,
        "where": {"column": column} if column else {},
        "evidence": {"signal": "distinct values", "value": 1.0, "threshold": 2.0, "n": 569},
        "text": f"{f'column {column!r}' if column else 'the table'} has the same value in all 569 rows.",
        "edits": [edit] if edit else [],
        "explains": [],
    }


def column(
    name: str, kind: str = "number", role: str = "input", summary: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "role": role,
        "reason": "every value is a number",
        "dtype": "Float64",
        "missing": 0.012,
        "distinct": 456,
        "summary": {**NUMBER, "histogram": HISTOGRAM} if summary is None else summary,
    }


def view(task: str, *, name: str = "patients", hostile: bool = False, **changes: Any) -> View:
    """The view of a bundle of this task. hostile: with a column and a class that would be markup."""
    bad = HOSTILE if hostile else "smoker"
    classes = {"binary": ["benign", bad if hostile else "malignant"], "multiclass": ["setosa", "versicolor", bad]}
    names = classes.get(task, [])
    columns = [
        column("mean radius"),
        column(bad, "category", summary={"top": [[bad, 300], ["no", 200], [None, 69]]}),
        column("visited", "datetime", summary={"min": "2020-01-01", "max": "2024-06-30"}),
        column("same", "constant", "ignored", summary={}),
    ]
    supervised = task not in ("clustering", "anomaly")
    if supervised:
        columns.append(column("outcome", "category", "target", {"top": [[label, 50] for label in names]}))
    drop = {"path": "drop", "before": [], "after": ["same"], "reason": "constant: the same for new rows"}
    scale = {"path": "features.scale", "before": "none", "after": "standard", "reason": "scales differ 1,000 times"}
    evidence = {
        "evaluation": {**_common(task, bad, names), **_of(task, names)},
        "search": {
            "candidates": [
                {
                    "label": "mlp",
                    "model": "mlp",
                    "settings": {},
                    "value": None,
                    "status": "skipped",
                    "reason": "no time",
                }
            ]
        },
        "findings": {
            "findings": [
                finding("constant-or-id-feature", "warning", "same", drop),
                finding("target-leakage", "severe", bad, None),
                finding("unscaled-features", "note", None, scale),
            ],
            "not_run": [{"condition": "group-or-time-leakage", "reason": "no column names groups or times"}],
        },
        "repairs": {
            "repairs": [
                {
                    "condition": "constant-or-id-feature",
                    "edits": [drop],
                    "accepted": True,
                    "reason": "constant",
                    "before": 1,
                },
                {
                    "condition": "unscaled-features",
                    "edits": [scale],
                    "accepted": False,
                    "reason": "no gain was shown",
                    "before": 0.41,
                    "after": 0.42,
                },
            ]
        },
        "profile": {
            "rows": 569,
            "name": name,
            "facts": {"delimiter": "','", "encoding": "utf-8"},
            "dropped": {"no target": 2},
            "columns": columns,
        },
        "footprint": {
            "cpu_seconds": 61.2,
            "wall_seconds": 33.4,
            "peak_memory_bytes": 412_000_000,
            "energy_wh": 0.34,
            "co2e_g": 0.15,
            "method": "CPU seconds times the power of a core, and the memory's",
            "trainings": [
                {
                    "label": "mlp",
                    "estimated": {"memory": 500_000_000, "weights": 1, "kept": 1, "activations": 1, "seconds": 12.0},
                    "became": {"memory": 412_000_000, "seconds": 11.2},
                }
            ],
            "constants": {"watts per core": 12.0, "g CO2e per kWh": 445.0},
        },
        "runtime": {
            "answers_by": "onnx",
            "reason": "agrees with the form on 569 rows",
            "parity": {"difference": 2e-7, "flips": 0, "rows": 569},
        },
        "run": {"key": {"recipe": "r", "data": "d", "version": "0.1.0"}, "limits": {}},
    }
    if supervised:
        evidence["importance"] = {
            "metric": "log-loss",
            "rows": 114,
            "importance": [
                {"column": "mean radius", "value": 0.31, "low": 0.22, "high": 0.4},
                {"column": bad, "value": -0.002, "low": -0.01, "high": 0.006},
            ],
        }
    evidence |= changes.pop("evidence", {})
    recipe = Recipe(
        target="outcome" if supervised else None,
        positive=names[-1] if task == "binary" else None,
        model=Models(candidates=(Candidate(model="svm", settings={"C": 10.0}),)),
    )
    schema = Schema(
        tuple(
            Column(c["name"], c["kind"], c["role"], c["reason"], c["dtype"], c["missing"], c["distinct"])
            for c in columns
        )
    )
    facts = {"task": task, "target": recipe.target, "classes": names}
    given = {"recipe": recipe, "schema": schema, "facts": facts, "history": [{"unit": "svm-1"}], **changes}
    return View(name=name, evidence=evidence, version="0.1.0", **given)


def _common(task: str, bad: str, names: list[str]) -> dict[str, Any]:
    document = {
        "task": task,
        "task_reason": "the target holds few distinct values",
        "target": "outcome",
        "classes": names,
        "metric": {"regression": "rmse", "clustering": "silhouette"}.get(task, "log-loss"),
        "measurements": [],
        "split": {
            "name": "stratified",
            "reason": "each class is as frequent on both sides",
            "train": 455,
            "test": 114,
            "measured": 114,
            "dropped": {"no target": 2},
            "listed": [{"row": 7, "reason": "no target"}],
        },
        "candidates": [
            {
                "label": "constant",
                "model": "constant",
                "settings": {},
                "value": 0.66,
                "status": "finished",
                "reason": "",
            },
            {
                "label": "svm(C=10)",
                "model": "svm",
                "settings": {"C": 10},
                "value": 0.08,
                "status": "finished",
                "reason": "",
            },
            {
                "label": "linear",
                "model": "linear",
                "settings": {},
                "value": 0.09,
                "status": "finished",
                "reason": "",
            },
        ],
        "chosen": {
            "label": "ensemble of 2",
            "members": [{"label": "svm(C=10)", "weight": 0.75}, {"label": "linear", "weight": 0.25}],
            "reason": "together they score 0.07, the best alone 0.08",
        },
    }
    if task == "binary":
        document["positive"] = names[-1]
    return document


def _of(task: str, names: list[str]) -> dict[str, Any]:
    if task in ("binary", "multiclass"):
        confusion = [[70, 2], [1, 41]] if task == "binary" else [[10, 0, 0], [0, 9, 1], [0, 2, 8]]
        return {
            "measurements": [
                measurement("accuracy", 0.9737, 0.9255, 0.9910),
                measurement("roc-auc", 0.9951, 0.9822, 0.9993),
                measurement("log-loss", 0.0812, 0.0431, 0.1473),
                {
                    **measurement("accuracy", 0.97, 0.95, 0.98),
                    "split": "validation",
                    "baseline": None,
                    "difference": None,
                },
            ],
            "calibration": {"method": "temperature", "reason": "log loss falls", "before": 0.09, "after": 0.081},
            "threshold": {"value": 0.5, "reason": "the more probable class is answered"},
            "conformal": {"level": 0.9, "coverage": measurement("coverage", 0.91, 0.84, 0.95)},
            "confusion": confusion,
            "curve": [
                {"low": 0.0, "high": 0.02, "confidence": 0.006, "frequency": 0.0, "rows": 57},
                {"low": 0.02, "high": 1.0, "confidence": 0.77, "frequency": 0.75, "rows": 57},
            ],
        }
    if task == "regression":
        points = [[100.0 + index, 100.0 + index + 40 * math.sin(index)] for index in range(80)]
        return {
            "measurements": [
                measurement("rmse", 54.2, 48.9, 60.3, how="BCa bootstrap"),
                measurement("r2", 0.45, 0.31, 0.56, how="BCa bootstrap", baseline=-0.01),
            ],
            "conformal": {"level": 0.9, "quantile": 91.0, "coverage": measurement("coverage", 0.91, 0.84, 0.95)},
            "residuals": {"points": points},
        }
    if task == "clustering":
        apart = [{"column": "mean radius", "mean": 19.1, "others": 12.2, "difference": 1.9}]
        return {
            "clusters": [
                {"cluster": 0, "rows": 300, "share": 0.659, "set_apart_by": apart},
                {"cluster": 1, "rows": 155, "share": 0.341, "set_apart_by": apart},
            ],
            "silhouette": {"train": 0.41, "test": 0.39},
            "stability": {"adjusted_rand": 0.93, "clusters": [2, 2, 2, 3, 2]},
        }
    return {"scores": {"train": {"0.5": 0.42, "0.99": 0.71}, "test": {"0.5": 0.43, "0.99": 0.7}}}


TASKS = ("binary", "multiclass", "regression", "clustering", "anomaly")
