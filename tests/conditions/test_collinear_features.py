"""Number columns that follow from each other, in a linear model."""

import numpy as np
import pytest

from conditions.judged import binary, find, judgement
from luban.evidence.judgement import Design

NAME = "collinear-features"


def design(copied=None, penalty=0.0, rows=400):
    """Four columns, and one that copies the first but for so much."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 4))
    if copied is not None:
        numbers = np.column_stack([numbers, numbers[:, 0] + random.normal(size=rows) * copied])
    standard = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    names = tuple("abcde"[: standard.shape[1]])
    told = binary(rows)
    before = "l2" if penalty else "none"
    made = Design(names, standard, penalty, told.target, told.outputs, "model.linear.penalty", before)
    return judgement(told, design=made)


@pytest.mark.parametrize("copied", [0.0, 1e-4])
def test_a_copied_column_is_found_and_a_penalty_advised(copied):
    (found,) = find(NAME, design(copied))
    assert found.evidence.value > found.evidence.threshold == 1_000
    assert "'a'" in found.text and "'e'" in found.text and "'b'" not in found.text
    assert [(edit.path, edit.after) for edit in found.edits] == [("model.linear.penalty", "l2")]


def test_columns_of_their_own_are_no_fault():
    assert find(NAME, design()) == []


def test_a_penalty_determines_the_weights_even_of_a_copy():
    assert find(NAME, design(0.0, penalty=1.0)) == []


def test_few_rows_and_other_models_tell_nothing():
    with pytest.raises(ValueError, match="too few"):
        find(NAME, design(0.0, rows=9))
    with pytest.raises(ValueError, match="no linear model answers alone"):
        find(NAME, judgement(binary()))
