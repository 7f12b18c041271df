"""Probabilities corrected by a rising line for each class: isotonic calibration (Zadrozny and Elkan, 2002)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, dense
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, Form, State

_MOST_KNOTS = 100_000
_TRACE = 1e-9
"""How much of the uncorrected probabilities is kept, so that a row whose lines are all at zero still has some."""


@dataclass(frozen=True, eq=False)
class Line:
    """Straight between knots, level outside. x: (knots,) float64, rising. y: (knots,) in [0, 1], never falling."""

    x: Array
    y: Array

    def at(self, values: Array) -> Array:
        return np.interp(values, self.x, self.y)

    def draw(self, builder: Builder, column: str) -> str:
        """The same as nodes, for a (rows, 1) float64 tensor: y[0] plus each slope times how far its piece is passed."""
        if len(self.x) == 1:
            level = builder.node("Mul", column, builder.constant(np.array(0.0)))
            return builder.node("Add", level, builder.constant(self.y[0]))
        pieces = np.diff(self.x)
        passed = builder.node("Max", builder.node("Sub", column, builder.constant(self.x[None, :-1])), _zero(builder))
        passed = builder.node("Min", passed, builder.constant(pieces[None, :]))
        risen = builder.node("MatMul", passed, builder.constant((np.diff(self.y) / pieces)[:, None]))
        return builder.node("Add", risen, builder.constant(self.y[0]))


@final
@dataclass(frozen=True, eq=False)
class Isotonic:
    """The lines at the inner form's probabilities.

    lines: one for each output; or, of two classes, one for the last: the other class then has the rest.
    normalise: whether a row is divided by its sum, for classes that exclude each other.
    """

    kind: ClassVar[str] = "isotonic"
    inner: Form
    lines: tuple[Line, ...]
    normalise: bool = True

    @property
    def width(self) -> int:
        return self.inner.width

    @property
    def output_width(self) -> int:
        return self.inner.output_width

    def outputs(self, inputs: Inputs) -> Array:
        return straightened(dense(self.inner.outputs(inputs)), self.lines, normalise=self.normalise)

    def state(self) -> State:
        arrays = {}
        for place, line in enumerate(self.lines):
            arrays[f"x{place}"], arrays[f"y{place}"] = line.x, line.y
        return State({"lines": len(self.lines), "normalise": self.normalise}, arrays, _members.pack([self.inner]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        count, normalise = checked.whole("lines", 1, _members.MOST_MEMBERS), checked.flag("normalise")
        lines = []
        for place in range(count):
            x = checked.array(f"x{place}", "float64", None)
            y = checked.array(f"y{place}", "float64", len(x))
            if len(x) > _MOST_KNOTS or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any() or y[0] < 0 or y[-1] > 1:
                raise checked.fail(f"line {place} does not rise from 0 to 1")
            lines.append(Line(x, y))
        checked.end(parts=True)
        inner, *more = _members.unpack(state)
        if more or count not in (inner.output_width, 1) or (count == 1 and inner.output_width > 2):
            raise checked.fail(f"{count} lines do not correct {inner.output_width} outputs")
        return cls(inner, tuple(lines), normalise)

    def graph(self, builder: Builder, inputs: str) -> str:
        probabilities = self.inner.graph(builder, inputs)
        width = self.output_width
        places = [builder.constant(np.array([place], dtype=np.int64)) for place in range(width)]
        columns = [builder.node("Gather", probabilities, place, axis=1) for place in places]
        if len(self.lines) < width:
            last = self.lines[0].draw(builder, columns[-1])
            return builder.node("Concat", builder.node("Sub", builder.constant(np.array(1.0)), last), last, axis=1)
        drawn = [line.draw(builder, column) for line, column in zip(self.lines, columns, strict=True)]
        answers = builder.node("Concat", *drawn, axis=1)
        if not self.normalise:
            return answers
        raised = builder.node("Add", answers, builder.node("Mul", probabilities, builder.constant(np.array(_TRACE))))
        total = builder.node("MatMul", raised, builder.constant(np.ones((width, 1))))
        return builder.node("Div", raised, total)


def straightened(probabilities: Array, lines: tuple[Line, ...], *, normalise: bool = True) -> Array:
    """(rows, outputs) corrected probabilities.

    >>> half = Line(np.array([0.0, 1.0]), np.array([0.0, 0.5]))
    >>> straightened(np.array([[0.2, 0.8]]), (half,)).tolist()
    [[0.6, 0.4]]
    """
    if len(lines) < probabilities.shape[1]:
        last = lines[0].at(probabilities[:, -1])
        return np.stack([1.0 - last, last], axis=1)
    answers = np.stack([line.at(column) for line, column in zip(lines, probabilities.T, strict=True)], axis=1)
    if not normalise:
        return answers
    raised = answers + _TRACE * probabilities
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _zero(builder: Builder) -> str:
    return builder.constant(np.array(0.0))


form = Isotonic
