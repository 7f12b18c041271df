"""Entity F1: the harmonic mean of precision and recall of whole spans, such as names."""

from __future__ import annotations

import numpy as np

from luban.batch import Answers, Array, PerRow
from luban.metrics._tags import counted, of_spans, spans
from luban.metrics._weighted import ratio, totals
from luban.protocols import Metric


def _counts(target: Array, said: Array, row: Array, rows: int, names: tuple[str, ...]) -> Array:
    """(rows, 2): how many spans are in both, and how many are in either, those in both counted twice."""
    true, answered = spans(target, row, names), spans(said, row, names)
    _, here, there = np.intersect1d(true.begin, answered.begin, assume_unique=True, return_indices=True)
    equal = (true.end[here] == answered.end[there]) & (true.kind[here] == answered.kind[there])
    hits = np.bincount(row[true.begin[here[equal]]], minlength=rows)
    either = np.bincount(row[np.concatenate([true.begin, answered.begin])], minlength=rows)
    return np.stack([hits, either], axis=1)


def _scores(target: PerRow, answers: Answers, weights: Array) -> Array:
    if not of_spans(answers.names):
        return np.full(len(weights), np.nan)
    sums = totals(weights, counted(_counts, target, answers))
    return ratio(2 * sums[:, 0], sums[:, 1])


metric = Metric(
    name="entity-f1",
    direction="higher",
    tasks=frozenset({"tagging"}),
    definition=(
        "2 TP / (2 TP + FP + FN) over the spans that tags such as B-LOC, I-LOC and O mark in all rows: one is right "
        "where its first word, its last word and its type are, as conlleval of CoNLL-2003 counts (Tjong Kim Sang and "
        "De Meulder, 2003). Undefined for other tags."
    ),
    scores=_scores,
    bounds=(0.0, 1.0),
)
