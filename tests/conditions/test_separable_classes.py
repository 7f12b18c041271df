"""Classes that a linear model separates completely, with and without a penalty."""

import numpy as np
import pytest

from conditions.judged import binary, find, judgement
from luban.evidence.judgement import Design, Told

NAME = "separable-classes"


def linear(told, penalty=0.0):
    before, nothing = "l2" if penalty else "none", np.zeros((len(told.target), 0))
    made = Design((), nothing, penalty, told.target, told.outputs, "model.linear.penalty", before)
    return judgement(told, design=made)


def separated():
    target = np.arange(100) % 2
    return Told(target, np.stack([1.0 - target, target], axis=1))


def test_complete_separation_without_a_penalty_is_found():
    (found,) = find(NAME, linear(separated()))
    assert [(edit.before, edit.after) for edit in found.edits] == [("none", "l2")]


def test_with_a_penalty_it_is_good_luck():
    assert find(NAME, linear(separated(), penalty=1.0)) == []


def test_one_row_on_the_wrong_side_keeps_the_weights_finite():
    told = separated()
    told.target[0] = 1
    assert find(NAME, linear(told)) == []


def test_of_another_model_nothing_is_known():
    with pytest.raises(ValueError, match="no linear model answers alone"):
        find(NAME, judgement(binary()))
