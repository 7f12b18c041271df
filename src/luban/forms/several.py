"""Forms for several targets side by side: the outputs of the first, then those of the second, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, dense
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, State


@final
@dataclass(frozen=True, eq=False)
class Several:
    """members: forms of equal width, one for each target."""

    kind: ClassVar[str] = "several"
    members: tuple[Form, ...]

    @property
    def width(self) -> int:
        return self.members[0].width

    @property
    def output_width(self) -> int:
        return sum(member.output_width for member in self.members)

    def outputs(self, inputs: Inputs) -> Array:
        return np.concatenate([dense(member.outputs(inputs)) for member in self.members], axis=1)

    def state(self) -> State:
        return State({}, {}, _members.pack(self.members))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        checked.end(parts=True)
        members = _members.unpack(state)
        if len({member.width for member in members}) > 1:
            raise checked.fail("its members take different numbers of values")
        return cls(members)

    def graph(self, builder: Builder, inputs: str) -> str:
        return builder.node("Concat", *(member.graph(builder, inputs) for member in self.members), axis=1)


form = Several
