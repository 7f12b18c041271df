"""A part of the rows that is answered much worse than the rest."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from conditions.judged import ROWS, binary, find, judgement, sound, values
from luban.evidence.judgement import Slice, Told
from luban.schema.schema import Column, Schema
from luban.verbs.judging import slices

NAME = "underperforming-group"
ULM = np.arange(ROWS) % 5 == 0


def town(inside=ULM):
    return (Slice("town", "'town' is 'Ulm'", inside),)


def turned(inside=ULM):
    """Confident answers, of which those inside are the wrong way round."""
    random = np.random.default_rng(0)
    target = random.integers(0, 2, ROWS)
    said = np.where(inside & (random.random(ROWS) < 0.6), 1 - target, target)
    return Told(target, np.stack([1.0 - said, said], axis=1) * 0.9 + 0.05)


def test_a_part_with_wrong_answers_is_named_with_its_column():
    (found,) = find(NAME, judgement(turned(), slices=town()))
    assert found.where.column == "town" and "'town' is 'Ulm'" in found.text
    assert found.evidence.value > found.evidence.threshold == 0.15
    assert found.evidence.n == 200


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_parts_that_are_answered_alike_are_no_fault(task):
    assert find(NAME, sound(task)) == []


def test_rows_about_which_the_model_is_unsure_itself_are_no_surprise():
    target = np.random.default_rng(0).integers(0, 2, ROWS)
    said = np.where(ULM, 0.5 + 0.01 * np.random.default_rng(1).choice([-1, 1], ROWS), np.where(target == 1, 0.98, 0.02))
    assert find(NAME, judgement(Told(target, np.stack([1 - said, said], axis=1)), slices=town())) == []


def test_values_that_are_missed_by_far_in_a_part():
    told = values()
    moved = Told(told.target, told.outputs + np.where(ULM, 2.0, 0.0)[:, None])
    (found,) = find(NAME, judgement(moved, "regression", slices=town()))
    assert "of that of a constant answer" in found.text


def test_chance_in_one_of_many_parts_is_no_fault():
    random = np.random.default_rng(3)
    many = tuple(Slice("code", f"'code' is '{place}'", random.random(ROWS) < 0.06) for place in range(200))
    assert find(NAME, judgement(binary(), slices=many)) == []


def test_a_part_of_less_than_a_twentieth_is_not_judged():
    small = np.arange(ROWS) < 49
    with pytest.raises(ValueError, match="5% or more"):
        find(NAME, judgement(turned(small), slices=town(small)))


def test_without_columns_the_reason_is_told():
    with pytest.raises(ValueError, match="no column"):
        find(NAME, replace(judgement(binary()), slices=None))


def test_columns_part_rows_by_their_values_and_by_what_is_missing():
    frame = pl.DataFrame({"town": ["Ulm", "Bonn", None, "Ulm"], "age": [1.0, 2.0, 3.0, None], "y": [0, 1, 0, 1]})
    schema = Schema(
        tuple(
            Column(name, kind, role, "", dtype, 0.0, 3)
            for name, kind, role, dtype in (
                ("town", "category", "input", "String"),
                ("age", "number", "input", "Float64"),
                ("y", "number", "target", "Int64"),
            )
        )
    )
    found = {part.what: part.inside.tolist() for part in slices(frame, schema, 5)}
    assert found["'town' is 'Ulm'"] == [True, False, False, True, False]
    assert found["'town' is missing"] == [False, False, True, False, False]
    assert found["'age' is 2"] == [False, True, False, False, False]
    assert not any("'y'" in what for what in found)
    # Ranges of a number are no groups: there classes overlap by nature.
    assert slices(pl.DataFrame({"age": np.arange(100.0)}), schema, 100) == ()
