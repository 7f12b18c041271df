"""Answers the same to every row: the baseline that every model is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._rows import check_width
from luban.protocols import Builder, State


@final
@dataclass(frozen=True, eq=False)
class Constant:
    """answer: (outputs,) float64. width: how many inputs a row has, none of which matters.

    >>> Constant(np.array([0.25, 0.75]), width=3).outputs(np.zeros((2, 3), np.float32)).tolist()
    [[0.25, 0.75], [0.25, 0.75]]
    """

    kind: ClassVar[str] = "constant"
    answer: Array
    width: int

    @property
    def output_width(self) -> int:
        return len(self.answer)

    def outputs(self, inputs: Inputs) -> Array:
        check_width(inputs, self.width)
        return np.tile(self.answer, (int(inputs.shape[0]), 1))

    def state(self) -> State:
        return State({"width": self.width}, {"answer": self.answer})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        width, answer = checked.width(), checked.array("answer", "float64", None)
        if len(answer) > MOST_OUTPUTS:
            raise checked.fail(f"it has {len(answer)} outputs")
        checked.end()
        return cls(answer, width)

    def graph(self, builder: Builder, inputs: str) -> str:
        # Zero weights give the answer its number of rows.
        nothing = builder.node(
            "MatMul", builder.double(inputs), builder.constant(np.zeros((self.width, len(self.answer))))
        )
        return builder.node("Add", nothing, builder.constant(self.answer))


form = Constant
