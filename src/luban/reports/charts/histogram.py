"""A column's values as small bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from luban.reports.charts._svg import element, finite, picture

WIDTH, HEIGHT = 96, 26


def histogram(name: str, title: str, description: str, counts: Sequence[Any]) -> Markup:
    """The picture; the highest bar is as high as the picture. Nothing where there is nothing to draw."""
    bars = [max(0.0, float(many)) if finite(many) else 0.0 for many in counts]
    highest = max(bars, default=0.0)
    if highest <= 0:
        return Markup("")
    step = WIDTH / len(bars)
    drawn = [
        element(
            "rect",
            x=place * step,
            # A bar of few rows among many stays to be seen.
            y=HEIGHT - max(1.0, HEIGHT * many / highest),
            width=max(step - 1, 1.0),
            height=max(1.0, HEIGHT * many / highest),
            class_="bar",
        )
        for place, many in enumerate(bars)
        if many > 0
    ]
    return picture(name, HEIGHT, title, description, *drawn, width=WIDTH)
