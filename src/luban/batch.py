"""A batch: some rows as numbers, as models see them. And the answers that models give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

Inputs: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]] | csr_matrix"
"""(rows, width) float32, dense or in compressed sparse rows."""
Array: TypeAlias = "np.ndarray[Any, Any]"
"""An array whose shape and type the docstring states."""


@dataclass(frozen=True)
class Batch:
    """Rows as numbers.

    inputs: (rows, width) float32, finite; sparse (csr) where a text column makes it wide.
    target: (rows,) float64 values, or int64 class codes from 0, or (rows, labels) int64 of 0 and 1; or None.
    weight: (rows,) float64 above zero, or None for equal weights.
    """

    inputs: Inputs
    target: Array | None = None
    weight: Array | None = None

    def __len__(self) -> int:
        return int(self.inputs.shape[0])

    def take(self, rows: Array) -> Batch:
        """These rows, by number or by mask."""
        return Batch(
            self.inputs[rows],
            None if self.target is None else self.target[rows],
            None if self.weight is None else self.weight[rows],
        )


@dataclass(frozen=True)
class Answers:
    """What a model says about rows.

    prediction: (rows,) float64 values, int64 class or cluster codes, or (rows, labels) int64 of 0 and 1.
    probabilities: (rows, classes) float64 that sum to 1 in each row, or (rows, labels) each in [0, 1] for
        multilabel; None for regression.
    """

    prediction: Array
    probabilities: Array | None = None

    def __len__(self) -> int:
        return len(self.prediction)

    def take(self, rows: Array) -> Answers:
        """These rows, by number or by mask."""
        return Answers(self.prediction[rows], None if self.probabilities is None else self.probabilities[rows])
