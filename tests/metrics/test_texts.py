"""Scores of texts are those of the packages that the field compares by, and of a slow obvious reference."""

from __future__ import annotations

import numpy as np
import pytest
import sacrebleu

from luban.batch import Answers, Ragged
from luban.core import registry
from luban.metrics.rouge_l import longest_common

WANTED = ["the cat sat on the mat", "it is raining again in Kiel today", "bonjour", "a b c d e", "天气很好"]
SAID = ["the cat sat on a mat", "it rains again in Kiel", "bonjour", "e d c b a", "天气好"]
NAMES = ("bleu", "chrf", "rouge-l")


def score(name: str, said: list[str], wanted: list[str], weight: list[float] | None = None) -> float:
    metric = registry.find("metrics", name)
    weights = None if weight is None else np.array(weight)
    return float(metric.score(Ragged.of_texts(wanted), Answers(Ragged.of_texts(said)), weights))


@pytest.mark.parametrize("rows", [slice(0, 5), slice(0, 2), slice(2, 3), slice(3, 4), slice(1, 5)])
def test_bleu_and_chrf_are_those_of_sacrebleu(rows):
    said, wanted = SAID[rows], WANTED[rows]
    assert score("bleu", said, wanted) == pytest.approx(sacrebleu.corpus_bleu(said, [wanted], force=True).score)
    assert score("chrf", said, wanted) == pytest.approx(sacrebleu.corpus_chrf(said, [wanted]).score)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_of_two_is_the_row_twice_and_of_none_is_no_row(name):
    weight = [2.0, 0.0, 1.0, 3.0, 1.0]
    rows = np.repeat(np.arange(5), np.array(weight, int))
    again = score(name, [SAID[i] for i in rows], [WANTED[i] for i in rows])
    assert score(name, SAID, WANTED, weight) == pytest.approx(again)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_texts_have_the_best_score_and_nothing_written_has_none(name):
    assert score(name, WANTED, WANTED) == pytest.approx(registry.find("metrics", name).bounds[1])
    assert score(name, [""] * 5, WANTED) == 0.0


def test_the_longest_common_subsequence_is_that_of_the_table():
    def slowly(one: list[str], other: list[str]) -> int:
        table = np.zeros((len(one) + 1, len(other) + 1), int)
        for i, a in enumerate(one, 1):
            for j, b in enumerate(other, 1):
                table[i, j] = table[i - 1, j - 1] + 1 if a == b else max(table[i - 1, j], table[i, j - 1])
        return int(table[-1, -1])

    random = np.random.default_rng(0)
    for _ in range(200):
        one, other = (["abcd"[at] for at in random.integers(0, 4, random.integers(0, 12))] for _ in range(2))
        assert longest_common(one, other) == slowly(one, other)
