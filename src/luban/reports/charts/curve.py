"""Values that change while a network learns, as lines over its epochs or steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from luban.reports.charts._svg import WIDTH, Scale, element, heading, label, line, path, picture, ticks
from luban.reports.numbers import number

HEIGHT = 190
LEFT, BOTTOM, TOP, RIGHT = 54, 34, 24, 12

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """One panel. across: what the points lie over. lines: (where, value) each, finite; the second line is dashed.

    marked: a point that is told apart, or None.
    """

    title: str
    across: str
    lines: Sequence[Points]
    marked: tuple[float, float] | None = None


def curves(name: str, title: str, description: str, panels: Sequence[Curve]) -> Markup:
    """The picture: the panels below each other, each with axes of its own."""
    drawn = [part for place, panel in enumerate(panels) for part in _panel(panel, place * HEIGHT)]
    return picture(name, max(1, len(panels)) * HEIGHT, title, description, *drawn)


def _panel(panel: Curve, top: float) -> list[Markup]:
    every = [point for points in panel.lines for point in points]
    where, values = [point[0] for point in every] or [0.0], [point[1] for point in every] or [0.0]
    x = Scale(min(where), max(where), LEFT, WIDTH - RIGHT)
    y = Scale(min(values), max(values), top + HEIGHT - BOTTOM, top + TOP)
    up, along = ticks(min(values), max(values), 3), ticks(min(where), max(where), 5)
    floor = top + HEIGHT - BOTTOM
    placed = [[(x(across), y(value)) for across, value in points] for points in panel.lines if points]
    return [
        heading(panel.title, LEFT, top + 14),
        *[line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid") for tick in up],
        *[label(number(tick), LEFT - 6, y(tick) + 4, anchor="end", style="muted") for tick in up],
        *[label(number(tick), x(tick), floor + 14, anchor="middle", style="muted") for tick in along if tick % 1 == 0],
        label(panel.across, (LEFT + WIDTH) / 2, floor + 28, anchor="middle", style="muted"),
        *[
            element("path", d=path(points), class_=f"curve{' second' if place else ''}")
            for place, points in enumerate(placed)
        ],
        # A line of one point would not be seen.
        *[
            element("circle", cx=points[0][0], cy=points[0][1], r=2.2, class_="came")
            for points in placed
            if not points[1:]
        ],
        *(
            [element("circle", cx=x(panel.marked[0]), cy=y(panel.marked[1]), r=3, class_="came")]
            if panel.marked
            else []
        ),
    ]
