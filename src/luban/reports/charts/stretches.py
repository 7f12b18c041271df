"""Which stretches of a sound or of a series speak for an answer, and which against it.

Each lies coloured over the spectrogram, or over the line, and below it stands a bar for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from luban.batch import Array
from luban.reports.charts._marks import Mark, png, strip
from luban.reports.charts._svg import WIDTH, Scale, element, label, line, path, picture, ticks
from luban.reports.numbers import number

LEFT, RIGHT = 54, 8
PICTURE, STRIP, AXIS, TITLE = 110, 46, 32, 20
PANELS = 8
"""Groups of channels that are drawn; the table has all."""
LINES = 12
"""Channels of a group that are drawn one by one; of more, their mean."""
_MOST_POINTS = 720
_MOST_FRAMES = 1_000


def sound(name: str, title: str, frames: Array, seconds: float, marks: Sequence[Mark]) -> Markup:
    """The picture. frames: (frames, bands), loudness as a logarithm. seconds: from one frame to the next.

    marks: with (begin, end) in seconds as place.
    """
    x = Scale(0.0, len(frames) * seconds, LEFT, WIDTH - RIGHT)
    some = frames[:: max(1, math.ceil(len(frames) / _MOST_FRAMES))]
    low, high = np.quantile(some, [0.05, 0.995])
    # Dark is loud; low bands lie at the bottom.
    shade = 255 - 255 * np.clip((some - low) / max(high - low, 1e-9), 0, 1)
    drawn = [
        element(
            "image", href=png(np.ascontiguousarray(shade.T[::-1]).astype(np.uint8)), x=LEFT, y=0,
            width=WIDTH - RIGHT - LEFT, height=PICTURE, preserveAspectRatio="none", class_="photo",
        ),
        label("high", LEFT - 6, 12, anchor="end", style="muted"),
        label("low", LEFT - 6, PICTURE - 4, anchor="end", style="muted"),
        *_over(marks, x, 0, PICTURE),
        *strip(marks, x, PICTURE + 6, STRIP),
        *_axis(x, PICTURE + STRIP + 6, "seconds"),
    ]  # fmt: skip
    told = "A spectrogram, dark where it is loud, with its stretches coloured, and a bar for each below."
    return picture(name, PICTURE + STRIP + AXIS + 6, title, f"{told} {_strongest(marks)}", *drawn)


def series(name: str, title: str, steps: Array, marks: Sequence[Mark]) -> Markup:
    """The picture. steps: (steps, channels) finite.

    marks: with (begin, end) of steps as place, then, where there are several channels, (begin, end) of these.
    """
    groups = sorted({mark.place[2:] or (0.0, 1.0) for mark in marks})[:PANELS]
    drawn: list[Markup] = []
    x = Scale(0.0, float(len(steps)), LEFT, WIDTH - RIGHT)
    top = 0.0
    for group in groups:
        own = [mark for mark in marks if (mark.place[2:] or (0.0, 1.0)) == group]
        first, behind = int(group[0]), int(group[1])
        if steps.shape[1] > 1:
            called = f"channel {behind}" if behind - first == 1 else f"channels {first + 1} to {behind}"
            drawn.append(label(called, LEFT, top + 13, style="strong"))
            top += TITLE
        drawn += [
            *_over(own, x, top, PICTURE),
            *_lines(steps[:, first:behind], x, top),
            *strip(own, x, top + PICTURE + 6, STRIP),
        ]
        top += PICTURE + STRIP + 14
    drawn += _axis(x, top - 6, "step")
    told = "The values in their order, windows of them coloured, and a bar for each below."
    return picture(name, top + AXIS, title, f"{told} {_strongest(marks)}", *drawn)


def _over(marks: Sequence[Mark], x: Scale, top: float, height: float) -> list[Markup]:
    return [
        element(
            "rect", element("title", f"{mark.name}: {mark.told}"), x=x(mark.place[0]), y=top,
            width=max(x(mark.place[1]) - x(mark.place[0]), 0.5), height=height, class_=f"{mark.style} over",
            fill_opacity=round(mark.opacity, 3),
        )
        for mark in marks
        if mark.opacity
    ]  # fmt: skip


def _lines(steps: Array, x: Scale, top: float) -> list[Markup]:
    """The lines of the channels with their scale at the left."""
    shown = steps if steps.shape[1] <= LINES else steps.mean(axis=1, keepdims=True)
    low, high = float(shown.min()), float(shown.max())
    y = Scale(low, high, top + PICTURE - 6, top + 6)
    places = np.arange(0, len(shown), max(1, math.ceil(len(shown) / _MOST_POINTS)))
    lines = [[(x(place + 0.5), y(float(shown[place, channel]))) for place in places.tolist()]
             for channel in range(shown.shape[1])]  # fmt: skip
    return [
        *[label(number(tick), LEFT - 6, y(tick) + 4, anchor="end", style="muted") for tick in ticks(low, high, 3)],
        *[element("path", d=path(points), class_="told") for points in lines if points[1:]],
        *[
            element("circle", cx=points[0][0], cy=points[0][1], r=2.2, class_="came")
            for points in lines
            if not points[1:]
        ],
    ]


def _axis(x: Scale, floor: float, name: str) -> list[Markup]:
    shown = ticks(x.low, x.high, 6)
    return [
        *[line(x(tick), floor, x(tick), floor + 4, "axis") for tick in shown],
        *[label(number(tick), x(tick), floor + 15, anchor="middle", style="muted") for tick in shown[:-1] or shown],
        label(name, WIDTH - RIGHT, floor + 15, anchor="end", style="muted"),
    ]


def _strongest(marks: Sequence[Mark]) -> str:
    first = sorted(marks, key=lambda mark: -abs(mark.value))[:5]
    return f"The strongest: {'; '.join(f'{mark.name} {mark.told}' for mark in first)}."
