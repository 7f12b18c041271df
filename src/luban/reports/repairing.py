"""What an edit did to a training, as a picture: the loss by step before it and after it."""

from __future__ import annotations

from markupsafe import Markup

from luban.reports import telling
from luban.reports.charts._svg import finite
from luban.reports.charts.curve import Curve, Points, curves
from luban.reports.numbers import number, text
from luban.reports.view import Document, listed, mapping


def picture(repair: Document, place: int) -> Markup:
    """The losses of both trainings up to where they were compared; empty where there are none to show.

    repair: the JSON document of a repair. place: its number on the page.
    """
    losses = mapping(repair.get("losses"))
    before, after = (_points(losses.get(name)) for name in ("before", "after"))
    if not before and not after:
        return Markup("")
    changes = "; ".join(telling.edit(change) for change in listed(repair, "edits"))
    told = [f"{name}: {number(points[0][1])} at first, {number(points[-1][1])} in the end"
            for name, points in (("before", before), ("after", after)) if points]  # fmt: skip
    title = f"Loss before and after: {changes}"
    # The line of the training that answers is the solid one.
    panel = Curve("loss", "step", [after, before])
    return curves(f"repair-{place}", title, f"{text(repair.get('model', ''), 60)}. {'; '.join(told)}.", [panel])


def _points(curve: object) -> Points:
    pairs = [point for point in curve if isinstance(point, list) and len(point) == 2] if isinstance(curve, list) else []
    return [(float(step), float(loss)) for step, loss in pairs if finite(step) and finite(loss)]
