"""Says the same text about every row: the baseline of texts that are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from luban.batch import Array, Inputs, Ragged
from luban.forms._checked import Checked
from luban.forms._rows import check_width
from luban.protocols import Builder, NoGraph, State

MOST_BYTES = 1 << 20


@final
@dataclass(frozen=True, eq=False)
class Repeated:
    """text: its bytes in UTF-8, (bytes,) uint8. width: how many inputs a row has, none of which matters.

    >>> written = np.frombuffer("bonjour".encode(), np.uint8)
    >>> Repeated(written, width=3).outputs(np.zeros((2, 3), np.float32)).texts()
    ['bonjour', 'bonjour']
    """

    kind: ClassVar[str] = "repeated"
    text: Array
    width: int

    @property
    def output_width(self) -> int:
        return 1

    def outputs(self, inputs: Inputs) -> Ragged:
        check_width(inputs, self.width)
        rows = int(inputs.shape[0])
        return Ragged(np.tile(self.text, rows), np.arange(rows + 1, dtype=np.int64) * len(self.text))

    def state(self) -> State:
        return State({"width": self.width}, {"text": self.text})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        width, text = checked.width(), checked.array("text", "uint8", None)
        if len(text) > MOST_BYTES:
            raise checked.fail(f"its text has {len(text):,} bytes")
        checked.end()
        return cls(text, width)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("a text is no number that a graph gives")


form = Repeated
