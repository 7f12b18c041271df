"""The weighted mean of several forms: the ensemble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, State


@final
@dataclass(frozen=True, eq=False)
class Weighted:
    """members: forms of equal widths. weights: (members,) float64, at least 0, sum to 1."""

    kind: ClassVar[str] = "weighted"
    members: tuple[Form, ...]
    weights: Array

    @property
    def width(self) -> int:
        return self.members[0].width

    @property
    def output_width(self) -> int:
        return self.members[0].output_width

    def outputs(self, inputs: Inputs) -> Array:
        total = np.zeros((int(inputs.shape[0]), self.output_width))
        for member, weight in zip(self.members, self.weights, strict=True):
            total += weight * member.outputs(inputs)
        return total

    def state(self) -> State:
        return State({}, {"weights": self.weights}, _members.pack(self.members))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        weights = checked.array("weights", "float64", max(len(state.parts), 1))
        checked.end(parts=True)
        members = _members.unpack(state)
        if len({(member.width, member.output_width) for member in members}) > 1:
            raise checked.fail("its members take or give different numbers of values")
        if weights.min() < 0 or abs(float(weights.sum()) - 1.0) > 1e-6:
            raise checked.fail("its weights are not shares of 1")
        return cls(members, weights)

    def graph(self, builder: Builder, inputs: str) -> str:
        total = ""
        for member, weight in zip(self.members, self.weights, strict=True):
            part = builder.node("Mul", member.graph(builder, inputs), builder.constant(np.array(weight)))
            total = builder.node("Add", total, part) if total else part
        return total


form = Weighted
