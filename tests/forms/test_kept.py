"""What frozen bodies read is read once, and depends on no order in which it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from luban.batch import PerRow, Ragged
from luban.forms import _kept

Array = np.ndarray[Any, Any]


class Body:
    """Reads rows as their means and remembers how many came together. As with products of matrices, the last digits of
    what it says depend on how many that are.
    """

    def __init__(self) -> None:
        self.read: list[int] = []

    def __call__(self, part: PerRow) -> Array:
        self.read.append(len(part))
        rows = np.split(part.values, part.offsets[1:-1]) if isinstance(part, Ragged) else list(part)
        means = np.array([[row.mean(), len(row)] for row in rows], np.float32)
        return means + np.float32(1e-6) * np.float32(len(part))


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    forget()


def forget() -> None:
    """As a process that begins."""
    _kept._BODY.name, _kept._BODY.columns = "", {}


def texts(count: int = 12) -> Ragged:
    """Tokens, of which no two rows are alike."""
    return Ragged.of([np.arange(row, 2 * row + 1, dtype=np.int32) for row in range(1, count + 1)])


@pytest.mark.parametrize("part", [texts(), np.random.default_rng(0).normal(size=(12, 3, 4)).astype(np.float32)])
def test_a_row_is_read_once_whichever_part_it_is_in(part: PerRow) -> None:
    body = Body()
    first = _kept.vectors("a", "text", part[np.arange(8)], body)
    whole = _kept.vectors("a", "text", part, body)
    assert body.read == [8, 4] and np.array_equal(whole[:8], first)
    assert np.array_equal(whole[::-1], _kept.vectors("a", "text", part[np.arange(12)[::-1]], body))
    assert body.read == [8, 4]


def test_equal_rows_are_read_once() -> None:
    body, part = Body(), texts()
    found = _kept.vectors("a", "text", part[np.array([3, 3, 1, 3])], body)
    assert body.read == [2] and np.array_equal(found[[0, 0, 0]], found[[0, 1, 3]])


def test_another_body_and_another_column_are_read_by_themselves() -> None:
    body, part = Body(), texts()
    for name, column in (("a", "text"), ("a", "other"), ("b", "text"), ("a", "text")):
        _kept.vectors(name, column, part, body)
    assert body.read == [12] * 4, "there is room for one body"


def test_of_rows_that_are_asked_about_again_all_are_read_first(tmp_path: Path) -> None:
    body, part, rows = Body(), texts(), np.arange(10)
    with _kept.asked({"text": part}, rows, tmp_path):
        one = _kept.vectors("a", "text", part[np.arange(3)], body)
        assert body.read == [10]
        forget()
        # A process that begins later, with other rows, finds what the first one read.
        other = _kept.vectors("a", "text", part[np.array([9, 1, 0, 11])], body)
        assert body.read == [10, 1] and np.array_equal(other[[2, 1]], one[[0, 1]])
    forget()
    alone = _kept.vectors("a", "text", part[np.arange(3)], body)
    assert not np.array_equal(alone, one), "only all of them together give the same to the last digit"


def test_of_more_rows_than_are_kept_all_are_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kept, "MOST", 9)
    body, part = Body(), texts()
    for _ in range(2):
        _kept.vectors("a", "text", part, body)
    with _kept.asked({"text": part}, np.arange(10), tmp_path):
        _kept.vectors("a", "text", part[np.arange(3)], body)
    assert body.read == [12, 12, 3] and not any(tmp_path.iterdir())
