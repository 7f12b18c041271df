"""Which rows come together in a step, in which order: a function of seed and epoch, so any step can be found again.

Rows of different lengths are padded to the longest of their batch. They are shuffled, then sorted by length within
windows of many batches, cut to the budget, and the batches are shuffled again: little is padded, and chance remains.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from luban.batch import Array
from luban.core.seed import derive

WINDOW = 32
"""Batches' worth of rows that are sorted by length together."""
MOST_ROWS = 4
"""Short rows make a batch of at most so many times the asked rows."""
_AHEAD = 4
_END = object()

Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Order:
    """How rows are put into batches.

    size: rows of a batch. tokens: steps of a batch, padding included; None for rows of equal size.
    lengths: (rows,) of each row; None for rows of equal size. seed: decides the order of every epoch.
    """

    rows: int
    size: int
    seed: int
    tokens: int | None = None
    lengths: Array | None = None

    def epoch(self, number: int) -> list[Array]:
        """The row numbers of each batch of an epoch. Each row comes once.

        >>> [batch.tolist() for batch in Order(5, 2, seed=0).epoch(0)]
        [[2, 1], [3, 4], [0]]
        """
        random = np.random.default_rng(derive(self.seed, "order", number))
        order = random.permutation(self.rows)
        if self.lengths is None or self.tokens is None:
            return [order[first : first + self.size] for first in range(0, self.rows, self.size)]
        found: list[Array] = []
        for first in range(0, self.rows, self.size * WINDOW):
            window = order[first : first + self.size * WINDOW]
            window = window[np.argsort(self.lengths[window], kind="stable")]
            found += self._cut(window)
        return [found[place] for place in random.permutation(len(found))]

    def _cut(self, rows: Array) -> list[Array]:
        """The rows, which rise in length, in batches under the budget of steps."""
        assert self.lengths is not None, "rows of equal size are not cut by length"
        assert self.tokens is not None, "... and have no budget of steps"
        found, start = [], 0
        lengths = self.lengths[rows]
        for place in range(len(rows)):
            more = place + 1 - start
            if more > 1 and (more * lengths[place] > self.tokens or more > MOST_ROWS * self.size):
                found.append(rows[start:place])
                start = place
        return [*found, rows[start:]]

    @property
    def steps(self) -> int:
        """Batches of the first epoch; those of others differ little."""
        return len(self.epoch(0))

    def waste(self) -> float:
        """Share of padding among all steps of the first epoch, 0 to 1."""
        if self.lengths is None:
            return 0.0
        padded = sum(len(batch) * int(self.lengths[batch].max()) for batch in self.epoch(0))
        return 1.0 - float(self.lengths.sum()) / max(padded, 1)


def ahead(items: Iterable[Item], make: Callable[[Item], Made]) -> Iterator[Made]:
    """What `make` gives for each item, in order, made on another thread some items ahead.

    An error of `make` is raised where its item would have come.
    """
    made: queue.Queue[object] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def put(value: object) -> bool:
        while not stop.is_set():
            try:
                made.put(value, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(make(item)):
                    return
            put(_END)
        # Whatever it is, it belongs to the thread that asked.
        except BaseException as error:  # noqa: BLE001
            put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (value := made.get()) is not _END:
            if isinstance(value, BaseException):
                raise value
            yield value  # type: ignore[misc]
    finally:
        stop.set()
        thread.join()
