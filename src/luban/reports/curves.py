"""How the networks of a bundle learned, from its history: losses by epoch, and the learning rate by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from luban.reports.charts._svg import finite
from luban.reports.charts.curve import Curve, curves
from luban.reports.numbers import NOTHING, count, number, text
from luban.reports.view import Document, View, listed, mapping

NETWORKS = 6
"""Networks whose curves are shown, at most."""
POINTS = 200
"""Points of a line and rows of a table, at most; of more, some that are evenly spaced."""
LAST = ("everything", "whole", "0-fold0")
"""How the name of the training ends whose weights answer, the first of these that there is: on all rows, on all
training rows, beside the one held-out part."""

T = TypeVar("T")


@dataclass
class Course:
    """What the history tells of one training: by epoch, counted from 1, and by step."""

    label: str
    train: dict[int, float] = field(default_factory=dict)
    held_out: dict[int, float] = field(default_factory=dict)
    rate: dict[int, float] = field(default_factory=dict)


def learning(view: View) -> list[dict[str, Any]]:
    """Of each chosen network a picture and a table; empty for a bundle without networks."""
    members = [str(member.get("label")) for member in listed(mapping(view.evaluation.get("chosen")), "members")]
    found = courses(view.history)
    shown = [_last(found, label) for label in dict.fromkeys(members)]
    return [_drawn(course, place) for place, course in enumerate(filter(None, shown)) if place < NETWORKS]


def courses(history: Sequence[Document]) -> dict[str, Course]:
    """The trainings that the history names, by their units.

    What a training that was killed did twice counts once; what it began with larger steps does not count.

    >>> told = {"unit": "mlp-0", "label": "mlp", "choices": {}}, {"unit": "mlp-0", "epoch": 0, "train_loss": 0.5}
    >>> courses(told)["mlp-0"].train
    {1: 0.5}
    """
    found: dict[str, Course] = {}
    for line in history:
        unit = line.get("unit")
        if isinstance(unit, str) and isinstance(line.get("label"), str):
            found.setdefault(unit, Course(line["label"]))
        elif isinstance(unit, str) and unit in found:
            if "memory" in line:
                found[unit] = Course(found[unit].label)
            _note(found[unit].train, line, "epoch", "train_loss")
            _note(found[unit].held_out, line, "epoch", "stopping_loss")
            _note(found[unit].rate, line, "step", "rate")
    return found


def _note(points: dict[int, float], line: Document, where: str, what: str) -> None:
    place, value = line.get(where), line.get(what)
    if isinstance(place, int) and value is not None and finite(value):
        points[place + 1] = float(value)


def _last(found: Mapping[str, Course], label: str) -> Course | None:
    """The training of a candidate whose weights answer."""
    own = {unit: course for unit, course in found.items() if course.label == label and course.train}
    return next((course for end in LAST for unit, course in own.items() if unit.endswith(end)), None)


def _drawn(course: Course, place: int) -> dict[str, Any]:
    train, held_out, rate = (sorted(points.items()) for points in (course.train, course.held_out, course.rate))
    best = min(held_out, key=lambda point: point[1], default=None)
    told = [f"The loss on training rows goes from {number(train[0][1])} to {number(train[-1][1])}"]
    if best is not None:
        told.append(f"on rows that say when to stop it is lowest in epoch {best[0]}, at {number(best[1])}")
    label = text(course.label, 200)
    panels = [Curve("loss", "epoch", [_spread(train), _spread(held_out)], best)]
    if rate:
        panels.append(Curve("learning rate", "step", [_spread(rate)]))
    rows = [
        [number(epoch), number(loss), *([number(course.held_out.get(epoch))] if held_out else [])]
        for epoch, loss in _spread(train)
    ]
    return {
        "label": label,
        "picture": curves(f"learning-{place}", f"How {label} learned", f"{', '.join(told)}.", panels),
        "told": f"{', '.join(told)}, in {count(len(train), 'epoch')}.",
        "held_out": bool(held_out),
        "headings": ["epoch", "training rows", *(["held-out rows"] if held_out else [])],
        "rows": rows,
        "rate": f"{number(rate[0][1])} in the first step, at most {number(max(value for _, value in rate))}, "
        f"{number(rate[-1][1])} in the last that was looked at"
        if rate
        else NOTHING,
    }


def _spread(points: Sequence[T]) -> Sequence[T]:
    """At most POINTS of these, the first and the last among them."""
    if len(points) <= POINTS:
        return points
    return [points[round(place * (len(points) - 1) / (POINTS - 1))] for place in range(POINTS)]
