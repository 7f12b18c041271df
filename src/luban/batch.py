"""A batch: some rows as numbers, as models see them. And the answers that models give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_matrix

Array: TypeAlias = "np.ndarray[Any, Any]"
"""An array whose shape and type the docstring states."""


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths, stored one behind the other: tokens of texts, frames of sounds, steps of series.

    values: (all lengths together, ...). offsets: (rows + 1,) int64; row i is values[offsets[i] : offsets[i + 1]].

    >>> import numpy as np
    >>> words = Ragged.of([np.array([5, 6, 7]), np.array([8])])
    >>> words.lengths.tolist(), words[np.array([1, 0])].values.tolist()
    ([3, 1], [8, 5, 6, 7])
    """

    values: Array
    offsets: Array

    @classmethod
    def of(cls, rows: Sequence[Array]) -> Self:
        """The rows, of which there is at least one, one behind the other."""
        import numpy as np

        lengths = [len(row) for row in rows]
        return cls(np.concatenate(rows), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Array:
        """(rows,) int64: how long each row is."""
        import numpy as np

        return np.diff(self.offsets)

    def __getitem__(self, rows: Array) -> Ragged:
        """These rows, by number or by mask."""
        import numpy as np

        numbers = np.flatnonzero(rows) if rows.dtype == bool else rows
        starts, lengths = self.offsets[numbers], self.lengths[numbers]
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        # The place of each value: where its row starts, and how far into the row it is.
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[places], offsets)

    def padded(self) -> Array:
        """(rows, longest, ...): each row, and zeros behind it."""
        import numpy as np

        lengths = self.lengths
        shape = (len(self), max(int(lengths.max(initial=0)), 1), *self.values.shape[1:])
        filled = np.zeros(shape, dtype=self.values.dtype)
        filled[np.arange(shape[1]) < lengths[:, None]] = self.values
        return filled


@dataclass(frozen=True, eq=False)
class Tensors:
    """Rows as networks see them: one part for each column or block of columns, all with the same rows.

    >>> import numpy as np
    >>> rows = Tensors({"table": np.ones((2, 3), np.float32), "notes": Ragged.of([np.array([4]), np.array([5, 6])])})
    >>> rows.shape, rows[np.array([1])].parts["notes"].values.tolist()
    ((2,), [5, 6])
    """

    parts: Mapping[str, Array | Ragged]

    @property
    def shape(self) -> tuple[int]:
        """How many rows there are, so that a batch need not know which inputs it holds."""
        return (len(next(iter(self.parts.values()))),)

    def __getitem__(self, rows: Array) -> Tensors:
        """These rows, by number or by mask."""
        return Tensors({name: part[rows] for name, part in self.parts.items()})


Matrix: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]] | csr_matrix"
"""(rows, width) float32, dense or in compressed sparse rows."""
Inputs: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]] | csr_matrix | Tensors"
"""What a model sees of rows: a matrix, or the tensors of a network."""


@dataclass(frozen=True)
class Batch:
    """Rows as numbers.

    inputs: (rows, width) float32, finite; sparse (csr) where a text column makes it wide. For networks, tensors.
    target: (rows,) float64 values, or int64 class codes from 0, or (rows, labels) int64 of 0 and 1; or None. Of
        forecasts (rows, steps + 1) float64: the values, and behind them what errors are scaled by.
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

    prediction: (rows,) float64 values, int64 class or cluster codes, or (rows, labels) int64 of 0 and 1; of forecasts
        (rows, steps) float64.
    probabilities: (rows, classes) float64 that sum to 1 in each row, or (rows, labels) each in [0, 1] for
        multilabel; None for regression.
    quantiles: (rows, steps, shares) float64 of forecasts that have them, rising; of which shares is in `shares`.
    """

    prediction: Array
    probabilities: Array | None = None
    quantiles: Array | None = None
    shares: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.prediction)

    def take(self, rows: Array) -> Answers:
        """These rows, by number or by mask."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        quantiles = None if self.quantiles is None else self.quantiles[rows]
        return Answers(self.prediction[rows], probabilities, quantiles, self.shares)
