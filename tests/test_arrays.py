"""Arrays in a file of safetensors: written piece by piece as the library writes them, and read without a copy."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from luban import arrays
from luban.arrays import Arrays

RANDOM = np.random.default_rng(0)
NAMED = {
    "b": RANDOM.normal(size=(3, 4)).astype(np.float32),
    "a": np.array(3.0),
    "0.z": np.arange(5),
    'ü"x': np.arange(3, dtype=np.int32),
    "nothing": np.zeros((0, 3), np.float32),
    "u": np.arange(7, dtype=np.uint8),
    "turned": RANDOM.normal(size=(3, 4)).astype(np.float32).T,
    "\x01k": np.arange(2.0),
}
TOLD = {"luban": '{"x": "é\\n"}\x7f\x08'}


@pytest.mark.parametrize("metadata", [TOLD, {}])
def test_the_bytes_are_those_of_the_library(metadata):
    plain = {name: np.asarray(array, order="C") for name, array in NAMED.items()}
    assert b"".join(Arrays(NAMED, metadata)) == save(plain, metadata=metadata or None)


def test_every_array_is_read_as_it_was_and_can_be_written_to():
    data = bytearray(b"".join(Arrays(NAMED, TOLD)))
    told, found = arrays.read(data)
    assert told == TOLD
    assert list(found) == sorted(found, key=list(found).index)
    for name, array in NAMED.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found[name], array)
    before = bytes(data)
    found["b"][0, 0] += 1
    assert data != before, "it is the bytes themselves"


def test_what_lies_together_is_not_copied():
    whole = np.arange(8.0)
    *_, piece = Arrays({"whole": whole}, {})
    assert np.shares_memory(np.frombuffer(piece, np.uint8), whole)


def test_arrays_are_made_one_by_one():
    made = []

    def array(name: str):
        made.append(name)
        return np.full(2, len(made), np.float32)

    outlines = dict.fromkeys(("second", "first"), ("float32", (2,)))
    pieces = arrays.pieces(outlines, {}, array)
    next(pieces)
    assert made == []
    next(pieces)
    assert made == ["first"]


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:4]])
def test_another_length_is_refused(change):
    data = b"".join(Arrays({"a": np.arange(3.0)}, {}))
    with pytest.raises(ValueError, match=r"larger|bytes behind|cut short"):
        arrays.read(change(data))
