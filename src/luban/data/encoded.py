"""Encoded rows on disk: written once, slice by slice, and memory-mapped by whoever trains on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array, Inputs
from luban.core import files
from luban.data import loader
from luban.data.preprocessor import Preprocessor

if TYPE_CHECKING:
    import polars as pl

DENSE = "inputs.npy"
SPARSE = ("data.npy", "indices.npy", "indptr.npy")


def write(frame: pl.LazyFrame, rows: Array, preprocessor: Preprocessor, folder: Path) -> None:
    """Writes the encoded rows into the folder, in the order of `rows`. The table is read once, in slices.

    Dense rows never lie in memory as a whole; sparse ones do, and are small.
    """
    with files.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if preprocessor.sparse:
            _write_sparse(frame, rows, preprocessor, folder)
        else:
            _write_dense(frame, rows, preprocessor, folder)


def open_inputs(folder: Path) -> Inputs:
    """The rows that `write` left in the folder, memory-mapped."""
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


def _slices(frame: pl.LazyFrame, rows: Array, preprocessor: Preprocessor) -> Iterator[tuple[Array, Inputs]]:
    """Pairs of places in `rows` and the encoded rows that belong there."""
    place = np.full(int(rows.max(initial=-1)) + 1, -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    first = 0
    for piece in loader.slices(frame, columns=list(preprocessor.columns)):
        places = place[first : first + len(piece)]
        first += len(piece)
        wanted = np.flatnonzero(places >= 0)
        if len(wanted):
            chosen = piece if len(wanted) == len(piece) else piece[wanted]
            yield places[wanted], preprocessor.transform(chosen)
