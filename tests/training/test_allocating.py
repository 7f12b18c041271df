"""Memory that steps free is taken again by the next ones, without a word to the system."""

import platform
import subprocess
import sys

import pytest

from luban.training import allocating

PROGRAM = """
import resource
from contextlib import nullcontext
import numpy as np
from luban.training import allocating

def step():
    return sum(float(layer[0]) for layer in [np.ones(3 << 17) for _ in range(8)])

def faults(steps):
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with {held}:
    print(faults(20))
"""


def faults(held: str) -> int:
    """Pages that the system fills with zeros in 20 steps that take 24 MiB and free them."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(held=held)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_what_a_step_frees_is_kept_for_the_next_one():
    assert faults("allocating.kept()") < 500


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_the_test_above_sees_memory_that_is_given_back():
    assert faults("nullcontext()") > 5_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
@pytest.mark.parametrize("first", [0, 400 << 20])
def test_holes_go_back_every_so_many_steps_and_only_where_a_process_has_grown(monkeypatch, first: int):
    """first: what the first steps take: a training needs so much in any case."""
    given: list[int] = []
    held = [100 << 20]
    monkeypatch.setattr(allocating, "give_back", lambda: given.append(held[0]))
    monkeypatch.setattr(allocating.process, "resident", lambda number: held[0])
    with allocating.kept() as stepped:
        held[0] += first
        for step in range(4 * allocating.OFTEN):
            held[0] += 10 << 20
            stepped(step)
    grown = [size - (100 << 20) for size in given[:-1]]
    # Behind the eighth step comes what is allowed; behind each later eighth one it is looked at.
    allowed = max(allocating.KEPT, first + (80 << 20) + allocating.MORE)
    assert grown == [size for size in (first + (step * 80 << 20) for step in (2, 3, 4)) if size > allowed]
    assert grown
