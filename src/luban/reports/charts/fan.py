"""A forecast: the past of a series, what was forecast with its interval, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from luban.reports.charts._svg import WIDTH, Scale, element, heading, label, line, path, picture, ticks
from luban.reports.numbers import number

HEIGHT = 190
LEFT, BOTTOM, TOP, RIGHT = 54, 24, 24, 8


@dataclass(frozen=True)
class Fan:
    """One window. past: what was known. truth, forecast: the steps ahead. low, high: of the interval, or empty."""

    title: str
    past: Sequence[float]
    truth: Sequence[float]
    forecast: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


def fan(name: str, title: str, windows: Sequence[Fan]) -> Markup:
    """The picture: the windows below each other, each with an axis of its own."""
    drawn = [part for place, window in enumerate(windows) for part in _window(window, place * HEIGHT)]
    description = (
        f"{len(windows)} windows. The thin line is what was known, the dots what came, the thick line the forecast, "
        "and the area around it its 90% interval."
    )
    return picture(name, max(1, len(windows)) * HEIGHT, title, description, *drawn)


def _window(window: Fan, top: float) -> list[Markup]:
    every = [*window.past, *window.truth, *window.forecast, *window.low, *window.high] or [0.0, 1.0]
    low, high = min(every), max(every)
    known = len(window.past)
    x = Scale(0, max(known + len(window.forecast) - 1, 1), LEFT, WIDTH - RIGHT)
    y = Scale(low, high, top + HEIGHT - BOTTOM, top + TOP)
    ahead = [x(known + step) for step in range(len(window.forecast))]
    area = [*zip(ahead, map(y, window.low), strict=False), *reversed([*zip(ahead, map(y, window.high), strict=False)])]
    came = zip(ahead, map(y, window.truth), strict=False)
    return [
        heading(window.title, LEFT, top + 14),
        *[line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid") for tick in ticks(low, high, 3)],
        *[label(number(tick), LEFT - 6, y(tick) + 4, anchor="end", style="muted") for tick in ticks(low, high, 3)],
        *([element("path", d=f"{path(area)}Z", class_="area")] if area else []),
        element("path", d=path([(x(step), y(value)) for step, value in enumerate(window.past)]), class_="past"),
        element("path", d=path([*zip(ahead, map(y, window.forecast), strict=True)]), class_="forecast"),
        *[element("circle", cx=across, cy=up, r=2.2, class_="came") for across, up in came],
    ]
