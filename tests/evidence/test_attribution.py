"""Causes before symptoms: what is told first, and what it accounts for."""

import itertools

import pytest

from luban.evidence.attribution import attributed
from luban.evidence.finding import Finding, Signal, Where


def finding(condition, severity="severe", column=None):
    return Finding(condition, severity, Where(column=column), Signal("a number", 2.0, 1.0, 10), "It is (threshold 1).")


def told(*findings):
    return [(one.condition, one.explains) for one in attributed(findings)]


def test_nothing_found_is_nothing_told():
    assert attributed([]) == []


CHAIN = ("unscaled-features", "bad-initial-loss", "not-learning")


@pytest.mark.parametrize("order", list(itertools.permutations(CHAIN)))
def test_unscaled_inputs_explain_a_bad_first_loss_whichever_was_found_first(order):
    ((condition, explains),) = told(*map(finding, order))
    assert condition == "unscaled-features"
    assert set(explains) == {"bad-initial-loss", "not-learning"}


def test_a_symptom_alone_is_told():
    assert told(finding("not-learning")) == [("not-learning", ())]


def test_what_has_nothing_to_do_with_each_other_is_told_the_worst_first():
    both = told(finding("overfitting", "warning"), finding("untied-weights"), finding("repeated-data-order", "note"))
    assert both == [("untied-weights", ()), ("overfitting", ()), ("repeated-data-order", ())]


def test_another_column_is_not_explained():
    columns = [finding("unscaled-features", column="a"), finding("nonfinite-data", column="b")]
    assert {name for name, _ in told(*columns)} == {"unscaled-features", "nonfinite-data"}
    whole = [finding("unscaled-features"), finding("nonfinite-data", column="b")]
    assert told(*whole) == [("nonfinite-data", ("unscaled-features",))]


def test_a_symptom_that_was_found_twice_is_named_once():
    assert told(finding("stale-gradient"), finding("not-learning"), finding("not-learning")) == [
        ("stale-gradient", ("not-learning",))
    ]
