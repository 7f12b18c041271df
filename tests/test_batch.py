"""Rows of unequal length: taken, joined, placed and padded as lists of rows would be."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Answers, Batch, Ragged, dense, joined

ROWS = [[5, 6, 7], [], [8], [9, 9]]


def ragged(rows: list[list[int]]) -> Ragged:
    return Ragged.of([np.array(row, np.int64) for row in rows])


def listed(rows: Ragged) -> list[list[int]]:
    return [rows[np.array([row])].values.tolist() for row in range(len(rows))]


def test_batches_and_answers_take_rows_of_sequences_as_of_arrays() -> None:
    kept = np.array([2, 0])
    taken = Batch(np.arange(4, dtype=np.float32)[:, None], ragged(ROWS)).take(kept)
    assert isinstance(taken.target, Ragged)
    assert (len(taken), listed(taken.target)) == (2, [[8], [5, 6, 7]])
    said = Answers(ragged(ROWS), ragged(ROWS)).take(np.array([False, True, False, True]))
    assert isinstance(said.prediction, Ragged) and isinstance(said.probabilities, Ragged)
    assert listed(said.prediction) == listed(said.probabilities) == [[], [9, 9]]


def test_what_was_cut_apart_is_joined_again() -> None:
    whole = ragged(ROWS)
    parts = [whole[np.array([0])], whole[np.array([1, 2])], whole[np.array([3])]]
    again = joined(parts)
    assert isinstance(again, Ragged)
    assert listed(again) == ROWS
    assert dense(joined([np.ones(2), np.zeros(1)])).tolist() == [1, 1, 0]


def test_rows_of_one_size_and_of_several_are_not_joined() -> None:
    with pytest.raises(TypeError, match="some parts"):
        joined([ragged(ROWS), np.zeros(2)])
    with pytest.raises(TypeError, match="same size"):
        dense(ragged(ROWS))


def test_rows_are_placed_and_all_others_are_empty() -> None:
    assert listed(ragged(ROWS).placed(np.array([5, 0, 3, 1]), 6)) == [[], [9, 9], [], [8], [], [5, 6, 7]]


def test_padding_is_what_is_asked_for() -> None:
    assert ragged(ROWS).padded(-1).tolist() == [[5, 6, 7], [-1, -1, -1], [8, -1, -1], [9, 9, -1]]


def test_texts_come_back_from_their_bytes() -> None:
    texts = ["Ulm", "", "天气 🌦", "a\nb"]
    stored = Ragged.of_texts(texts)
    assert (stored.texts(), stored.values.dtype.name) == (texts, "uint8")
    assert stored[np.array([2, 0])].texts() == ["天气 🌦", "Ulm"]
    # Half a surrogate pair is no text that can be written; it becomes a question mark.
    assert Ragged.of_texts(["a\ud800"]).texts() == ["a?"]
