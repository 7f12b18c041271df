"""True values over predicted ones, beside the line on which they are equal."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from luban.reports.charts._svg import WIDTH, Scale, element, label, line, picture, ticks
from luban.reports.numbers import number

HEIGHT = 320
LEFT, BOTTOM, TOP, RIGHT = 54, 40, 8, 10


def scatter(name: str, title: str, points: Sequence[tuple[float, float]]) -> Markup:
    """The picture. points: (predicted, true), finite."""
    every = [value for point in points for value in point] or [0.0, 1.0]
    low, high = min(every), max(every)
    x = Scale(low, high, LEFT, WIDTH - RIGHT)
    y = Scale(low, high, HEIGHT - BOTTOM, TOP)
    marks = ticks(low, high, 4)
    drawn = [
        *[line(x(tick), y(low), x(tick), y(high), "grid") for tick in marks],
        *[line(x(low), y(tick), x(high), y(tick), "grid") for tick in marks],
        *[label(number(tick), x(tick), HEIGHT - 22, anchor="middle", style="muted") for tick in marks],
        *[label(number(tick), LEFT - 6, y(tick) + 4, anchor="end", style="muted") for tick in marks],
        label("predicted", (LEFT + WIDTH) / 2, HEIGHT - 5, anchor="middle", style="muted"),
        label("true", 11, HEIGHT / 2 - 16, anchor="middle", style="muted sideways"),
        line(x(low), y(low), x(high), y(high), "ideal"),
        *[element("circle", cx=x(predicted), cy=y(true), r=2.5, class_="point") for predicted, true in points],
    ]
    description = f"{len(points)} rows; on the dashed line the prediction is right."
    return picture(name, HEIGHT, title, description, *drawn)
