"""What every picture is made of: escaped elements, a frame with title and description, a scale, round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from luban.reports.numbers import text

WIDTH = 360
"""Units across: about as many as a phone has points, so that text keeps its size there."""
HEADING = 45
"""Letters of a heading that fit above axes."""


@dataclass(frozen=True)
class Scale:
    """From values to places: `low` lies at `start`, `high` at `end`; what is beyond is drawn at the border.

    >>> Scale(0, 1, 10, 110)(0.5), Scale(0, 1, 10, 110)(7)
    (60.0, 110.0)
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def element(name: str, *children: Any, **attributes: Any) -> Markup:
    """An element; text and attributes are escaped. `class_` is written `class`, `stroke_width` `stroke-width`.

    >>> element("text", "a < b", x=1.0, class_="muted")
    Markup('<text x="1" class="muted">a &lt; b</text>')
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"' for key, value in attributes.items()
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>") if inside else Markup(f"<{name}{written}/>")


def picture(name: str, height: float, title: str, description: str, *children: Any, width: float = WIDTH) -> Markup:
    """A picture that a screen reader can tell. name: unique on the page."""
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-description"),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        aria_labelledby=f"{name}-title {name}-description",
        class_="picture",
    )


def label(content: str, x: float, y: float, *, anchor: str = "start", style: str = "") -> Markup:
    """Text at a place."""
    named = {"class_": style} if style else {}
    return element("text", content, x=x, y=y, text_anchor=anchor, **named)


def heading(content: str, x: float, y: float) -> Markup:
    """The heading above axes, cut to the letters that fit into the picture."""
    return label(text(content, HEADING), x, y, style="strong")


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def path(points: Sequence[tuple[float, float]]) -> str:
    """A line through the points, as the `d` of a path.

    >>> path([(0.0, 1.0), (2.0, 3.5)])
    'M0.0 1.0L2.0 3.5'
    """
    return "".join(f"{'L' if place else 'M'}{x:.1f} {y:.1f}" for place, (x, y) in enumerate(points))


def finite(value: Any) -> bool:
    """Whether a value is a number that has a place in a picture."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values within a range, at most about `most`.

    >>> ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(37, 212)
    [50.0, 100.0, 150.0, 200.0]
    """
    span = high - low
    if not (finite(low) and finite(high)) or span <= 0:
        return [low] if finite(low) else []
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999), default=10 * power)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _short(value: Any) -> str:
    """A number with as many digits as a picture needs.

    >>> _short(12.0), _short(1 / 3)
    ('12', '0.33')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
