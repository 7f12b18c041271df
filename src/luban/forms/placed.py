"""A form that knows only some of the classes, among all of them: the rest are never answered.

A class may be so rare that the rows a model was fitted on have none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, dense
from luban.forms import _members
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.protocols import Builder, Form, State


@final
@dataclass(frozen=True, eq=False)
class Placed:
    """The inner form's outputs at their places, zero elsewhere. places: (inner outputs,) int64, rising."""

    kind: ClassVar[str] = "placed"
    inner: Form
    places: Array
    output_width: int

    @property
    def width(self) -> int:
        return self.inner.width

    def outputs(self, inputs: Inputs) -> Array:
        answers = np.zeros((int(inputs.shape[0]), self.output_width))
        answers[:, self.places] = dense(self.inner.outputs(inputs))
        return answers

    def state(self) -> State:
        return State({"outputs": self.output_width}, {"places": self.places}, _members.pack([self.inner]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        width = checked.whole("outputs", 1, MOST_OUTPUTS)
        inner, *more = _members.unpack(state)
        places = checked.array("places", "int64", inner.output_width)
        checked.end(parts=True)
        # Compared with each other, not subtracted: far numbers would overflow.
        if more or places.min() < 0 or places.max() >= width or (places[1:] <= places[:-1]).any():
            raise checked.fail("its places are not places of different outputs")
        return cls(inner, places, width)

    def graph(self, builder: Builder, inputs: str) -> str:
        spread = (self.places[:, None] == np.arange(self.output_width)).astype(np.float64)
        return builder.node("MatMul", self.inner.graph(builder, inputs), builder.constant(spread))


form = Placed
