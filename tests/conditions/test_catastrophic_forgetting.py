"""What was learned before, and is lost or kept by a later training."""

import numpy as np
import pytest

from conditions.judged import binary, find, judgement
from luban.evidence.judgement import Earlier

NAME = "catastrophic-forgetting"


def later(lost, rows=400):
    """Of what was answered right before, this share is answered wrong after."""
    random = np.random.default_rng(0)
    target = random.integers(0, 2, rows)
    after = np.where(random.random(rows) < lost, 1 - target, target)
    before, now = (np.stack([1.0 - said, said], axis=1) for said in (target, after))
    settings = {"train.learning_rate": 0.01}
    return judgement(binary(), earlier=Earlier("binary", target, before, now), settings=settings)


@pytest.mark.parametrize("lost, severity", [(0.2, "warning"), (0.5, "severe")])
def test_what_was_lost_is_found_and_smaller_steps_advised(lost, severity):
    (found,) = find(NAME, later(lost))
    assert found.severity == severity
    assert found.evidence.value == pytest.approx(lost, abs=0.05)
    assert [edit.after for edit in found.edits] == [pytest.approx(0.001)]


@pytest.mark.parametrize("lost", [0.0, 0.05])
def test_what_was_kept_is_no_fault(lost):
    assert find(NAME, later(lost)) == []


def test_it_needs_fifty_earlier_rows():
    with pytest.raises(ValueError, match="49 earlier rows"):
        find(NAME, later(0.5, rows=49))


def texts(lost, count=64):
    """Raw texts of which a token costs so much more than before."""
    random = np.random.default_rng(0)
    tokens = random.integers(20, 60, count).astype(np.float64)
    before = tokens * (3.0 + 0.2 * random.normal(size=count))
    after = before + tokens * (lost + 0.1 * random.normal(size=count))
    earlier = Earlier("causal-lm", np.ones(count), *(np.stack([cost, tokens], axis=1) for cost in (before, after)))
    return judgement(binary(), task="chat", earlier=earlier, settings={"train.learning_rate": 5e-4})


@pytest.mark.parametrize("lost, severity", [(0.8, "warning"), (2.0, "severe")])
def test_raw_text_that_costs_more_is_found_and_smaller_steps_advised(lost, severity):
    (found,) = find(NAME, texts(lost))
    assert found.severity == severity
    assert found.evidence.value == pytest.approx(lost, abs=0.05)
    assert [edit.after for edit in found.edits] == [pytest.approx(5e-5)]


@pytest.mark.parametrize("lost", [-0.5, 0.0, 0.3])
def test_raw_text_that_costs_as_much_is_no_fault(lost):
    assert find(NAME, texts(lost)) == []


def test_it_needs_twenty_raw_texts():
    with pytest.raises(ValueError, match="19 raw texts"):
        find(NAME, texts(2.0, count=19))


def test_a_model_that_was_trained_from_no_other_says_so():
    with pytest.raises(ValueError, match="it was not trained from another model"):
        find(NAME, judgement(binary()))
