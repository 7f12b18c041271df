"""What an encoder hands to a decoder, and what a decoder keeps of the steps before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor


@final
@dataclass(frozen=True, eq=False)
class States:
    """memory: (rows, length, width), a state for each step that was read. own: (rows, length), which are no padding.

    tokens: (rows, length) int64, what was read, where it is in the tokens that are written; else None. keys: (rows,
    length, width), by which it is copied.
    before: what the decoder keeps while it writes, (rows, ...) each; nothing before the first step.
    """

    memory: Tensor
    own: Tensor
    tokens: Tensor | None = None
    keys: Tensor | None = None
    before: tuple[Tensor, ...] = ()

    def take(self, rows: Tensor) -> States:
        """These rows, by number; a row may come several times."""
        tokens, keys = (None if part is None else part[rows] for part in (self.tokens, self.keys))
        return States(self.memory[rows], self.own[rows], tokens, keys, tuple(part[rows] for part in self.before))
