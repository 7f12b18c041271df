"""Probabilities corrected to other shares of the classes (Saerens, Latinne and Decaestecker, 2002)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, dense
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, State

_LEAST, _MOST = 1e-6, 1e6


@final
@dataclass(frozen=True, eq=False)
class Prior:
    """The inner form's probabilities, each times the factor of its class, and divided by their sum.

    factors: (classes,) float64, the shares of the classes now over those that the form learned from.
    """

    kind: ClassVar[str] = "prior"
    inner: Form
    factors: Array

    @property
    def width(self) -> int:
        return self.inner.width

    @property
    def output_width(self) -> int:
        return self.inner.output_width

    def outputs(self, inputs: Inputs) -> Array:
        return corrected(dense(self.inner.outputs(inputs)), self.factors)

    def state(self) -> State:
        return State({}, {"factors": self.factors}, _members.pack([self.inner]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        factors = checked.array("factors", "float64", None)
        checked.end(parts=True)
        inner, *more = _members.unpack(state)
        if more or len(factors) != inner.output_width or factors.min() < _LEAST or factors.max() > _MOST:
            raise checked.fail(f"its factors do not correct {inner.output_width} probabilities")
        return cls(inner, factors)

    def graph(self, builder: Builder, inputs: str) -> str:
        raised = builder.node("Mul", self.inner.graph(builder, inputs), builder.constant(self.factors[None, :]))
        total = builder.node("MatMul", raised, builder.constant(np.ones((self.output_width, 1))))
        return builder.node("Div", raised, total)


def corrected(probabilities: Array, factors: Array) -> Array:
    """(rows, classes) probabilities where the shares of the classes changed by these factors.

    >>> corrected(np.array([[0.5, 0.5]]), np.array([0.5, 1.5])).tolist()
    [[0.25, 0.75]]
    """
    raised = probabilities * np.clip(factors, _LEAST, _MOST)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


form = Prior
