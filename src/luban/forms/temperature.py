"""Probabilities made less or more sure by one number, the order kept: temperature scaling (Guo et al., 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban import spans
from luban.batch import Array, Inputs, PerRow, Ragged, dense
from luban.forms import _links, _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, State

_SMALLEST = 1e-12
"""Probabilities below this count as this, so that their logarithm is a number."""


@final
@dataclass(frozen=True, eq=False)
class Temperature:
    """softmax(log(p) / temperature) of the inner form's probabilities; with `labels`, of each label against its rest.

    Of an inner form that answers with pieces of texts it corrects how sure that is of each, and of none.

    temperature: above 1 is less sure. labels: whether outputs are labels of their own, not classes that sum to 1.
    """

    kind: ClassVar[str] = "temperature"
    inner: Form
    temperature: float
    labels: bool = False

    @property
    def width(self) -> int:
        return self.inner.width

    @property
    def output_width(self) -> int:
        return self.inner.output_width

    def outputs(self, inputs: Inputs) -> PerRow:
        said = self.inner.outputs(inputs)
        if isinstance(said, Ragged):
            return spans.corrected(said, lambda sure: tempered(sure, self.temperature, labels=True))
        return tempered(dense(said), self.temperature, labels=self.labels)

    def state(self) -> State:
        return State({"temperature": self.temperature, "labels": self.labels}, {}, _members.pack([self.inner]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        temperature, labels = checked.number("temperature", 1e-3, 1e3), checked.flag("labels")
        checked.end(parts=True)
        inner, *more = _members.unpack(state)
        if more:
            raise checked.fail("it has more than one inner form")
        return cls(inner, temperature, labels)

    def graph(self, builder: Builder, inputs: str) -> str:
        probabilities = self.inner.graph(builder, inputs)
        smallest = builder.constant(np.array(_SMALLEST))
        yes = builder.node("Log", builder.node("Max", probabilities, smallest))
        divisor = builder.constant(np.array(self.temperature))
        if not self.labels:
            return builder.node("Softmax", builder.node("Div", yes, divisor), axis=1)
        rest = builder.node("Sub", builder.constant(np.array(1.0)), probabilities)
        no = builder.node("Log", builder.node("Max", rest, smallest))
        return builder.node("Sigmoid", builder.node("Div", builder.node("Sub", yes, no), divisor))


def tempered(probabilities: Array, temperature: float, *, labels: bool = False) -> Array:
    """(rows, outputs) probabilities at this temperature; at 1 they are what they were.

    >>> tempered(np.array([[0.2, 0.8]]), 1e3).round(2).tolist()
    [[0.5, 0.5]]
    """
    yes = np.log(np.maximum(probabilities, _SMALLEST))
    if not labels:
        return _links.softmax(yes / temperature)
    no = np.log(np.maximum(1.0 - probabilities, _SMALLEST))
    return _links.sigmoid((yes - no) / temperature)


form = Temperature
