"""A batch: some rows as numbers, as models see them. And the answers that models give.

What belongs to a row, its target and its answer, is a line of an array, or a sequence of its own length (`PerRow`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
        starts = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - starts
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        # The place of each value: where its row starts, and how far into the row it is.
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[places], offsets)

    def placed(self, places: Array, rows: int) -> Ragged:
        """So many rows, of which these stand at `places`; all others are empty.

        >>> import numpy as np
        >>> Ragged.of([np.array([7, 8])]).placed(np.array([1]), 3).lengths.tolist()
        [0, 2, 0]
        """
        import numpy as np

        # Behind the rows comes an empty one, which stands wherever there is none.
        numbers = np.full(rows, len(self), np.int64)
        numbers[places] = np.arange(len(self))
        return Ragged(self.values, np.append(self.offsets, self.offsets[-1]))[numbers]

    def padded(self, filling: int = 0) -> Array:
        """(rows, longest, ...): each row, and `filling` behind it."""
        import numpy as np

        lengths = self.lengths
        shape = (len(self), max(int(lengths.max(initial=0)), 1), *self.values.shape[1:])
        filled = np.full(shape, filling, dtype=self.values.dtype)
        filled[np.arange(shape[1]) < lengths[:, None]] = self.values
        return filled

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Self:
        """The texts as rows of bytes (uint8) in UTF-8: plain numbers, which files and other processes can hold.

        >>> Ragged.of_texts(["Ulm", "", "天气"]).texts()
        ['Ulm', '', '天气']
        """
        import numpy as np

        written = [text.encode("utf-8", "replace") for text in texts]
        lengths = np.array([len(text) for text in written], np.int64)
        values = np.frombuffer(b"".join(written), np.uint8)
        return cls(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    def texts(self) -> list[str]:
        """The texts of rows of bytes; what is no UTF-8 becomes the sign for that."""
        written, ends = self.values.tobytes(), self.offsets.tolist()
        return [written[low:high].decode("utf-8", "replace") for low, high in pairwise(ends)]


PerRow: TypeAlias = "Array | Ragged"
"""Something for each row: an array whose first axis are the rows, or rows that differ in length."""


def dense(rows: PerRow | None) -> Array:
    """The array of what is one, for those who ask only for tasks in which every row has as many numbers."""
    if rows is None or isinstance(rows, Ragged):
        raise TypeError("here every row has a target or an answer of the same size.")
    return rows


def ragged(rows: PerRow | None) -> Ragged:
    """The rows that are sequences, for those who ask only for tasks in which each row has one."""
    if not isinstance(rows, Ragged):
        raise TypeError("here every row has a sequence of its own length.")
    return rows


def joined(parts: Sequence[PerRow]) -> PerRow:
    """The rows of all parts, at least one, one behind the other.

    >>> import numpy as np
    >>> joined([Ragged.of([np.array([1, 2])]), Ragged.of([np.array([3]), np.array([4, 5])])]).lengths.tolist()
    [2, 1, 2]
    """
    import numpy as np

    ragged = [part for part in parts if isinstance(part, Ragged)]
    if not ragged:
        return np.concatenate([dense(part) for part in parts])
    if len(ragged) < len(parts):
        raise TypeError("some parts hold rows of one size, and some of several.")
    lengths = np.concatenate([part.lengths for part in ragged])
    # A part may be a piece of a larger one: its rows begin where its offsets say.
    values = np.concatenate([part.values[part.offsets[0] : part.offsets[-1]] for part in ragged])
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))


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


def matrix(inputs: Inputs) -> Any:
    """The inputs that are a `Matrix`, for those who ask only for models that see rows so."""
    if isinstance(inputs, Tensors):
        raise TypeError("here rows are a matrix, and these are the parts of a network.")
    return inputs


@dataclass(frozen=True)
class Batch:
    """Rows as numbers.

    inputs: (rows, width) float32, finite; sparse (csr) where a text column makes it wide. For networks, tensors.
    target: (rows,) float64 values, or int64 class codes from 0, or (rows, labels) int64 of 0 and 1; or None. Of
        forecasts (rows, steps + 1) float64: the values, and behind them what errors are scaled by. Of a sequence for
        each row Ragged: int64 codes, one for each step, or uint8, the bytes of a text.
    weight: (rows,) float64 above zero, or None for equal weights.
    """

    inputs: Inputs
    target: PerRow | None = None
    weight: Array | None = None

    def __len__(self) -> int:
        return int(self.inputs.shape[0])

    @property
    def width(self) -> int:
        """Numbers of a row, where the inputs are a matrix."""
        return int(matrix(self.inputs).shape[1])

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
        (rows, steps) float64. Of a sequence for each row Ragged: int64 codes of steps, or the bytes of a text.
    probabilities: (rows, classes) float64 that sum to 1 in each row, or (rows, labels) each in [0, 1] for
        multilabel; Ragged (steps of all rows, classes) for codes of steps; None for regression and texts.
    quantiles: (rows, steps, shares) float64 of forecasts that have them, rising; of which shares is in `shares`.
    parts: where there are several targets, the answers to each; `prediction` is (rows, targets) then.
    names: of the codes of steps, for metrics that ask what a code is called.
    counted: (rows, 2 or 3) float64 of what a language model says about texts: the sum of -log p over the tokens that
        it was asked for, how many these are, and how many of them were the likeliest ones.
    places: (rows, 2) float64 of answers that are pieces of a text: where each begins, and how probable it is.
    """

    prediction: PerRow
    probabilities: PerRow | None = None
    quantiles: Array | None = None
    shares: tuple[float, ...] = ()
    parts: tuple[Answers, ...] = ()
    names: tuple[str, ...] = ()
    counted: Array | None = None
    places: Array | None = None

    def __len__(self) -> int:
        return len(self.prediction)

    def take(self, rows: Array) -> Answers:
        """These rows, by number or by mask."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        quantiles = None if self.quantiles is None else self.quantiles[rows]
        parts = tuple(part.take(rows) for part in self.parts)
        counted = None if self.counted is None else self.counted[rows]
        places = None if self.places is None else self.places[rows]
        return Answers(self.prediction[rows], probabilities, quantiles, self.shares, parts, self.names, counted, places)


def joined_answers(parts: list[Answers]) -> Answers:
    """The answers of all parts, one behind the other."""
    probabilities = [part.probabilities for part in parts if part.probabilities is not None]
    of_targets = tuple(joined_answers([part.parts[place] for part in parts]) for place in range(len(parts[0].parts)))
    prediction = joined([part.prediction for part in parts])
    said = joined(probabilities) if probabilities else None
    counts = [part.counted for part in parts if part.counted is not None]
    counted = dense(joined(counts)) if counts else None
    begun = [part.places for part in parts if part.places is not None]
    places = dense(joined(begun)) if begun else None
    return Answers(prediction, said, parts=of_targets, names=parts[0].names, counted=counted, places=places)
