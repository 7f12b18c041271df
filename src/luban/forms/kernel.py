"""Sums of radial basis functions around stored rows: support vector machines and their approximations.

The decisions of a support vector classifier are one against one: a sum for each pair of classes (0, 1), (0, 2), ...,
(1, 2), ... Each gives a vote, and the class with the most votes is the answer, the first of those with equally many
(libsvm). Probabilities are a softmax over votes and summed decisions; where it would answer otherwise than the votes,
the two classes' probabilities are exchanged, so that the most probable class is libsvm's answer always.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs
from luban.forms import _distances, _links
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.forms._rows import in_pieces
from luban.protocols import DOUBLE, Builder, State

VOTES = "votes"
_MOST_VOTING = 1_000


@final
@dataclass(frozen=True, eq=False)
class Kernel:
    """link(exp(-gamma * |row - support|^2) @ coefficients + bias).

    support: (stored, width) float32. coefficients: (stored, sums) float64. bias: (sums,) float64. gamma: above zero.
    link: one of `_links.LINKS`, or `votes`: the sums are then the decisions of pairs of three or more classes.
    weights: with `votes`, how much a vote and how much a decision counts in the softmax.
    """

    kind: ClassVar[str] = "kernel"
    support: Array
    coefficients: Array
    bias: Array
    gamma: float
    link: str
    weights: tuple[float, float] = (1.0, 1.0)

    @property
    def width(self) -> int:
        return int(self.support.shape[1])

    @property
    def output_width(self) -> int:
        return _classes(len(self.bias)) if self.link == VOTES else _links.output_width(self.link, len(self.bias))

    def outputs(self, inputs: Inputs) -> Array:
        cost = 3 * len(self.support) + len(self.bias)
        return in_pieces(inputs, self.width, self.output_width, self._answer, cost=cost)

    def decisions(self, rows: Array) -> Array:
        """(rows, sums) before the link."""
        near = np.exp(-self.gamma * _distances.squared(rows, self._support, self._norms))
        return np.asarray(near @ self.coefficients + self.bias)

    def _answer(self, rows: Array) -> Array:
        decisions = self.decisions(rows)
        return voted(decisions, self.weights) if self.link == VOTES else _links.apply(self.link, decisions)

    @cached_property
    def _support(self) -> Array:
        return self.support.astype(np.float64)

    @cached_property
    def _norms(self) -> Array:
        return _distances.norms(self._support)

    def state(self) -> State:
        values = {"gamma": self.gamma, "link": self.link, "weights": list(self.weights)}
        return State(values, {"support": self.support, "coefficients": self.coefficients, "bias": self.bias})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        link = checked.choice("link", (*_links.LINKS, VOTES))
        gamma = checked.number("gamma", 0.0, 1e30)
        weights = checked.optional("weights")
        if not (isinstance(weights, list) and len(weights) == 2 and all(_positive(weight) for weight in weights)):
            raise checked.fail("'weights' must be two numbers above zero")
        support = checked.array("support", "float32", None, None)
        bias = checked.array("bias", "float64", None)
        coefficients = checked.array("coefficients", "float64", len(support), len(bias))
        checked.end()
        classes = _classes(len(bias))
        if link == VOTES and not (3 <= classes <= _MOST_VOTING and classes * (classes - 1) // 2 == len(bias)):
            raise checked.fail(f"{len(bias)} decisions are not those of all pairs of classes")
        if link != VOTES and (len(bias) > MOST_OUTPUTS or not _links.fits(link, len(bias))):
            raise checked.fail(f"the link '{link}' does not follow {len(bias)} sums")
        return cls(support, coefficients, bias, gamma, link, (float(weights[0]), float(weights[1])))

    def graph(self, builder: Builder, inputs: str) -> str:
        distances = _distances.draw(builder, builder.double(inputs), self._support)
        near = builder.node("Exp", builder.node("Mul", distances, builder.constant(np.array(-self.gamma))))
        product = builder.node("MatMul", near, builder.constant(self.coefficients))
        decisions = builder.node("Add", product, builder.constant(self.bias))
        if self.link == VOTES:
            return _draw_voted(builder, decisions, _classes(len(self.bias)), self.weights)
        return _links.draw(self.link, builder, decisions)


def voted(decisions: Array, weights: tuple[float, float]) -> Array:
    """(rows, classes) probabilities from (rows, pairs) decisions; the largest is libsvm's answer.

    >>> voted(np.array([[1.0, 1.0, -1.0]]), (1.0, 0.1)).argmax(axis=1).tolist()  # 0 beats 1, 0 beats 2, 2 beats 1
    [0]
    """
    votes, sums = tally(decisions)
    probabilities = _links.softmax(weights[0] * votes + weights[1] * sums)
    rows = np.arange(len(decisions))
    winner, likely = votes.argmax(axis=1), probabilities.argmax(axis=1)
    swapped = probabilities.copy()
    swapped[rows, winner], swapped[rows, likely] = probabilities[rows, likely], probabilities[rows, winner]
    return swapped


def tally(decisions: Array) -> tuple[Array, Array]:
    """(rows, classes) votes, and the decisions summed: plus where a class is the first of a pair, else minus."""
    first, second = _pairing(_classes(decisions.shape[1]))
    wins = (decisions > 0).astype(np.float64)
    return wins @ first + (1.0 - wins) @ second, decisions @ (first - second)


def _draw_voted(builder: Builder, decisions: str, classes: int, weights: tuple[float, float]) -> str:
    first, second = _pairing(classes)
    wins = builder.node("Cast", builder.node("Greater", decisions, builder.constant(np.array(0.0))), to=DOUBLE)
    # votes = wins @ first + (1 - wins) @ second
    moved = builder.node("MatMul", wins, builder.constant(first - second))
    votes = builder.node("Add", moved, builder.constant(second.sum(axis=0)))
    sums = builder.node("MatMul", decisions, builder.constant((first - second) * weights[1]))
    weighed = builder.node("Mul", votes, builder.constant(np.array(weights[0])))
    probabilities = builder.node("Softmax", builder.node("Add", weighed, sums), axis=1)
    winner, likely = (_draw_one_hot(builder, tensor, classes) for tensor in (votes, probabilities))
    # The two places get each other's probability: p + (winner - likely) * (p[likely] - p[winner]).
    column = builder.constant(np.ones((classes, 1)))
    of_winner, of_likely = (
        builder.node("MatMul", builder.node("Mul", probabilities, hot), column) for hot in (winner, likely)
    )
    moved_by = builder.node("Mul", builder.node("Sub", winner, likely), builder.node("Sub", of_likely, of_winner))
    return builder.node("Add", probabilities, moved_by)


def _draw_one_hot(builder: Builder, tensor: str, classes: int) -> str:
    """1 at the first of the largest values of each row, 0 elsewhere."""
    largest = builder.node("ArgMax", tensor, axis=1, keepdims=1)
    places = builder.constant(np.arange(classes, dtype=np.int64)[None, :])
    return builder.node("Cast", builder.node("Equal", largest, places), to=DOUBLE)


def _pairing(classes: int) -> tuple[Array, Array]:
    """(pairs, classes) twice: 1 at the first and at the second class of each pair."""
    pairs = np.array(list(combinations(range(classes), 2)))
    places = np.arange(classes)
    return (pairs[:, :1] == places).astype(np.float64), (pairs[:, 1:] == places).astype(np.float64)


def _classes(pairs: int) -> int:
    """How many classes have this many pairs; the next larger number where none has."""
    return int(np.ceil((1 + np.sqrt(1 + 8 * pairs)) / 2))


def _positive(weight: object) -> bool:
    return isinstance(weight, int | float) and not isinstance(weight, bool) and 0 < weight <= 1e30


form = Kernel
