"""Scores of tags: what conlleval counts, known answers by hand, and a slow reading of spans beside the quick one."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Answers, Ragged
from luban.core import registry
from luban.metrics._tags import of_spans, spans

NAMES = ("B-LOC", "B-PER", "E-LOC", "I-LOC", "I-PER", "O", "S-PER")
CODE = {name: code for code, name in enumerate(NAMES)}
F1, ACCURACY = registry.find("metrics", "entity-f1"), registry.find("metrics", "token-accuracy")


def coded(*rows: str) -> Ragged:
    return Ragged.of([np.array([CODE.get(tag, -1) for tag in row.split()], np.int64) for row in rows])


def found(row: str) -> list[tuple[int, int]]:
    codes = coded(row).values
    read = spans(codes, np.zeros(len(codes), np.int64), NAMES)
    return list(zip(read.begin.tolist(), read.end.tolist(), strict=True))


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("B-PER I-PER O B-LOC", [(0, 2), (3, 4)]),
        ("B-PER B-PER", [(0, 1), (1, 2)]),
        ("I-PER I-PER O", [(0, 2)]),
        ("I-PER I-LOC", [(0, 1), (1, 2)]),
        ("B-PER I-LOC I-LOC", [(0, 1), (1, 3)]),
        ("O O", []),
        ("S-PER I-PER", [(0, 1), (1, 2)]),
        ("B-LOC E-LOC E-LOC", [(0, 2), (2, 3)]),
    ],
)
def test_spans_are_read_as_conlleval_reads_them(row, wanted):
    assert found(row) == wanted


def test_a_span_never_goes_on_into_the_next_row():
    rows = coded("O B-PER", "I-PER O")
    read = spans(rows.values, np.array([0, 0, 1, 1]), NAMES)
    assert read.begin.tolist() == [1, 2] and read.end.tolist() == [2, 3]


def test_half_of_a_name_is_no_name():
    """3 spans are true, 3 are answered, 1 is right: F1 = 2 / 6, though 5 of 8 words are right."""
    target = coded("B-PER I-PER O B-LOC", "O B-LOC I-LOC O")
    said = coded("B-PER O O B-LOC", "O B-PER I-PER O")
    answers = Answers(said, names=NAMES)
    assert F1.score(target, answers) == pytest.approx(1 / 3)
    assert ACCURACY.score(target, answers) == pytest.approx(5 / 8)


def test_words_weigh_alike_and_rows_do_not():
    target, said = coded("O O O O O O O O O", "B-PER"), coded("O O O O O O O O O", "O")
    assert ACCURACY.score(target, Answers(said, names=NAMES)) == pytest.approx(0.9)


def test_tags_of_no_spans_have_no_f1():
    target = Ragged.of([np.array([0, 1])])
    assert np.isnan(F1.score(target, Answers(target, names=("NOUN", "VERB"))))
    assert not of_spans(("O",)) and not of_spans(("B-", "O"))


def test_a_tag_that_the_model_does_not_know_is_wrong_in_both():
    target, said = coded("B-ORG I-ORG O"), coded("B-PER I-PER O")
    answers = Answers(said, names=NAMES)
    assert ACCURACY.score(target, answers) == pytest.approx(1 / 3)
    assert F1.score(target, answers) == 0.0


def slowly(names: list[str]) -> set[tuple[int, int, str]]:
    """The state machine of conlleval, a word after the other."""
    read, start = set(), None
    before, kind_before = "O", ""
    for place, name in enumerate([*names, "O"]):
        mark, kind = (name, "") if name == "O" else (name[0], name[2:])
        ends = before != "O" and (mark in "BSO" or before in "ES" or kind != kind_before)
        if ends and start is not None:
            read.add((start, place, kind_before))
        begins = mark != "O" and (mark in "BS" or before in "OES" or kind != kind_before)
        start = place if begins else start if mark != "O" else None
        before, kind_before = mark, kind
    return read


def test_any_tags_are_counted_as_a_slow_reading_counts_them():
    random = np.random.default_rng(0)
    rows = [random.integers(0, len(NAMES), (2, random.integers(1, 9))) for _ in range(300)]
    target, said = (Ragged.of([row[side] for row in rows]) for side in (0, 1))
    hits = either = 0
    for row in rows:
        true, answered = (slowly([NAMES[code] for code in side]) for side in row)
        hits, either = hits + len(true & answered), either + len(true) + len(answered)
    assert F1.score(target, Answers(said, names=NAMES)) == pytest.approx(2 * hits / either)
