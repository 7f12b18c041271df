"""Batches: each row once, within the budget, little padding, in an order that depends on seed and epoch only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luban.training.batches import MOST_ROWS, Order, ahead


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=200),
    size=st.integers(1, 20),
    tokens=st.integers(1, 500),
    epoch=st.integers(0, 3),
)
def test_each_row_comes_once_and_no_batch_is_over_the_budget(lengths, size, tokens, epoch):
    lengths = np.array(lengths)
    order = Order(len(lengths), size, seed=1, tokens=tokens, lengths=lengths)
    batches = order.epoch(epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens
        assert len(batch) <= MOST_ROWS * size


def test_the_order_is_that_of_seed_and_epoch():
    def numbers(seed: int, epoch: int) -> list[int]:
        return np.concatenate(Order(50, 8, seed).epoch(epoch)).tolist()

    assert numbers(0, 0) == numbers(0, 0)
    assert numbers(0, 0) != numbers(0, 1)
    assert numbers(0, 0) != numbers(1, 0)


def test_rows_of_like_length_together_waste_little():
    random = np.random.default_rng(0)
    lengths = np.clip(np.exp(random.normal(3.7, 0.7, 2000)), 2, 500).astype(int)
    by_length = Order(2000, 32, 0, tokens=32 * 40, lengths=lengths)
    assert by_length.waste() < 0.1
    # As rows come, most of a batch is padding.
    shuffled = Order(2000, 32, 0).epoch(0)
    padded = sum(len(batch) * lengths[batch].max() for batch in shuffled)
    assert 1 - lengths.sum() / padded > 0.5


def test_what_is_made_ahead_comes_in_order():
    assert list(ahead(range(20), lambda number: number * number)) == [number * number for number in range(20)]


def test_an_error_ahead_is_raised_where_its_item_would_have_come():
    def make(number: int) -> int:
        if number == 3:
            raise ValueError("the third")
        return number

    seen = []
    with pytest.raises(ValueError, match="the third"):
        seen.extend(ahead(range(10), make))
    items = ahead(range(10), make)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    items.close()


def test_whoever_stops_asking_leaves_no_thread_behind():
    import threading

    before = threading.active_count()
    items = ahead(range(1000), lambda number: number)
    next(items)
    assert threading.active_count() == before + 1
    items.close()
    assert threading.active_count() == before
