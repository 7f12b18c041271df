"""States are written as data, and what was not written so is refused."""

import numpy as np
import pytest

from luban import states
from luban.core.errors import BundleError
from luban.protocols import State

STATE = State({"a": 1}, {"w": np.eye(2)}, (("part", State({"b": [1]}, {"z": np.arange(3)})),))


def test_a_state_survives_its_bytes_and_equal_states_give_equal_bytes():
    data = states.to_bytes("affine", STATE)
    kind, again = states.from_bytes(data)
    assert kind == "affine"
    assert states.to_bytes(kind, again) == data
    assert np.array_equal(again.parts[0][1].arrays["z"], np.arange(3))


def test_every_cut_is_refused():
    data = states.to_bytes("affine", STATE)
    for length in range(len(data)):
        with pytest.raises(BundleError):
            states.from_bytes(data[:length])


def test_a_header_that_claims_more_than_the_file_is_refused():
    with pytest.raises(BundleError, match="larger than the file"):
        states.from_bytes((1 << 40).to_bytes(8, "little") + b"{}")


def test_a_state_is_written_to_a_file_and_read_as_it_is_asked_for(tmp_path):
    states.write(tmp_path / "form", "affine", STATE)
    assert (tmp_path / "form").read_bytes() == states.to_bytes("affine", STATE)
    kind, again = states.mapped(tmp_path / "form")
    assert (kind, again.values) == ("affine", {"a": 1})
    again.arrays["w"][0, 0] = 7.0
    assert np.array_equal(states.mapped(tmp_path / "form")[1].arrays["w"], np.eye(2)), "the file stays as it is"
