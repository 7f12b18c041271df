"""How an answer follows a column: a line with its interval, the curves of single rows, and where the rows lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from luban.reports.charts._svg import WIDTH, Scale, element, heading, label, line, path, picture, ticks
from luban.reports.numbers import number, text

HEIGHT = 210
LEFT, BOTTOM, TOP, RIGHT = 54, 52, 24, 12
SHARE = 18
"""Height of the bars below, which say how many rows lie where."""
_LETTERS = 11


def dependence(name: str, title: str, columns: Sequence[Mapping[str, Any]]) -> Markup:
    """The picture: the columns below each other. columns: documents of `Dependence`.

    Numbers lie on a line, with an area as their interval; names lie side by side, each a dot with a whisker.
    """
    drawn = [part for place, each in enumerate(columns) for part in _panel(each, place * HEIGHT)]
    told = "; ".join(
        f"{text(each['column'], 26)} from {number(min(each['mean']))} to {number(max(each['mean']))}"
        for each in columns
    )
    description = (
        "The mean answer as a column changes and all others stay, with its 95% interval; thin lines are single rows, "
        f"bars below say where rows lie. {told}."
    )
    return picture(name, max(1, len(columns)) * HEIGHT, title, description, *drawn)


def _panel(column: Mapping[str, Any], top: float) -> list[Markup]:
    at, mean, low, high = (list(column[key]) for key in ("at", "mean", "low", "high"))
    curves = [list(each) for each in column["curves"]]
    every = [*low, *high, *(value for curve in curves for value in curve)]
    names = column["kind"] == "category"
    room = 0.5 if names else 0.0
    floor = top + HEIGHT - BOTTOM
    x = Scale(min(at) - room, max(at) + room, LEFT, WIDTH - RIGHT)
    y = Scale(min(every), max(every), floor, top + TOP)
    up = ticks(min(every), max(every), 3)
    across = [x(place) for place in at]
    return [
        heading(column["column"], LEFT, top + 14),
        *[line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid") for tick in up],
        *[label(number(tick), LEFT - 6, y(tick) + 4, anchor="end", style="muted") for tick in up],
        *[element("path", d=path([*zip(across, map(y, curve), strict=True)]), class_="grid") for curve in curves],
        *(_dots if names else _area)(across, [*map(y, mean)], [*map(y, low)], [*map(y, high)]),
        *_shares(across, column["share"], floor),
        *(_named(across, column["grid"], floor) if names else _numbered(x, column, floor)),
    ]


def _area(across: list[float], mean: list[float], low: list[float], high: list[float]) -> list[Markup]:
    around = [*zip(across, low, strict=True), *reversed([*zip(across, high, strict=True)])]
    return [
        element("path", d=f"{path(around)}Z", class_="area"),
        element("path", d=path([*zip(across, mean, strict=True)]), class_="curve"),
    ]


def _dots(across: list[float], mean: list[float], low: list[float], high: list[float]) -> list[Markup]:
    return [
        *[line(place, start, place, end, "whisker") for place, start, end in zip(across, low, high, strict=True)],
        *[element("circle", cx=place, cy=y, r=4, class_="own") for place, y in zip(across, mean, strict=True)],
    ]


def _shares(across: list[float], shares: Sequence[float], floor: float) -> list[Markup]:
    largest = max([*shares, 1e-12])
    tall = [SHARE * share / largest for share in shares]
    return [
        element("rect", x=place - 2, y=floor + 4 + SHARE - each, width=4, height=max(each, 0.5), class_="bar")
        for place, each in zip(across, tall, strict=True)
    ]


def _named(across: list[float], grid: Sequence[Any], floor: float) -> list[Markup]:
    every = max(1, round(len(across) / 4))
    return [
        label(text(value, _LETTERS), place, floor + SHARE + 18, anchor="middle", style="muted")
        for number_, (place, value) in enumerate(zip(across, grid, strict=True))
        if number_ % every == 0
    ]


def _numbered(x: Scale, column: Mapping[str, Any], floor: float) -> list[Markup]:
    """The round numbers below; of times, which are told as text, the first and the last."""
    grid = list(column["grid"])
    if isinstance(grid[0], str):
        ends = ((x.start, grid[0], "start"), (x.end, grid[-1], "end"))
        return [label(text(value, 20), at, floor + SHARE + 18, anchor=to, style="muted") for at, value, to in ends]
    return [
        label(number(tick), x(tick), floor + SHARE + 18, anchor="middle", style="muted")
        for tick in ticks(x.low, x.high, 5)
    ]
