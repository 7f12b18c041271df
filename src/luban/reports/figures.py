"""Figures and pictures of the page, from the evaluation: rows of tables, and drawings where numbers are better seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from luban.core import registry
from luban.core.errors import UsageError
from luban.evidence.measurement import Measurement
from luban.reports import telling
from luban.reports.charts._svg import finite
from luban.reports.charts.fan import Fan, fan
from luban.reports.charts.importance import importance as importance_picture
from luban.reports.charts.reliability import reliability
from luban.reports.charts.scatter import scatter
from luban.reports.charts.whiskers import Whisker, whiskers
from luban.reports.numbers import NOTHING, count, decimals, headed, interval, number, percent, text, title
from luban.reports.view import View, listed, mapping

BARS = 15
"""Columns in the picture of what matters, at most; the table has more."""
ROWS = 200
"""Rows in a table, at most."""
CLASSES = 25
"""Classes in the confusion matrix, at most; above it the commonest confusions are listed."""
BINS = 5


def figures(measurements: Sequence[Measurement]) -> list[dict[str, str]]:
    """The rows of a table of scores."""
    rows = []
    for one in measurements:
        digits = decimals(one.low, one.high)
        apart = one.difference
        rows.append(
            {
                "metric": headed(one),
                "value": number(one.value, digits),
                "interval": interval(one.low, one.high, digits),
                "direction": f"{one.direction} is better",
                "baseline": number(one.baseline.value, digits) if one.baseline else NOTHING,
                "difference": f"{number(apart.value, digits)} ({interval(apart.low, apart.high, digits)})"
                if apart
                else NOTHING,
                "verdict": telling.verdict(one),
                "rows": number(one.rows),
                "how": text(one.how, 300),
                "definition": definition(one.metric),
            }
        )
    return rows


def definition(metric: str) -> str:
    """What a metric is, in a sentence; empty for one that this luban does not have.

    >>> definition("nobody's")
    ''
    """
    try:
        return str(registry.find("metrics", metric).definition)
    except UsageError:
        return ""


def score_picture(measurements: Sequence[Measurement]) -> Markup:
    """Dots with intervals; the baseline beside them."""
    named = next((one.baseline.model for one in measurements if one.baseline), "")
    rows = [
        Whisker(
            headed(one), one.value, one.low, one.high, one.baseline.value if one.baseline else None,
            *_bounds(one.metric),
        )
        for one in measurements
    ]  # fmt: skip
    return whiskers("score", "Scores with their 95% intervals", rows, named) if rows else Markup("")


def _bounds(metric: str) -> tuple[float, float]:
    try:
        low, high = registry.find("metrics", metric).bounds
    except UsageError:
        return -math.inf, math.inf
    return float(low), float(high)


def calibration_curve(view: View) -> dict[str, Any] | None:
    """How often what was said came true."""
    curve = listed(view.evaluation, "curve")
    if not curve:
        return None
    positive = view.evaluation.get("positive")
    of = f"of {text(positive, 40)}" if positive is not None else "of the likeliest class"
    rows = [
        [
            interval(part.get("low"), part.get("high"), 2),
            number(part.get("confidence"), 3),
            number(part.get("frequency"), 3),
            number(part.get("rows")),
        ]
        for part in curve
    ]
    return {
        "picture": reliability("calibration", f"Calibration of the probability {of}", curve),
        "of": of,
        "rows": rows,
    }


def confusion(view: View) -> dict[str, Any] | None:
    """Which classes are taken for which."""
    matrix = view.evaluation.get("confusion")
    names = [text(name, 40) for name in view.classes]
    if not isinstance(matrix, list) or len(matrix) != len(names) or not names:
        return None
    lines = [line if isinstance(line, list) else [] for line in matrix]
    if len(names) > CLASSES:
        wrong = [
            (many, names[truth], names[said])
            for truth, line in enumerate(lines)
            for said, many in enumerate(line[: len(names)])
            if said != truth and finite(many) and many > 0
        ]
        commonest = sorted(wrong, key=lambda one: (-one[0], one[1], one[2]))[:CLASSES]
        return {"commonest": [[truth, said, number(many)] for many, truth, said in commonest]}
    rows = []
    for truth, line in enumerate(lines):
        total = sum(many for many in line if finite(many))
        cells = [
            {
                "count": number(many),
                "share": f"{many / total:.3f}" if finite(many) and total > 0 else "0",
                "right": said == truth,
            }
            for said, many in enumerate(line)
        ]
        rows.append({"name": names[truth], "cells": cells, "total": number(total)})
    return {"names": names, "rows": rows}


def residuals(view: View) -> dict[str, Any] | None:
    """True values over predicted ones, and the errors by size of the prediction."""
    points = mapping(view.evaluation.get("residuals")).get("points")
    pairs = [
        (float(point[0]), float(point[1]))
        for point in (points if isinstance(points, list) else [])
        if isinstance(point, list) and len(point) == 2 and finite(point[0]) and finite(point[1])
    ]
    if not pairs:
        return None
    ordered = sorted(pairs)
    bins = [ordered[len(ordered) * part // BINS : len(ordered) * (part + 1) // BINS] for part in range(BINS)]
    rows = []
    for part in filter(None, bins):
        errors = [true - predicted for predicted, true in part]
        mean, middle = sum(errors) / len(errors), sorted(map(abs, errors))[len(errors) // 2]
        rows.append([f"{number(part[0][0])} to {number(part[-1][0])}", number(mean), number(middle), number(len(part))])
    target = text(view.recipe.target, 40)
    return {"picture": scatter("residuals", f"True over predicted {target}", pairs), "rows": rows, "points": len(pairs)}


def forecast(view: View) -> dict[str, Any] | None:
    """The latest test windows: what was known, what was forecast, and what came."""
    found = listed(mapping(view.evaluation.get("forecast")), "windows")
    windows = [
        Fan(
            " ".join(filter(None, (text(window.get("series", ""), 30), f"from {text(window.get('from', ''), 30)} on"))),
            *(_numbers(window.get(part)) for part in ("past", "truth", "prediction", "low", "high")),
        )
        for window in found
    ]
    windows = [window for window in windows if window.forecast and len(window.truth) == len(window.forecast)]
    if not windows:
        return None
    rows = [
        [
            window.title if step == 0 else "",
            number(step + 1),
            number(window.truth[step]),
            number(window.forecast[step]),
            interval(window.low[step], window.high[step]) if window.low and window.high else NOTHING,
        ]
        for window in windows
        for step in range(len(window.forecast))
    ]
    picture = fan("forecast", f"Forecasts of {text(view.recipe.target, 40)} against what came", windows)
    return {"picture": picture, "rows": rows[:ROWS], "windows": len(windows)}


def written(view: View) -> list[list[str]]:
    """Test rows of texts that are written: what was read, what was wanted, what was written; empty for other tasks."""
    examples = listed(mapping(view.evaluation.get("texts")), "examples")
    return [[text(line.get(part, ""), 400) for part in ("read", "wanted", "written")] for line in examples][:ROWS]


def _numbers(values: Any) -> list[float]:
    """The numbers of a list; none where anything else is in it."""
    found = values if isinstance(values, list) else []
    return [float(value) for value in found] if all(finite(value) for value in found) else []


def clusters(view: View) -> dict[str, Any] | None:
    """The clusters: how large, how clear, how stable, and what sets each apart."""
    found = listed(view.evaluation, "clusters")
    if not found:
        return None
    silhouette, stability = mapping(view.evaluation.get("silhouette")), mapping(view.evaluation.get("stability"))
    rows = [
        {
            "cluster": number(cluster.get("cluster")),
            "rows": number(cluster.get("rows")),
            "share": percent(cluster.get("share")),
            "apart": [
                f"{text(one.get('column', ''), 40)} {number(one.get('mean'))} (others {number(one.get('others'))})"
                for one in listed(cluster, "set_apart_by")
            ],
        }
        for cluster in found
    ]
    again = stability.get("clusters")
    times = len(again) if isinstance(again, list) else 0
    facts = [
        (
            "Silhouette",
            f"{number(silhouette.get('train'))} on training rows, {number(silhouette.get('test'))} on others",
        ),
        (
            "Stability",
            f"adjusted Rand index {number(stability.get('adjusted_rand'))}, over {count(times, 'fit')} of redrawn rows",
        ),
    ]
    return {"rows": rows, "facts": facts}


def anomaly(view: View) -> list[list[str]]:
    """The score that is passed by a given share of rows: level, on training rows, on others."""
    scores = mapping(view.evaluation.get("scores"))
    train, test = mapping(scores.get("train")), mapping(scores.get("test"))
    return [[text(level), number(value), number(test.get(level))] for level, value in train.items()]


def importance(view: View) -> dict[str, Any] | None:
    """How much the score falls when a column is shuffled."""
    document = view.document("importance")
    found = [line for line in listed(document, "importance") if finite(line.get("value"))]
    if not found:
        return None
    ordered = sorted(found, key=lambda line: -line["value"])
    rows = [
        [
            text(line.get("column", ""), 60),
            number(line.get("value"), decimals(line.get("low"), line.get("high"))),
            interval(line.get("low"), line.get("high")),
        ]
        for line in ordered[:ROWS]
    ]
    metric = title(str(document.get("metric", "")))
    picture = importance_picture("importance", f"What matters, by the loss in {metric}", ordered[:BARS])
    return {
        "picture": picture,
        "metric": metric,
        "rows": rows,
        "more": max(0, len(ordered) - BARS),
        "of": number(document.get("rows")),
    }
