"""Reading a state that nobody vouches for. Each form takes its values through here; what is odd raises BundleError."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from luban.batch import Array
from luban.core.errors import BundleError
from luban.protocols import State

LARGEST = 1e100
"""No number of a form is larger: sums and products of a few of them stay finite."""
MOST_INPUTS = 10_000_000
MOST_OUTPUTS = 100_000


@final
class Checked:
    """A state of one kind of form, read piece by piece. `end` finds what `state()` never writes."""

    def __init__(self, kind: str, state: State) -> None:
        self._kind = kind
        self._state = state
        self._values = set(state.values)
        self._arrays = set(state.arrays)

    def fail(self, problem: str) -> BundleError:
        return BundleError(f"the {self._kind} form of the model cannot be used: {problem}.")

    def array(self, name: str, dtype: str, *shape: int | None) -> Array:
        """The array, finite and of this type and shape; None stands for any length of at least 1."""
        if name not in self._state.arrays:
            raise self.fail(f"its array '{name}' is missing")
        self._arrays.discard(name)
        array = np.asarray(self._state.arrays[name])
        if array.dtype.name != dtype:
            raise self.fail(f"'{name}' holds {array.dtype.name} instead of {dtype}")
        wanted = tuple("any" if length is None else length for length in shape)
        fits = array.ndim == len(shape) and all(
            have == want or (want is None and have > 0) for have, want in zip(array.shape, shape, strict=True)
        )
        if not fits:
            raise self.fail(f"'{name}' has the shape {array.shape} instead of {wanted}")
        if array.dtype.kind == "f" and array.size and not float(np.abs(array).max()) <= LARGEST:
            raise self.fail(f"'{name}' holds a number that is not finite or beyond {LARGEST:g}")
        return np.ascontiguousarray(array)

    def known(self, name: str) -> None:
        """Says that this array was read by other means."""
        self._arrays.discard(name)

    def whole(self, name: str, low: int, high: int) -> int:
        """A JSON integer from `low` to `high`."""
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.fail(f"'{name}' is {_short(value)} instead of an integer from {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """A JSON number from `low` to `high`."""
        value = self._value(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.fail(f"'{name}' is {_short(value)} instead of a number")
        if not (math.isfinite(value) and low <= value <= high):
            raise self.fail(f"'{name}' is {_short(value)} instead of a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, name: str) -> bool:
        value = self._value(name)
        if not isinstance(value, bool):
            raise self.fail(f"'{name}' is {_short(value)} instead of true or false")
        return value

    def choice(self, name: str, options: tuple[str, ...]) -> str:
        value = self._value(name)
        if value not in options:
            raise self.fail(f"'{name}' is {_short(value)} instead of one of {', '.join(options)}")
        return str(value)

    def optional(self, name: str) -> Any:
        """The JSON value, or None where there is none; its reader checks it."""
        self._values.discard(name)
        return self._state.values.get(name)

    def width(self) -> int:
        return self.whole("width", 0, MOST_INPUTS)

    def end(self, *, parts: bool = False) -> None:
        """Nothing else is in the state."""
        surplus = sorted(self._values | self._arrays)
        if surplus:
            raise self.fail(f"it has '{surplus[0]}', which it should not have")
        if self._state.parts and not parts:
            raise self.fail("it has parts, which it should not have")

    def _value(self, name: str) -> Any:
        if name not in self._state.values:
            raise self.fail(f"its value '{name}' is missing")
        self._values.discard(name)
        return self._state.values[name]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
