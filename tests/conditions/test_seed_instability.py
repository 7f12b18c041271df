"""A score that depends on the seed."""

import pytest

from conditions.judged import binary, find, judgement, sound
from luban.evidence.judgement import Runs

NAME = "seed-instability"


def runs(*scores, metric="accuracy", baseline=0.5):
    return judgement(binary(), runs=Runs(metric, scores, baseline), settings={"model.names": ["mlp"]})


def test_scores_that_vary_by_much_of_their_gain_are_found():
    (found,) = find(NAME, runs(0.62, 0.75, 0.55))
    assert found.evidence.value > found.evidence.threshold == 0.25
    assert [edit.after for edit in found.edits] == [["auto"]]


def test_scores_that_agree_are_no_fault():
    assert find(NAME, sound()) == []
    assert find(NAME, runs(0.70, 0.72, 0.71)) == []


def test_of_losses_a_gain_is_a_fall():
    assert find(NAME, runs(0.35, 0.36, 0.35, metric="log-loss", baseline=0.69)) == []
    assert len(find(NAME, runs(0.40, 0.62, 0.50, metric="log-loss", baseline=0.69))) == 1


def test_where_nothing_is_gained_nothing_is_said():
    assert find(NAME, runs(0.50, 0.52, 0.48)) == []


def test_one_training_tells_nothing():
    with pytest.raises(ValueError, match="it was trained once"):
        find(NAME, judgement(binary()))
    with pytest.raises(ValueError, match="there were 2"):
        find(NAME, runs(0.6, 0.7))
