"""Training that runs out of memory goes on with smaller parts of the same step, says so, and writes it down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luban.core.errors import ResourceError
from luban.recipe.recipe import Train
from luban.training import halving

SCRIPT = Path(__file__).with_name("short_of_memory.py")
LITTLE = 200 << 20


def trained(folder: Path, more: int, rate: str = "0.001") -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(more), rate], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_half_the_rows_at_once_twice_as_often_is_the_same_step():
    smaller, reasons = halving.halved(Train(batch_size=9, accumulate=2), "mlp")
    assert (smaller.batch_size, smaller.accumulate, smaller.tokens) == (5, 4, "auto")
    assert "9 rows at once ran out of memory" in reasons["batch_size"]


def test_one_row_that_does_not_fit_is_told():
    with pytest.raises(ResourceError, match="the model 'lstm' needs more memory than there is, with one row at a time"):
        halving.halved(Train(batch_size=1), "lstm")


def test_other_failures_are_not_taken_for_a_lack_of_memory():
    assert halving.ran_out(MemoryError())
    assert not halving.ran_out(RuntimeError("a Tensor with 2 elements cannot be converted to Scalar"))
    assert not halving.ran_out(ValueError("out of memory"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a process's memory is Linux's")
def test_a_step_that_does_not_fit_into_memory_is_halved_until_it_does(tmp_path: Path):
    short, free = trained(tmp_path / "short", LITTLE), trained(tmp_path / "free", 0)
    assert (free["batch_size"], free["accumulate"], free["told"]) == (4096, 1, [])
    assert short["batch_size"] < 4096
    assert short["batch_size"] * short["accumulate"] == 4096
    assert len(short["told"]) == int(np.log2(short["accumulate"]))
    assert {"batch_size", "accumulate"} <= set(short["reasons"])
    assert np.allclose(short["answers"], free["answers"], atol=1e-5), "the step is the same"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of a process's memory is Linux's")
def test_what_is_measured_before_the_first_step_is_halved_too(tmp_path: Path):
    short = trained(tmp_path, LITTLE, "auto")
    assert short["batch_size"] * short["accumulate"] == 4096
    assert short["batch_size"] < 4096
    assert {"batch_size", "accumulate", "learning_rate"} <= set(short["reasons"])
