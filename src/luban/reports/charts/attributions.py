"""What each unit of a row adds to an answer, or takes from it, as bars from zero with 95% intervals."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from luban.reports.charts._marks import NORMAL, Mark
from luban.reports.charts._svg import WIDTH, Scale, element, label, line, picture
from luban.reports.numbers import text

ROW = 40
EDGE = 6


def attributions(name: str, title: str, marks: Sequence[Mark]) -> Markup:
    """The picture, in the order of the marks; `told` is what stands beside each."""
    reaches = [NORMAL * (mark.error or 0.0) for mark in marks]
    low = min([0.0, *(mark.value - reach for mark, reach in zip(marks, reaches, strict=True))])
    high = max([0.0, *(mark.value + reach for mark, reach in zip(marks, reaches, strict=True))])
    at = Scale(low, max(high, low + 1e-300), EDGE, WIDTH - EDGE)
    drawn: list[Markup] = []
    for place, (mark, reach) in enumerate(zip(marks, reaches, strict=True)):
        top = float(place * ROW)
        y = top + 27
        start, end = sorted((at(0.0), at(mark.value)))
        drawn += [
            label(text(mark.name, 32), 0, top + 15),
            label(mark.told, WIDTH, top + 15, anchor="end", style="muted"),
            element("rect", x=start, y=y - 5, width=max(end - start, 1.0), height=10, rx=2, class_=mark.style),
        ]
        # Zero beside each bar alone: a line all the way would cross the names.
        drawn.append(line(at(0.0), y - 8, at(0.0), y + 8, "axis"))
        if reach:
            drawn.append(line(at(mark.value - reach), y, at(mark.value + reach), y, "whisker"))
    told = "; ".join(f"{text(mark.name, 32)} {mark.told}" for mark in marks)
    description = f"Bars from zero: to the right what adds, to the left what takes. {told}."
    return picture(name, max(1, len(marks)) * ROW, title, description, *drawn)
