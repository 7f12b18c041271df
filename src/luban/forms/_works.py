"""What a network was asked to do, read from a bundle. A module is built of it, so it is checked number by number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from luban.forms._checked import LARGEST, MOST_INPUTS, MOST_OUTPUTS, Checked
from luban.protocols import Shape, Work

_KINDS = {"vector": (1,), "tokens": (1,), "words": (2, 5), "image": (3,), "sequence": (1,)}
"""The kinds of shapes, and how many numbers give the size of each."""


def read(checked: Checked, document: Any) -> Work:
    """The work that a state names. Raises BundleError for one that luban would not have written."""
    try:
        shapes = {str(name): _shape(checked, shape) for name, shape in document["shapes"].items()}
        quantiles = tuple(document.get("quantiles", ()))
        targets = tuple((task, outputs) for task, outputs in document.get("targets", ()))
        work = replace(Work(**{**document, "quantiles": quantiles, "shapes": {}, "targets": targets}), shapes=shapes)
        numbers = (work.outputs, work.rows, work.width, work.season, work.window, *(outputs for _, outputs in targets))
        words = (work.task, work.loss, work.class_weight, *(task for task, _ in targets))
    except (TypeError, KeyError, AttributeError):
        raise checked.fail("what it was asked to do is not told as luban tells it") from None
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers) or not shapes:
        raise checked.fail("what it was asked to do has no sizes")
    if not 1 <= work.outputs <= MOST_OUTPUTS or work.width > MOST_INPUTS or not isinstance(work.sparse, bool):
        raise checked.fail(f"it has {work.outputs} outputs of {work.width} inputs")
    if not all(isinstance(word, str) for word in words):
        raise checked.fail("what it was asked to do is not told in words")
    if not all(isinstance(share, float) and 0 < share < 1 for share in work.quantiles):
        raise checked.fail("its quantiles are no shares")
    return work


def _shape(checked: Checked, document: Mapping[str, Any]) -> Shape:
    shape = Shape(
        kind=document["kind"],
        size=tuple(document["size"]),
        longest=document["longest"],
        center=tuple(document["center"]),
        spread=tuple(document["spread"]),
    )
    sizes = (*shape.size, shape.longest)
    if set(document) != set(vars(shape)) or shape.kind not in _KINDS or len(shape.size) not in _KINDS[shape.kind]:
        raise checked.fail("a tensor has a shape that luban does not know")
    if not all(isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= MOST_INPUTS for n in sizes):
        raise checked.fail(f"a tensor has the shape {sizes}")
    channels = (*shape.center, *shape.spread)
    if not all(isinstance(n, float | int) and np.isfinite(n) and abs(n) <= LARGEST for n in channels):
        raise checked.fail("a tensor is standardised by what is no number")
    return shape
