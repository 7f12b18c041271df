"""What matters: how much the score falls when a column is shuffled, as bars with 95% intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from luban.reports.charts._svg import WIDTH, Scale, element, finite, label, line, picture
from luban.reports.numbers import decimals, interval, number, text

ROW = 40
EDGE = 6


def importance(name: str, title: str, columns: Sequence[Mapping[str, Any]]) -> Markup:
    """The picture. columns: `column, value, low, high`, in the order in which they are drawn."""
    drawable = [part for part in columns if all(finite(part.get(key)) for key in ("value", "low", "high"))]
    low = min([0.0, *(part["low"] for part in drawable)])
    high = max([*(part["high"] for part in drawable), low + 1e-12])
    at = Scale(low, high, EDGE, WIDTH - EDGE)
    drawn: list[Markup] = []
    for place, part in enumerate(drawable):
        top = float(place * ROW)
        y = top + 27
        digits = decimals(part["low"], part["high"])
        start, end = sorted((at(0.0), at(part["value"])))
        figures = f"{number(part['value'], digits)} ({interval(part['low'], part['high'], digits)})"
        drawn += [
            label(text(part.get("column", ""), 26), 0, top + 15),
            label(figures, WIDTH, top + 15, anchor="end", style="muted"),
            element("rect", x=start, y=y - 5, width=max(end - start, 1.0), height=10, rx=2, class_="bar"),
            line(at(part["low"]), y, at(part["high"]), y, "whisker"),
        ]
    if drawable:
        drawn.append(line(at(0.0), 18, at(0.0), len(drawable) * ROW - 2.0, "axis"))
    told = "; ".join(f"{text(part.get('column', ''), 26)} {number(part['value'])}" for part in drawable)
    description = f"Bars from zero with 95% intervals; at zero the column does not matter. {told}."
    return picture(name, max(1, len(drawable)) * ROW, title, description, *drawn)
