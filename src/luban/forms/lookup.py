"""Looks the answer to each step up by its first number: the commonest tag of each word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, PerRow, Ragged
from luban.forms._checked import MOST_OUTPUTS, Checked
from luban.protocols import Builder, NoGraph, State

UNKNOWN = 1


@final
@dataclass(frozen=True, eq=False)
class Lookup:
    """codes: (numbers,) int64, what is answered to a step whose first number is the place. output_width: of codes.

    >>> from luban.batch import Tensors
    >>> words = Tensors({"text": Ragged.of([np.array([[2, 9], [1, 7]], np.int32)])})
    >>> Lookup(np.array([0, 0, 1]), 2).outputs(words).values.tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    kind: ClassVar[str] = "lookup"
    codes: Array
    output_width: int

    @property
    def width(self) -> int:
        """No matrix is taken."""
        return 0

    def outputs(self, inputs: Inputs) -> PerRow:
        """Ragged (steps of all rows, outputs): 1 for the answer, else 0."""
        (part,) = [part for part in collate.parts(inputs).values() if isinstance(part, Ragged)]
        lengths = collate.answered(inputs)
        own = np.repeat(lengths > 0, part.lengths)
        # Slices of mapped rows begin where their offsets say.
        first = part.values[part.offsets[0] : part.offsets[-1], 0][own]
        answers = np.zeros((len(first), self.output_width))
        # A number that it has no code for is one of a word that nobody knew.
        known = np.where(first < len(self.codes), first, min(UNKNOWN, len(self.codes) - 1))
        answers[np.arange(len(first)), self.codes[known]] = 1.0
        return Ragged(answers, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    def state(self) -> State:
        return State({"outputs": self.output_width}, {"codes": self.codes})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        outputs, codes = checked.whole("outputs", 1, MOST_OUTPUTS), checked.array("codes", "int64", None)
        if codes.min() < 0 or codes.max() >= outputs:
            raise checked.fail(f"it answers with codes that are not below {outputs}")
        checked.end()
        return cls(codes, outputs)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("it looks words up, which takes no graph")


form = Lookup
