"""How alike two texts are by the tokens that both have: a baseline that knows nothing of what words mean."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, Ragged
from luban.forms._checked import LARGEST, MOST_INPUTS, Checked
from luban.protocols import Builder, NoGraph, State

MARKS = 5
"""Numbers below are no tokens of a text."""


@final
@dataclass(frozen=True, eq=False)
class SharedWords:
    """scale * |A and B| / sqrt(|A| |B|) + offset (Ochiai, 1957), where A and B are the different tokens of either text
    that are not common; 0 where one has none. common: tokens that stand in too many texts to tell, ascending.
    """

    kind: ClassVar[str] = "shared-words"
    scale: float = 1.0
    offset: float = 0.0
    common: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """No matrix is taken."""
        return 0

    @property
    def output_width(self) -> int:
        return 1

    def outputs(self, inputs: Inputs) -> Array:
        """(rows, 1) float64."""
        return self.scale * shared(inputs, self.common)[:, None] + self.offset

    def state(self) -> State:
        return State({"scale": self.scale, "offset": self.offset, "common": list(self.common)})

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        scale, offset = (checked.number(name, -LARGEST, LARGEST) for name in ("scale", "offset"))
        common = checked.optional("common")
        checked.end()
        if not isinstance(common, list) or not all(
            isinstance(token, int) and not isinstance(token, bool) and 0 <= token < MOST_INPUTS for token in common
        ):
            raise checked.fail("it does not number the tokens that are too common")
        return cls(scale, offset, tuple(common))

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("tokens that two texts share are no numbers that a graph gives")


def shared(inputs: Inputs, common: tuple[int, ...] = ()) -> Array:
    """(rows,) from 0 to 1: how many of their different tokens the two texts of a row share.

    >>> from luban.batch import Tensors
    >>> texts = {"one": Ragged.of([np.array([2, 7, 8, 3])]), "other": Ragged.of([np.array([2, 8, 9, 8, 3])])}
    >>> shared(Tensors(texts)).tolist()
    [0.5]
    """
    one, other = (_sets(part, common) for _, part in sorted(collate.parts(inputs).items()))
    found = [len(a & b) / np.sqrt(len(a) * len(b)) if a and b else 0.0 for a, b in zip(one, other, strict=True)]
    return np.array(found)


def _sets(part: Array | Ragged, common: tuple[int, ...]) -> list[set[int]]:
    """The different tokens of each text."""
    assert isinstance(part, Ragged), "texts come as tokens"
    out = {*range(MARKS), *common}
    ends = part.offsets.tolist()
    return [set(part.values[low:high].tolist()) - out for low, high in pairwise(ends)]


form = SharedWords
