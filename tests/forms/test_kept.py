"""What frozen bodies read is read once, and depends on no order in which it is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager
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


def texts(count: int = 12) -> Ragged:
    """Tokens, of which no two rows are alike."""
    return Ragged.of([np.arange(row, 2 * row + 1, dtype=np.int32) for row in range(1, count + 1)])


def asked(place: Path, part: PerRow, rows: int = 12, **others: PerRow) -> AbstractContextManager[None]:
    return _kept.asked({"text": part, **others}, np.arange(rows), place)


def vectors(part: PerRow, body: Body, name: str = "a", column: str = "text") -> Array:
    return _kept.vectors(lambda: name, column, part, body)


@pytest.mark.parametrize("part", [texts(), np.random.default_rng(0).normal(size=(12, 3, 4)).astype(np.float32)])
def test_a_row_is_read_once_whichever_part_it_is_in(part: PerRow, tmp_path: Path) -> None:
    body = Body()
    with asked(tmp_path, part, rows=8):
        first = vectors(part[np.arange(6)], body)
        whole = vectors(part, body)
        assert body.read == [8, 4] and np.array_equal(whole[:6], first)
        assert np.array_equal(whole[::-1], vectors(part[np.arange(12)[::-1]], body))
        assert body.read == [8, 4]


def test_equal_rows_are_read_once(tmp_path: Path) -> None:
    body, part = Body(), texts()[np.array([3, 3, 1, 3])]
    with asked(tmp_path, part, rows=4):
        found = vectors(part, body)
    assert body.read == [2] and np.array_equal(found[[0, 0, 0]], found[[0, 1, 3]])


def test_another_body_and_another_column_are_read_by_themselves(tmp_path: Path) -> None:
    body, part = Body(), texts()
    with asked(tmp_path, part, other=part):
        for name, column in (("a", "text"), ("a", "other"), ("b", "text"), ("a", "text")):
            vectors(part, body, name, column)
    assert body.read == [12] * 3


def test_another_process_finds_what_was_read_to_the_last_digit(tmp_path: Path) -> None:
    body, part = Body(), texts()
    with asked(tmp_path, part, rows=10):
        one = vectors(part[np.arange(3)], body)
    assert body.read == [10]
    with asked(tmp_path, part, rows=10):
        other = vectors(part[np.array([9, 1, 0, 11])], body)
    assert body.read == [10, 1] and np.array_equal(other[[2, 1]], one[[0, 1]])
    assert not np.array_equal(vectors(part[np.arange(3)], body), one), "read with others, its last digit is another"


def test_where_nothing_is_asked_about_again_nothing_is_kept(tmp_path: Path) -> None:
    body, part = Body(), texts()
    with asked(tmp_path, part):
        vectors(part, body, column="another")
    vectors(part, body)
    assert body.read == [12, 12] and not any(tmp_path.iterdir())


def test_of_more_rows_than_are_kept_all_are_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kept, "MOST", 9)
    body, part = Body(), texts()
    with asked(tmp_path, part, rows=9):
        vectors(part, body)
    with asked(tmp_path, part, rows=10):
        vectors(part[np.arange(3)], body)
    assert body.read == [12, 3] and not any(tmp_path.iterdir())
    with asked(tmp_path, part, rows=9):
        for _ in range(2):
            vectors(part[np.arange(6, 12)], body)
    assert body.read == [12, 3, 9, 3, 3], "there is no room for three more"
