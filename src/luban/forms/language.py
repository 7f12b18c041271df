"""A language model that is a network: what it says about whole documents, however long, a window of them at a time.

Windows overlap by half, so each token has at least half a window of its document before it, or a quarter on either side
where tokens are filled; only what no earlier window counted is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, PerRow, Ragged
from luban.core import registry
from luban.forms import _hiding, _members
from luban.forms._checked import Checked
from luban.forms._orders import MASK
from luban.protocols import Builder, NoGraph, State

if TYPE_CHECKING:
    from torch import nn

TASKS = ("causal-lm", "masked-lm")
TOGETHER, NUMBERS = 8_192, 1 << 26
"""Tokens that are read at once, and how many numbers they may have for the words that each of them may be."""


@dataclass(frozen=True)
class Window:
    """A stretch of a document. row: of the document. start, end: of the tokens that are read; those from `counted` on,
    by their place in the document, are counted.
    """

    row: int
    start: int
    end: int
    counted: int


def windows(lengths: Sequence[int], context: int) -> Iterator[Window]:
    """The windows of documents of these lengths, of `context` tokens and the one that follows them.

    The first token of a document is given; each other one is counted once.

    >>> [(w.start, w.end, w.counted) for w in windows([12], 6)]
    [(0, 7, 1), (3, 10, 7), (5, 12, 10)]
    """
    for row, length in enumerate(lengths):
        start, done = 0, 1
        while done < length:
            end = min(start + context + 1, length)
            # The last window reaches back as far as it can.
            yield Window(row, max(end - context - 1, 0), end, done)
            start, done = end - context // 2 - 1, end


def surroundings(lengths: Sequence[int], context: int) -> Iterator[tuple[Window, int]]:
    """The windows of documents in which tokens are filled, of `context` tokens, and where each stops to count.

    >>> [(w.start, w.end, w.counted, until) for w, until in surroundings([14], 8)]
    [(0, 8, 0, 6), (4, 12, 6, 10), (6, 14, 10, 14)]
    """
    for row, length in enumerate(lengths):
        start = done = 0
        while done < length:
            end = min(start + context, length)
            until = length if end == length else end - context // 4
            yield Window(row, max(end - context, 0), end, done), until
            start, done = until - context // 4, until


@final
@dataclass(frozen=True, eq=False)
class Language:
    """network: the form of a network that says -log p of tokens. context: how many it reads at once."""

    kind: ClassVar[str] = "language"
    network: Any
    context: int

    @property
    def width(self) -> int:
        return self.network.width

    @property
    def output_width(self) -> int:
        return 2 if self.causal else 3

    @property
    def causal(self) -> bool:
        """Whether each token follows from those before it; else hidden ones are filled."""
        return bool(self.network.work.task == TASKS[0])

    @property
    def module(self) -> nn.Module:
        """The network with its weights."""
        found: nn.Module = self.network.module
        return found

    def outputs(self, inputs: Inputs) -> PerRow:
        """(rows, 2) float64: the sum of -log p over the tokens of each text and its end, and how many they are.

        Where hidden tokens are filled (rows, 3): the sum over these, how many they are, and how many are filled right.
        """
        ((_, rows),) = collate.parts(inputs).items()
        assert isinstance(rows, Ragged), "texts come as tokens"
        return self._continued(rows) if self.causal else self._filled(rows)

    def _continued(self, rows: Ragged) -> Array:
        import torch

        found = np.zeros((len(rows), 2))
        found[:, 1] = np.maximum(rows.lengths - 1, 0)
        planned = sorted(windows(rows.lengths.tolist(), self.context), key=lambda one: one.end - one.start)
        size = self._together()
        for first in range(0, len(planned), size):
            some = planned[first : first + size]
            tokens, own = _read(rows, some)
            with torch.inference_mode():
                each = self.module.scores(torch.from_numpy(tokens), torch.from_numpy(own))  # type: ignore[operator]
            row = np.repeat([one.row for one in some], own.sum(axis=1))
            found[:, 0] += np.bincount(row, each.to(torch.float64).numpy(), minlength=len(rows))
        return found

    def _filled(self, rows: Ragged) -> Array:
        import torch

        found = np.zeros((len(rows), 3))
        hidden = _hiding.of_rows(rows)
        planned = sorted(surroundings(rows.lengths.tolist(), self.context), key=lambda one: one[0].end - one[0].start)
        size = self._together()
        for first in range(0, len(planned), size):
            some = planned[first : first + size]
            tokens, wanted, own, chosen = _shown(rows, hidden, some)
            with torch.inference_mode():
                each, right = self.module.scores(  # type: ignore[operator]
                    *(torch.from_numpy(part) for part in (tokens, own, chosen, wanted[chosen]))
                )
            row = np.repeat([one.row for one, _ in some], chosen.sum(axis=1))
            for column, values in enumerate((each.to(torch.float64), torch.ones_like(each), right)):
                found[:, column] += np.bincount(row, values.numpy(), minlength=len(rows))
        return found

    def _together(self) -> int:
        """Windows that are read at once."""
        ((_, shape),) = self.network.work.shapes.items()
        return int(max(min(TOGETHER, NUMBERS // shape.size[0]) // self.context, 1))

    def state(self) -> State:
        return State({"context": self.context}, {}, _members.pack([self.network]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        context = checked.whole("context", 8, 8_192)
        checked.end(parts=True)
        (network, *more) = _members.unpack(state)
        if more or not isinstance(network, registry.find("forms", "network")):
            raise checked.fail("it is one network")
        task = network.work.task
        if task not in TASKS or task not in registry.find("models", network.model).tasks:
            raise checked.fail(f"'{network.model[:40]}' is no language model")
        if context > int(network.settings.get("context", context)):
            raise checked.fail(f"it reads {context} tokens at once, more than its network has places")
        return cls(network, context)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a language model reads texts a window at a time: torch reads them, no graph does")


def _shown(rows: Ragged, hidden: Array, some: Sequence[tuple[Window, int]]) -> tuple[Array, Array, Array, Array]:
    """(windows, longest) int64 tokens as shown and as they are; bool which are no padding, and which are counted."""
    longest = max(one.end - one.start for one, _ in some)
    shape = (len(some), longest)
    tokens, wanted = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    own, chosen = np.zeros(shape, bool), np.zeros(shape, bool)
    for place, (one, until) in enumerate(some):
        begins, length = int(rows.offsets[one.row]), one.end - one.start
        read = slice(begins + one.start, begins + one.end)
        wanted[place, :length] = rows.values[read]
        tokens[place, :length] = np.where(hidden[read], MASK, rows.values[read])
        own[place, :length] = True
        counted = slice(one.counted - one.start, until - one.start)
        chosen[place, counted] = hidden[begins + one.counted : begins + until]
    return tokens, wanted, own, chosen


def _read(rows: Ragged, some: Sequence[Window]) -> tuple[Array, Array]:
    """(windows, longest) int64 tokens, and (windows, longest - 1) which of those behind the first are counted."""
    longest = max(one.end - one.start for one in some)
    tokens = np.zeros((len(some), longest), np.int64)
    own = np.zeros((len(some), longest - 1), bool)
    for place, one in enumerate(some):
        begins = int(rows.offsets[one.row])
        tokens[place, : one.end - one.start] = rows.values[begins + one.start : begins + one.end]
        own[place, one.counted - one.start - 1 : one.end - one.start - 1] = True
    return tokens, own


form = Language
