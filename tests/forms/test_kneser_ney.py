"""A trigram by interpolated Kneser-Ney against a slow and obvious reference, and states that fit nothing."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from luban import states
from luban.batch import Ragged, Tensors
from luban.core import registry
from luban.core.errors import BundleError
from luban.forms._orders import START
from luban.forms.kneser_ney import KneserNey
from luban.protocols import State

SIZE = 11
TEXTS = [[2, 5, 6, 7, 3], [2, 5, 6, 8, 3], [2, 5, 6, 7, 9, 5, 6, 3], [2, 3]]


def rows(texts: list[list[int]]) -> Ragged:
    return Ragged.of([np.array(text, np.int32) for text in texts])


class Reference:
    """The formulas of Chen and Goodman (1999), one count after the other."""

    def __init__(self, texts: list[list[int]]) -> None:
        self.three: Counter[tuple[int, int, int]] = Counter()
        for text in texts:
            padded = [START, *text]
            self.three.update(zip(padded, padded[1:], padded[2:], strict=False))
        self.two: Counter[tuple[int, int]] = Counter((v, w) for _, v, w in self.three)
        self.one: Counter[int] = Counter(w for _, w in self.two)

    @staticmethod
    def discount(counts: Counter[object]) -> float:
        once, twice = (sum(count == n for count in counts.values()) for n in (1, 2))
        return once / (once + 2 * twice) if once else 0.5

    def order(self, counts: Counter[tuple[int, ...]], history: tuple[int, ...], word: int, lower: float) -> float:
        behind = {key[-1]: count for key, count in counts.items() if key[:-1] == history}
        total = sum(behind.values())
        if not total:
            return lower
        less = self.discount(counts)  # type: ignore[arg-type]
        return max(behind.get(word, 0) - less, 0) / total + less * len(behind) / total * lower

    def probability(self, u: int, v: int, w: int) -> float:
        can_be = SIZE - 3
        ones: Counter[tuple[int, ...]] = Counter({(key,): count for key, count in self.one.items()})
        lowest = self.order(ones, (), w, 1 / can_be if w not in (0, START, 4) else 0.0)
        pairs = self.order(self.two, (v,), w, lowest)  # type: ignore[arg-type]
        return self.order(self.three, (u, v), w, pairs)  # type: ignore[arg-type]


def test_each_probability_is_that_of_the_formulas() -> None:
    model, reference = KneserNey.learned(rows(TEXTS), SIZE), Reference(TEXTS)
    every = np.array(list(itertools.product(range(2, SIZE), repeat=3)))
    found = model.probabilities(*every.T)
    assert found == pytest.approx([reference.probability(*map(int, three)) for three in every], rel=1e-12)


def test_the_probabilities_behind_any_history_sum_to_one() -> None:
    model = KneserNey.learned(rows(TEXTS), SIZE)
    words = np.arange(SIZE)
    for u, v in itertools.product(range(2, SIZE), repeat=2):
        assert model.probabilities(np.full(SIZE, u), np.full(SIZE, v), words).sum() == pytest.approx(1.0)


def test_a_text_costs_the_sum_over_its_tokens_and_its_end() -> None:
    model, reference = KneserNey.learned(rows(TEXTS), SIZE), Reference(TEXTS)
    asked = [[2, 5, 7, 10, 3], [2, 3], [2, 8, 3]]
    found = model.outputs(Tensors({"text": rows(asked)}))
    for text, (nats, tokens) in zip(asked, found, strict=True):
        padded = [START, *text]
        each = [reference.probability(*three) for three in zip(padded, padded[1:], padded[2:], strict=False)]
        assert (nats, tokens) == (pytest.approx(-sum(map(math.log, each))), len(text) - 1)


def test_texts_are_counted_each_by_itself() -> None:
    """What stands behind the end of one text is never a history of the next."""
    together = KneserNey.learned(rows(TEXTS), SIZE)
    counts: dict[int, int] = defaultdict(int)
    for text in TEXTS:
        alone = KneserNey.learned(rows([text]), SIZE)
        for key, count in zip(alone.keys.tolist(), alone.counts.tolist(), strict=True):
            counts[key] += count
    assert dict(zip(together.keys.tolist(), together.counts.tolist(), strict=True)) == counts


def test_it_is_rebuilt_from_its_bytes() -> None:
    model = KneserNey.learned(rows(TEXTS), SIZE)
    kind, state = states.from_bytes(states.to_bytes(model.kind, model.state()))
    again = registry.find("forms", kind).rebuild(state)
    asked = Tensors({"text": rows(TEXTS)})
    assert np.array_equal(again.outputs(asked), model.outputs(asked))


@pytest.mark.parametrize(
    ("values", "keys", "counts", "reason"),
    [
        ({"size": 11}, [5, 4], [1, 1], "not rising"),
        ({"size": 11}, [5, 11**3], [1, 1], "not rising"),
        ({"size": 11}, [4, 5], [1, 0], "no counts"),
        ({"size": 3}, [4, 5], [1, 1], "an integer from"),
        ({"size": 11}, [4, 5], [1], "has the shape"),
    ],
)
def test_an_odd_state_is_refused(values: dict[str, int], keys: list[int], counts: list[int], reason: str) -> None:
    state = State(values, {"keys": np.array(keys, np.int64), "counts": np.array(counts, np.int64)})
    with pytest.raises(BundleError, match=reason):
        KneserNey.rebuild(state)
