"""What an encoder hands to a decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor


@final
@dataclass(frozen=True, eq=False)
class States:
    """memory: (rows, length, width), a state for each step that was read. own: (rows, length), which are no padding."""

    memory: Tensor
    own: Tensor

    def take(self, rows: Tensor) -> States:
        """These rows, by number; a row may come several times."""
        return States(self.memory[rows], self.own[rows])
