"""Answers that a network marks in a text: the likeliest piece of a context, in whichever of its windows it stands.

What lies in a bundle are the network and its tokenizer as data, so that a piece is found again in the person's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban import collate, spans
from luban.batch import Array, Inputs, PerRow, Ragged, Tensors
from luban.core import registry
from luban.core.errors import BundleError
from luban.forms import _members, _reading
from luban.forms._checked import Checked
from luban.forms._reading import Window
from luban.protocols import Builder, NoGraph, State

if TYPE_CHECKING:
    from torch import nn

TASK = "question-answering"
MOST_TOKENS = 100_000
AT_ONCE = 1_024
"""Rows whose windows are made together."""
TOGETHER = 8_192
"""Tokens that pass the network at once, padding included."""


@final
@dataclass(frozen=True, eq=False)
class Spans:
    """argmax of p_first(i) p_last(j), i <= j < i + longest, over the windows of a context; p are softmaxes over the
    steps of a window, of which the first step stands for `not here`. Their product is the probability of the answer.

    Where an answer may be nothing, how probable that is stands beside each piece: the least of what the windows say.
    Which of the two is answered is for the task to decide, by a threshold (Devlin et al., 2019).

    network: the form of an encoder with two numbers for each step. tokenizer: the state of its tokens, see
    `features/text/tokens.py`. window: tokens that are read at once. longest: tokens of an answer, at most. nothing:
    whether rows of the training had no answer.
    """

    kind: ClassVar[str] = "spans"
    network: Any
    tokenizer: State
    window: int
    longest: int
    nothing: bool = False

    @property
    def width(self) -> int:
        """No matrix is taken."""
        return 0

    @property
    def output_width(self) -> int:
        return 1

    @property
    def module(self) -> nn.Module:
        """The network with its weights."""
        found: nn.Module = self.network.module
        return found

    def outputs(self, inputs: Inputs) -> PerRow:
        """Ragged float64: the piece of each row, as `luban.spans` packs it."""
        read = _reading.texts(inputs)
        contexts, questions = read[_reading.CONTEXT], read[_reading.QUESTION]
        said: list[str] = []
        begins: list[int] = []
        sure: list[float] = []
        none: list[float] = []
        for first in range(0, len(contexts), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            found, absent = self._best(contexts[some], questions[some])
            for context, (begin, end, probability) in zip(contexts[some], found, strict=True):
                piece = context[begin:end]
                begin += len(piece) - len(piece.lstrip())
                piece = piece.strip()
                said.append(piece)
                begins.append(begin if piece else spans.UNKNOWN)
                sure.append(probability if piece else 0.0)
            none += absent if self.nothing else [0.0] * len(found)
        return spans.packed(said, begins, sure, none)

    def _best(self, contexts: list[str], questions: list[str]) -> tuple[list[tuple[int, int, float]], list[float]]:
        """The characters of the likeliest piece of each context, and its probability; and that of nothing."""
        found = [(0, 0, 0.0)] * len(contexts)
        windows = _reading.windows(contexts, questions, self.tokenizer, self.window)
        # Windows of like length together: padding is work for nothing.
        order = sorted(range(len(windows)), key=lambda number: len(windows[number].tokens))
        likeliest: dict[int, tuple[int, int, float]] = {}
        absent = np.ones(len(contexts))
        for some in _pieces(order, windows):
            for number, marks in zip(some, self._marks([windows[number] for number in some]), strict=True):
                likeliest[number] = _likeliest(marks, windows[number], self.longest)
                row = windows[number].row
                absent[row] = min(absent[row], float(np.exp(marks[0].sum())))
        for number, window in enumerate(windows):
            if likeliest[number][2] > found[window.row][2]:
                found[window.row] = likeliest[number]
        return found, absent.tolist()

    def _marks(self, windows: list[Window]) -> list[Array]:
        """(steps, 2) float64 of each window: log p of its steps as the first and as the last one of the answer."""
        import torch

        rows = Tensors({_reading.CONTEXT: Ragged.of([window.tokens for window in windows])})
        with torch.inference_mode():
            raw = self.module(collate.to_torch(rows, np.arange(len(windows)))).to(torch.float64)
            logs = raw.log_softmax(dim=1).numpy()
        return [logs[place, : len(window.tokens)] for place, window in enumerate(windows)]

    def state(self) -> State:
        values = {"window": self.window, "longest": self.longest, "tokens": dict(self.tokenizer.values)}
        # A form that always answers is written as before this could be told.
        told = {"nothing": True} if self.nothing else {}
        return State({**values, **told}, dict(self.tokenizer.arrays), _members.pack([self.network]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        window, longest = checked.whole("window", 1, MOST_TOKENS), checked.whole("longest", 1, MOST_TOKENS)
        told, nothing = checked.optional("tokens"), checked.optional("nothing") if "nothing" in state.values else False
        for name in state.arrays:
            checked.known(name)
        checked.end(parts=True)
        if not isinstance(nothing, bool):
            raise checked.fail("whether an answer may be nothing is neither true nor false")
        if not isinstance(told, dict):
            raise checked.fail("it does not tell its tokenizer")
        tokenizer, tokens = State(told, dict(state.arrays)), registry.find("features", "text").tensor
        try:
            tokens.check(tokenizer)
        except BundleError as error:
            raise checked.fail(error.message.rstrip(".").replace("a text column", "what is read")) from None
        (network, *more) = _members.unpack(state)
        if more or not isinstance(network, registry.find("forms", "network")) or network.work.task != TASK:
            raise checked.fail("a question is answered by one network that was asked for spans")
        if [(shape.kind, shape.size) for shape in network.work.shapes.values()] != [
            ("tokens", tokens.shape(tokenizer).size)
        ] or network.work.outputs != 2:
            raise checked.fail("its network reads other tokens than its tokenizer gives")
        return cls(network, tokenizer, window, longest, nothing)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a piece of a text is no number that a graph gives: torch answers")


def _pieces(order: list[int], windows: list[Window]) -> list[list[int]]:
    """The windows in groups of at most `TOGETHER` tokens when padded, at least one; they come by their length."""
    found: list[list[int]] = []
    for number in order:
        steps = len(windows[number].tokens)
        if found and (len(found[-1]) + 1) * steps <= TOGETHER:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _likeliest(marks: Array, window: Window, longest: int) -> tuple[int, int, float]:
    """The characters of the likeliest piece of a window, and its probability; of equally likely ones the first.

    >>> places = np.array([[0, 3], [4, 7], [8, 9]])
    >>> window = Window(0, np.array([2, 7, 3, 8, 9, 10, 3]), 3, places)
    >>> shares = np.full((7, 2), 0.02)
    >>> shares[4, 0] = shares[5, 1] = 0.88
    >>> begin, end, probability = _likeliest(np.log(shares), window, 5)
    >>> begin, end, round(probability, 3)
    (4, 9, 0.774)
    """
    count = len(window.places)
    if not count:
        return 0, 0, 0.0
    own = marks[window.first : window.first + count]
    together = own[:, None, 0] + own[None, :, 1]
    apart = np.arange(count)[None, :] - np.arange(count)[:, None]
    together[(apart < 0) | (apart >= longest)] = -np.inf
    first, last = divmod(int(together.argmax()), count)
    return int(window.places[first, 0]), int(window.places[last, 1]), float(np.exp(together[first, last]))


form = Spans
