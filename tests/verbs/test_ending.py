"""The time that is kept for what follows the search."""

from __future__ import annotations

from dataclasses import replace

import pytest

from luban.core.deadline import Deadline
from luban.training.limits import limits
from luban.verbs.making import _search_until


@pytest.mark.parametrize(("slowness", "kept"), [(1.0, 15.0), (1.5, 15.0), (3.0, 30.0), (50.0, 40.0)])
def test_more_time_is_kept_for_the_end_where_the_machine_is_busy(slowness: float, kept: float) -> None:
    allowed = replace(limits(time="100s", memory="1G", threads=1), deadline=Deadline(1000.0))
    assert _search_until(allowed, slowness).at == pytest.approx(1000.0 - kept)


def test_without_a_time_nothing_is_kept() -> None:
    assert _search_until(limits(memory="1G", threads=1), 9.0) == Deadline.NEVER
