"""Changes of a state that no form may accept, made from any good state: a new form is attacked by existing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from luban.batch import Array
from luban.protocols import State

ODD = (None, "odd", [], {}, float("nan"), float("inf"), 1e300, -5, 10**12, True)
SIGNED = {"scale", "offset"}
"""Values that may be any number."""
POSITIVE = {"gamma", "variance"}
"""Values that may be any number above zero."""
OPTIONAL = {"choice"}
"""Values that may be absent."""
_OTHER = {
    "float32": ("float64", "int32"),
    "float64": ("float32", "int64"),
    "int32": ("int64", "float32", "uint8"),
    "int64": ("int32", "float64", "uint8"),
}


def mutations(state: State) -> Iterator[tuple[str, State]]:
    """Every change, with what it is in words."""
    for name, array in state.arrays.items():
        for what, changed in _arrays(array):
            yield f"array {name}: {what}", replace(state, arrays=_with(state.arrays, name, changed))
    for name, value in state.values.items():
        for odd in (_MISSING, *ODD):
            if _is_odd(name, value, odd):
                yield (
                    f"value {name}: {'missing' if odd is _MISSING else repr(odd)}",
                    replace(state, values=_with(state.values, name, odd)),
                )
    yield "a value too many", replace(state, values={**state.values, "surplus": 1})
    yield "an array too many", replace(state, arrays={**state.arrays, "surplus": np.zeros(1)})
    yield from _parts(state)


_MISSING = object()


def _with(pairs: Any, name: str, value: Any) -> dict[str, Any]:
    return {key: value if key == name else old for key, old in pairs.items() if key != name or value is not _MISSING}


def _arrays(array: Array) -> Iterator[tuple[str, Any]]:
    yield "missing", _MISSING
    yield "one axis more", array[None]
    for dtype in _OTHER[array.dtype.name]:
        yield f"as {dtype}", array.astype(dtype)
    if not array.size:
        return
    yield "nothing in it", array[:0]
    yield "as one number", array.ravel()[0]
    odd: tuple[float, ...] = (np.nan, np.inf, -np.inf, *((1e200,) if array.dtype == np.float64 else ()))
    if array.dtype.kind == "i":
        odd = (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max, 10**6)
    for number in odd:
        for place in (0, -1):
            changed = array.copy()
            changed.ravel()[place] = number
            yield f"{number} at {place}", changed


def _is_odd(name: str, value: Any, odd: Any) -> bool:
    if name in OPTIONAL and (odd is None or odd is _MISSING):
        return False
    if isinstance(odd, bool):
        return not isinstance(value, bool)
    number = isinstance(odd, int | float) and np.isfinite(odd) and abs(odd) < 1e100
    return not (number and (name in SIGNED or (name in POSITIVE and odd > 0)))


def _parts(state: State) -> Iterator[tuple[str, State]]:
    other = ("constant", State({"width": 1}, {"answer": np.zeros(1)}))
    yield "a part too many", replace(state, parts=(*state.parts, other))
    if not state.parts:
        return
    (kind, first), *rest = state.parts
    yield "no part", replace(state, parts=())
    yield "a part of a kind that there is not", replace(state, parts=(("nonsense", first), *rest))
    yield "a part that is a file of the family and no form", replace(state, parts=(("_links", first), *rest))
    broken = replace(first, values={**first.values, "surplus": 1})
    yield "a part that is odd itself", replace(state, parts=((kind, broken), *rest))
    deep = (kind, first)
    for _ in range(12):
        deep = ("stack", State({"normalise": False}, {}, (deep,)))
    yield "parts within parts without end", replace(state, parts=(deep, *rest))
