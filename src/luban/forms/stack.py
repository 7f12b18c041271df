"""One form for each class or label, side by side: one against the rest."""

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
class Stack:
    """The last output of each member, in their order.

    members: forms of equal width; each answers its own yes-or-no question with the probability of yes last.
    normalise: whether the outputs of a row are divided by their sum, for classes that exclude each other.
    """

    kind: ClassVar[str] = "stack"
    members: tuple[Form, ...]
    normalise: bool = False

    @property
    def width(self) -> int:
        return self.members[0].width

    @property
    def output_width(self) -> int:
        return len(self.members)

    def outputs(self, inputs: Inputs) -> Array:
        answers = np.stack([dense(member.outputs(inputs))[:, -1] for member in self.members], axis=1)
        return normalised(answers) if self.normalise else answers

    def state(self) -> State:
        return State({"normalise": self.normalise}, {}, _members.pack(self.members))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        normalise = checked.flag("normalise")
        checked.end(parts=True)
        members = _members.unpack(state)
        if len({member.width for member in members}) > 1:
            raise checked.fail("its members take inputs of different widths")
        return cls(members, normalise)

    def graph(self, builder: Builder, inputs: str) -> str:
        last = builder.constant(np.array([-1], dtype=np.int64))
        columns = [builder.node("Gather", member.graph(builder, inputs), last, axis=1) for member in self.members]
        answers = builder.node("Concat", *columns, axis=1)
        if not self.normalise:
            return answers
        raised = builder.node("Add", answers, builder.constant(np.array(_LITTLE)))
        total = builder.node("MatMul", raised, builder.constant(np.ones((len(self.members), 1))))
        return builder.node("Div", raised, total)


_LITTLE = 1e-12
"""Added to each output so that a row where every member says no has equal probabilities instead of none."""


def normalised(answers: Array) -> Array:
    """(rows, classes) that sum to 1.

    >>> normalised(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    raised = answers + _LITTLE
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


form = Stack
