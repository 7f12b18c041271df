"""Scores as dots with their 95% intervals, and the baseline's beside them; each metric on an axis of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from luban.reports.charts._svg import WIDTH, Scale, element, finite, label, line, picture
from luban.reports.numbers import decimals, interval, number

ROW = 52
EDGE = 8


@dataclass(frozen=True)
class Whisker:
    """A line of the picture. lowest, highest: what the metric can be; infinite where there is no bound."""

    name: str
    value: float
    low: float
    high: float
    baseline: float | None
    lowest: float
    highest: float


def whiskers(name: str, title: str, rows: Sequence[Whisker], baseline: str) -> Markup:
    """The picture. baseline: the name of the model that the diamonds stand for."""
    drawable = [row for row in rows if all(finite(part) for part in (row.value, row.low, row.high))]
    told = "; ".join(f"{row.name} {number(row.value)}, {interval(row.low, row.high)}" for row in drawable)
    drawn = [part for place, row in enumerate(drawable) for part in _row(row, place * ROW)]
    description = f"Dots with 95% intervals. Diamonds: {baseline}. {told}."
    return picture(name, max(1, len(drawable)) * ROW, title, description, *drawn)


def _row(row: Whisker, top: float) -> list[Markup]:
    low, high = _range(row)
    at = Scale(low, high, EDGE, WIDTH - EDGE)
    y = top + 29.0
    digits = decimals(row.low, row.high)
    figures = f"{number(row.value, digits)} ({interval(row.low, row.high, digits)})"
    drawn = [
        label(row.name, 0, top + 14),
        label(figures, WIDTH, top + 14, anchor="end", style="strong"),
        line(EDGE, y, WIDTH - EDGE, y, "axis"),
        label(number(low), 0, top + 44, style="muted"),
        label(number(high), WIDTH, top + 44, anchor="end", style="muted"),
    ]
    if row.baseline is not None and finite(row.baseline):
        x = at(row.baseline)
        drawn.append(element("path", d=f"M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z", class_="other"))
    drawn += [
        line(at(row.low), y, at(row.high), y, "whisker"),
        line(at(row.low), y - 5, at(row.low), y + 5, "whisker"),
        line(at(row.high), y - 5, at(row.high), y + 5, "whisker"),
        element("circle", cx=at(row.value), cy=y, r=5, class_="own"),
    ]
    return drawn


def _range(row: Whisker) -> tuple[float, float]:
    """The axis: what the metric can be, or a little more than what is shown, from 0 where that is the best."""
    if finite(row.lowest) and finite(row.highest):
        return row.lowest, row.highest
    shown = [part for part in (row.low, row.high, row.value, row.baseline) if part is not None and finite(part)]
    low, high = min(shown), max(shown)
    room = (high - low or abs(high) or 1.0) * 0.1
    low, high = low - room, high + room
    if finite(row.lowest):
        low = row.lowest
    if finite(row.highest):
        high = row.highest
    return low, high
