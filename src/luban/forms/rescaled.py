"""Answers about a scaled window of a series, put back into the unit of the series: answer * spread + level.

The level, in two parts, and the spread are the last three numbers of a row of a matrix; of tensors they are the part
`anchor`. The inner form does not see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, Tensors
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, Shape, State

if TYPE_CHECKING:
    from torch import nn

PART = "anchor"
NUMBERS = 3


@final
@dataclass(frozen=True, eq=False)
class Rescaled:
    """inner: the form for scaled windows. tensors: whether rows are tensors.

    >>> from luban.forms.constant import Constant
    >>> form = Rescaled(Constant(np.array([0.0, 2.0]), width=1))
    >>> form.outputs(np.array([[7.0, 100.0, 0.0, 5.0]], np.float32)).tolist()
    [[100.0, 110.0]]
    """

    kind: ClassVar[str] = "rescaled"
    inner: Form
    tensors: bool = False

    @property
    def width(self) -> int:
        return self.inner.width if self.tensors else self.inner.width + NUMBERS

    @property
    def output_width(self) -> int:
        return self.inner.output_width

    def outputs(self, inputs: Inputs) -> Array:
        seen, anchor = split(inputs)
        level, spread = anchors(anchor)
        return np.asarray(self.inner.outputs(seen) * spread[:, None] + level[:, None])

    def state(self) -> State:
        return State({"tensors": self.tensors}, {}, _members.pack([self.inner]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        tensors = checked.flag("tensors")
        checked.end(parts=True)
        inner, *more = _members.unpack(state)
        if more:
            raise checked.fail("it has more than one part")
        return cls(inner, tensors)

    def graph(self, builder: Builder, inputs: str) -> str:
        if self.tensors:
            anchor, seen = PART, inputs
        else:
            anchor = _columns(builder, inputs, np.arange(self.inner.width, self.width))
            seen = _columns(builder, inputs, np.arange(self.inner.width))
            builder = _Whole(builder, seen, inputs)
        exact = builder.double(anchor)
        level = builder.node("MatMul", exact, builder.constant(np.array([[1.0], [1.0], [0.0]])))
        spread = builder.node("MatMul", exact, builder.constant(np.array([[0.0], [0.0], [1.0]])))
        scaled = builder.node("Mul", self.inner.graph(builder, seen), spread)
        return builder.node("Add", scaled, level)


@dataclass(frozen=True)
class _Whole:
    """A builder whose trees look at the whole matrix: they find columns by number, and what follows is not theirs.

    A graph is only accepted with trees that look at its inputs themselves.
    """

    builder: Builder
    seen: str
    whole: str

    def node(self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        if operator.startswith("TreeEnsemble"):
            inputs = tuple(self.whole if name == self.seen else name for name in inputs)
        return self.builder.node(operator, *inputs, domain=domain, outputs=outputs, **attributes)

    def constant(self, values: Array) -> str:
        return self.builder.constant(values)

    def double(self, name: str) -> str:
        return self.builder.double(name)

    def network(self, module: nn.Module, shapes: Mapping[str, Shape], given: Mapping[str, str] | None = None) -> str:
        return self.builder.network(module, shapes, given)


def split(inputs: Inputs) -> tuple[Inputs, Array]:
    """What the inner form sees, and the (rows, 3) anchors."""
    if isinstance(inputs, Tensors):
        parts = {name: part for name, part in inputs.parts.items() if name != PART}
        return Tensors(parts), np.asarray(inputs.parts[PART])
    anchor = inputs[:, -NUMBERS:]
    dense = anchor.toarray() if hasattr(anchor, "toarray") else np.asarray(anchor)
    return inputs[:, :-NUMBERS], dense


def anchors(anchor: Array) -> tuple[Array, Array]:
    """(rows,) float64 levels and spreads."""
    exact = anchor.astype(np.float64)
    return exact[:, 0] + exact[:, 1], exact[:, 2]


def _columns(builder: Builder, inputs: str, places: Array) -> str:
    return builder.node("Gather", inputs, builder.constant(places.astype(np.int64)), axis=1)


form = Rescaled
