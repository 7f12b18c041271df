"""Windows of series as models see them: scaled, and without what scales them back; and the form that does so.

For every other task rows are what they are.
"""

from __future__ import annotations

from dataclasses import replace

from luban.batch import Batch, Tensors, dense
from luban.core import registry
from luban.forms.rescaled import NUMBERS, PART, anchors, split
from luban.protocols import Form, Shape, Work

TASK = "forecasting"


def inner(batch: Batch, work: Work) -> tuple[Batch, Work]:
    """The rows and the work as a model sees them.

    Of windows the target is (rows, horizon), scaled as the history is.
    """
    if work.task != TASK:
        return batch, work
    inputs, anchor = split(batch.inputs)
    level, spread = anchors(anchor)
    target = batch.target
    if target is not None:
        target = (dense(target)[:, :-1] - level[:, None]) / spread[:, None]
    return replace(batch, inputs=inputs, target=target), seen(work, isinstance(inputs, Tensors))


def seen(work: Work, tensors: bool) -> Work:
    """The work as a model sees it: without the level and the spread."""
    if work.task != TASK:
        return work
    if tensors:
        return replace(work, shapes={name: shape for name, shape in work.shapes.items() if name != PART})
    width = work.width - NUMBERS
    shapes = {name: Shape("vector", (width,)) for name in work.shapes}
    return replace(work, width=width, shapes=shapes)


def outer(form: Form, batch: Batch, work: Work) -> Form:
    """The form that answers in the unit of the series. batch, work: as `inner` was given them."""
    if work.task != TASK:
        return form
    rescaled: Form = registry.find("forms", "rescaled")(form, isinstance(batch.inputs, Tensors))
    return rescaled
