"""Says what was read, as it stands: a baseline of texts that are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

from luban.batch import Inputs, PerRow
from luban.forms import _letters
from luban.forms._checked import Checked
from luban.protocols import Builder, NoGraph, State


@final
@dataclass(frozen=True, eq=False)
class Copied:
    """Nothing was learned. What is read are the letters of one text: the bytes that it is written with.

    >>> import numpy as np
    >>> from luban.batch import Ragged, Tensors
    >>> read = Tensors({"text": Ragged.of([np.array([2, 77, 83, 3], np.int32)])})
    >>> Copied().outputs(read).texts()
    ['io']
    """

    kind: ClassVar[str] = "copied"

    @property
    def width(self) -> int:
        """No matrix is taken."""
        return 0

    @property
    def output_width(self) -> int:
        return 1

    def outputs(self, inputs: Inputs) -> PerRow:
        """Ragged uint8: the bytes of the text of each row."""
        return _letters.texts(inputs)

    def state(self) -> State:
        return State({})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        Checked(cls.kind, state).end()
        return cls()

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a text is no number that a graph gives")


form = Copied
