"""Vectors of frozen bodies, kept while a process lives: the parts of a cross-validation share most of their rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from hashlib import blake2b
from typing import Protocol

import numpy as np

from luban.batch import Array, Inputs, Tensors

TOGETHER = 8
"""Rows that are read at once, always as many: so the vector of a row depends on no other row, to the last digit."""
MOST = 1 << 25
"""Numbers that are kept at most, of float64."""


class Reads(Protocol):
    """What makes vectors of rows."""

    def vectors(self, inputs: Inputs) -> Array:
        """(rows, width) float64."""


_KEPT: OrderedDict[tuple[Hashable, bytes], Array] = OrderedDict()


def vectors(body: Reads, inputs: Inputs, name: Hashable) -> Array:
    """(rows, width) of rows of one size; those that were read before in this process are found again.

    name: of what reads: of its weights, and of how it reads.
    """
    assert isinstance(inputs, Tensors), "networks read tensors"
    parts = [part for part in inputs.parts.values() if isinstance(part, np.ndarray)]
    assert len(parts) == len(inputs.parts), "texts are padded to the longest of a batch"
    rows = inputs.shape[0]
    keys = [(name, _digest([part[row] for part in parts])) for row in range(rows)]
    # The first of equal rows stands for all of them.
    new = list({key: row for row, key in reversed(list(enumerate(keys))) if key not in _KEPT}.values())[::-1]
    found = {key: _KEPT[key] for key in keys if key in _KEPT}
    for first in range(0, len(new), TOGETHER):
        some = new[first : first + TOGETHER]
        filled = np.array(some + [some[-1]] * (TOGETHER - len(some)))
        read = body.vectors(inputs[filled])
        found |= {keys[row]: read[place] for place, row in enumerate(some)}
    width = len(next(iter(found.values()))) if found else 0
    for key, vector in found.items():
        _KEPT[key] = vector
        _KEPT.move_to_end(key)
    while _KEPT and len(_KEPT) * width > MOST:
        _KEPT.popitem(last=False)
    return np.stack([found[key] for key in keys])


def _digest(parts: list[Array]) -> bytes:
    made = blake2b(digest_size=16)
    for part in parts:
        made.update(np.ascontiguousarray(part).tobytes())
    return made.digest()
