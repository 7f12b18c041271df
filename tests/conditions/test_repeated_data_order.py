"""A resumed training that gets the same batches again."""

import pytest

from conditions.trained import examine
from luban.evidence.trace import Trace

NAME = "repeated-data-order"


@pytest.mark.parametrize("repeated, fires", [(0, False), (2, False), (3, True), (40, True)])
def test_the_threshold_is_three_batches(repeated, fires):
    found = examine(NAME, Trace(repeated=repeated))
    assert [(one.severity, one.where.step) for one in found] == [("severe", repeated - 1)] * fires
    assert all(f"the first {repeated} batches" in one.text for one in found)


def test_it_needs_a_run_before_this_one():
    with pytest.raises(ValueError, match="no run before this one"):
        examine(NAME, Trace())
