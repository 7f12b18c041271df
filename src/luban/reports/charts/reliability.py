"""The calibration curve: how often what was said with a probability came true, with intervals, beside the diagonal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from luban.evidence.intervals import wilson
from luban.reports.charts._svg import WIDTH, Scale, element, finite, label, line, picture, ticks
from luban.reports.numbers import number

HEIGHT = 300
LEFT, BOTTOM, TOP, RIGHT = 40, 40, 8, 10


def reliability(name: str, title: str, curve: Sequence[Mapping[str, Any]]) -> Markup:
    """The picture. curve: bins as `evaluation.json` holds them: confidence, frequency, rows."""
    bins = [part for part in curve if all(finite(part.get(key)) for key in ("confidence", "frequency", "rows"))]
    bins = [part for part in bins if part["rows"] >= 1]
    x = Scale(0, 1, LEFT, WIDTH - RIGHT)
    y = Scale(0, 1, HEIGHT - BOTTOM, TOP)
    drawn = [
        *[line(x(tick), y(0), x(tick), y(1), "grid") for tick in ticks(0, 1)],
        *[line(x(0), y(tick), x(1), y(tick), "grid") for tick in ticks(0, 1)],
        *[label(number(tick), x(tick), HEIGHT - 22, anchor="middle", style="muted") for tick in ticks(0, 1)],
        *[label(number(tick), LEFT - 6, y(tick) + 4, anchor="end", style="muted") for tick in ticks(0, 1)],
        label("probability that was said", x(0.5), HEIGHT - 5, anchor="middle", style="muted"),
        label("came true", 11, y(0.5), anchor="middle", style="muted sideways"),
        line(x(0), y(0), x(1), y(1), "ideal"),
    ]
    for part in bins:
        low, high = wilson(round(part["frequency"] * part["rows"]), part["rows"])
        place = x(part["confidence"])
        drawn += [
            line(place, y(low), place, y(high), "whisker"),
            element("circle", cx=place, cy=y(part["frequency"]), r=4, class_="own"),
        ]
    told = "; ".join(f"said {number(part['confidence'], 2)}, came true {number(part['frequency'], 2)}" for part in bins)
    description = f"On the dashed line what was said is what came true. Bars are 95% intervals. {told}."
    return picture(name, HEIGHT, title, description, *drawn)
