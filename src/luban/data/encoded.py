"""Encoded rows on disk: written once, slice by slice, and memory-mapped by whoever trains on them.

inputs.npy                              dense rows of a matrix
data.npy indices.npy indptr.npy         sparse rows of a matrix
tensors.json 0.npy 1.npy 1-offsets.npy  tensors: the name of each part, its values, and where ragged rows begin
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np

from luban.batch import Array, Inputs, Ragged, Tensors
from luban.core import files
from luban.data import loader
from luban.data.preprocessor import Preprocessor
from luban.data.tensor_preprocessor import TensorPreprocessor

if TYPE_CHECKING:
    import polars as pl

DENSE = "inputs.npy"
TENSORS = "tensors.json"
_TOGETHER = 4_096
"""Ragged rows that are put in their order at once, and rows of tensors that are encoded at once."""
SPARSE = ("data.npy", "indices.npy", "indptr.npy")


def write(frame: pl.LazyFrame, rows: Array, preprocessor: Preprocessor | TensorPreprocessor, folder: Path) -> None:
    """Writes the encoded rows into the folder, in the order of `rows`. The table is read once, in slices.

    Dense rows never lie in memory as a whole; sparse ones do, and are small.
    """
    with files.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(preprocessor, TensorPreprocessor):
            _write_tensors(frame, rows, preprocessor, folder)
        elif preprocessor.sparse:
            _write_sparse(frame, rows, preprocessor, folder)
        else:
            _write_dense(frame, rows, preprocessor, folder)


def open_inputs(folder: Path) -> Inputs:
    """The rows that `write` left in the folder, memory-mapped."""
    if (folder / TENSORS).exists():
        return _open_tensors(folder)
    if (folder / DENSE).exists():
        return np.load(folder / DENSE, mmap_mode="r", allow_pickle=False)
    from scipy.sparse import csr_matrix

    data, indices, indptr, shape = (np.load(folder / name, allow_pickle=False) for name in (*SPARSE, "shape.npy"))
    return csr_matrix((data, indices, indptr), shape=tuple(shape))


def _write_dense(frame: pl.LazyFrame, rows: Array, preprocessor: Preprocessor, folder: Path) -> None:
    shape = (len(rows), preprocessor.width)
    inputs = np.lib.format.open_memmap(folder / DENSE, mode="w+", dtype=np.float32, shape=shape)
    for places, encoded in _slices(frame, rows, preprocessor):
        inputs[places] = encoded
    inputs.flush()


def _write_sparse(frame: pl.LazyFrame, rows: Array, preprocessor: Preprocessor, folder: Path) -> None:
    from scipy.sparse import csr_matrix, vstack

    slices = list(_slices(frame, rows, preprocessor))
    order = np.argsort(np.concatenate([places for places, _ in slices]))
    inputs = csr_matrix(vstack([encoded for _, encoded in slices], format="csr")[order])
    inputs.sort_indices()
    for name, values in zip(SPARSE, (inputs.data, inputs.indices, inputs.indptr), strict=True):
        np.save(folder / name, values, allow_pickle=False)
    np.save(folder / "shape.npy", np.array(inputs.shape), allow_pickle=False)


def _write_tensors(frame: pl.LazyFrame, rows: Array, preprocessor: TensorPreprocessor, folder: Path) -> None:
    names = sorted(preprocessor.shapes)
    writers = [_Growing(folder / f"{place}", len(rows)) if preprocessor.shapes[name].ragged
               else _Filling(folder / f"{place}.npy", len(rows)) for place, name in enumerate(names)]  # fmt: skip
    for places, encoded in _slices(frame, rows, preprocessor):
        assert isinstance(encoded, Tensors), "tensors are what this preprocessor gives"
        for name, writer in zip(names, writers, strict=True):
            writer.add(places, encoded.parts[name])
    for writer in writers:
        writer.end()
    files.write_json(folder / TENSORS, names)


def _open_tensors(folder: Path) -> Tensors:
    parts: dict[str, Array | Ragged] = {}
    for place, name in enumerate(files.read_json(folder / TENSORS)):
        values = np.load(folder / f"{place}.npy", mmap_mode="r", allow_pickle=False)
        offsets = folder / f"{place}-offsets.npy"
        parts[name] = Ragged(values, np.load(offsets, allow_pickle=False)) if offsets.exists() else values
    return Tensors(parts)


@final
class _Filling:
    """Writes rows of equal size where they belong. Final."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path, self._rows = path, rows
        self._values: Array | None = None

    def add(self, places: Array, part: Array | Ragged) -> None:
        assert isinstance(part, np.ndarray), "rows of equal size come as an array"
        if self._values is None:
            shape = (self._rows, *part.shape[1:])
            self._values = np.lib.format.open_memmap(self._path, mode="w+", dtype=part.dtype, shape=shape)
        self._values[places] = part

    def end(self) -> None:
        if self._values is not None:
            self._values.flush()  # type: ignore[attr-defined]


@final
class _Growing:
    """Writes rows of unequal length as they come, then once more in their order. Final."""

    def __init__(self, path: Path, rows: int) -> None:
        self._path, self._came = path, path.with_name(f"{path.name}.came")
        self._starts, self._lengths = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        self._file = self._came.open("wb")
        self._total = 0
        self._dtype, self._inner = np.dtype(np.float32), (1,)

    def add(self, places: Array, part: Array | Ragged) -> None:
        assert isinstance(part, Ragged), "rows of unequal length come ragged"
        self._dtype, self._inner = part.values.dtype, part.values.shape[1:]
        self._starts[places] = self._total + part.offsets[:-1]
        self._lengths[places] = part.lengths
        self._total += len(part.values)
        self._file.write(np.ascontiguousarray(part.values).tobytes())

    def end(self) -> None:
        self._file.close()
        offsets = np.concatenate([[0], np.cumsum(self._lengths)])
        shape = (int(offsets[-1]), *self._inner)
        values = np.lib.format.open_memmap(self._path.with_name(f"{self._path.name}.npy"), "w+", self._dtype, shape)
        came = np.memmap(self._came, self._dtype, "r", shape=(self._total, *self._inner))
        for first in range(0, len(self._lengths), _TOGETHER):
            some = slice(first, first + _TOGETHER)
            low, high = offsets[first], offsets[min(first + _TOGETHER, len(self._lengths))]
            shift = np.repeat(self._starts[some] - offsets[:-1][some], self._lengths[some])
            values[low:high] = came[shift + np.arange(low, high)]
        values.flush()
        np.save(self._path.with_name(f"{self._path.name}-offsets.npy"), offsets, allow_pickle=False)
        self._came.unlink()


def _slices(
    frame: pl.LazyFrame, rows: Array, preprocessor: Preprocessor | TensorPreprocessor
) -> Iterator[tuple[Array, Inputs]]:
    """Pairs of places in `rows` and the encoded rows that belong there."""
    place = np.full(int(rows.max(initial=-1)) + 1, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    first = 0
    # Pictures and sounds are much larger than a line of numbers.
    size = _TOGETHER if isinstance(preprocessor, TensorPreprocessor) else loader.SLICE
    for piece in loader.slices(frame, columns=list(preprocessor.columns), size=size):
        places = place[first : first + len(piece)]
        first += len(piece)
        wanted = np.flatnonzero(places >= 0)
        if len(wanted):
            chosen = piece if len(wanted) == len(piece) else piece[wanted]
            yield places[wanted], preprocessor.transform(chosen)
