"""Vectors of frozen bodies, kept while a process lives: the parts of a cross-validation share most of their rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from hashlib import blake2b
from typing import Protocol

import numpy as np

from luban.batch import Array, Inputs, Ragged, Tensors

TOGETHER = 8
"""Rows of one size that are read at once, always as many: so the vector of a row depends on no other row, to the last
digit. Rows that differ in length are read one by one."""
MOST = 1 << 25
"""Numbers that are kept at most, of float64."""


class Reads(Protocol):
    """What makes vectors of rows."""

    def vectors(self, inputs: Inputs) -> Array:
        """(rows, width) float64."""


_KEPT: OrderedDict[tuple[Hashable, bytes], Array] = OrderedDict()


def vectors(body: Reads, inputs: Inputs, name: Hashable) -> Array:
    """(rows, width) of rows; those that were read before in this process are found again.

    name: of what reads: of its weights, and of how it reads.
    """
    assert isinstance(inputs, Tensors), "networks read tensors"
    parts = list(inputs.parts.values())
    # What differs in length is padded to the longest that is read with it.
    together = TOGETHER if all(isinstance(part, np.ndarray) for part in parts) else 1
    rows = inputs.shape[0]
    keys = [(name, _digest([_row(part, row) for part in parts])) for row in range(rows)]
    # The first of equal rows stands for all of them.
    new = list({key: row for row, key in reversed(list(enumerate(keys))) if key not in _KEPT}.values())[::-1]
    found = {key: _KEPT[key] for key in keys if key in _KEPT}
    for first in range(0, len(new), together):
        some = new[first : first + together]
        filled = np.array(some + [some[-1]] * (together - len(some)))
        read = body.vectors(inputs[filled])
        found |= {keys[row]: read[place] for place, row in enumerate(some)}
    width = len(next(iter(found.values()))) if found else 0
    for key, vector in found.items():
        _KEPT[key] = vector
        _KEPT.move_to_end(key)
    while _KEPT and len(_KEPT) * width > MOST:
        _KEPT.popitem(last=False)
    return np.stack([found[key] for key in keys])


def _row(part: Array | Ragged, row: int) -> Array:
    if isinstance(part, Ragged):
        return part.values[part.offsets[row] : part.offsets[row + 1]]
    found: Array = part[row]
    return found


def _digest(parts: list[Array]) -> bytes:
    made = blake2b(digest_size=16)
    for part in parts:
        made.update(np.ascontiguousarray(part).tobytes())
    return made.digest()
