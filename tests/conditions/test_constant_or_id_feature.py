"""Constants and row numbers: dropped where a model would see them, mentioned where luban has set them aside."""

from __future__ import annotations

import wave

import numpy as np
import polars as pl
import pytest

from conditions.examined import classes, cured, find

NAME = "constant-or-id-feature"


def numbered(table):
    return np.random.default_rng(7).permutation(len(table)) + 1000


def test_sound_columns_are_no_fault():
    assert find(NAME, classes()) == []


def test_a_constant_that_is_left_out_already_is_a_note():
    (found,) = find(NAME, classes().with_columns(country=pl.lit("DE")))
    assert (found.severity, found.where.column, found.edits) == ("note", "country", ())
    assert (found.evidence.value, found.evidence.threshold) == (1, 2)
    assert "Nothing to do" in found.text


def test_a_row_number_that_is_left_out_already_is_a_note():
    table = classes()
    (found,) = find(NAME, table.with_columns(number=pl.Series(numbered(table))))
    assert (found.severity, found.where.column, found.edits) == ("note", "number", ())
    assert found.evidence.value == found.evidence.threshold == len(table)


@pytest.mark.parametrize(("column", "kind"), [("number", "number"), ("country", "category"), ("code", "category")])
def test_what_a_person_has_made_an_input_is_found_and_dropping_it_cures_it(column, kind):
    table = classes()
    table = table.with_columns(
        number=pl.Series(numbered(table)),
        country=pl.lit("DE"),
        code=pl.Series([f"c{number}x" for number in numbered(table)]),
    )
    asked = {"columns": {column: kind}}
    (found,) = [one for one in find(NAME, table, **asked) if one.where.column == column]
    assert found.severity == "warning"
    assert [(edit.path, edit.after) for edit in found.edits] == [("drop", [column])]
    left = cured(found, table)
    assert column not in {one.where.column for one in left}


def test_whole_numbers_that_are_spread_out_are_amounts():
    table = classes()
    amounts = np.random.default_rng(0).choice(10**6, len(table), replace=False)
    assert find(NAME, table.with_columns(amount=pl.Series(amounts))) == []


def test_numbers_with_fractions_that_never_repeat_are_measurements():
    assert classes()["x0"].n_unique() == len(classes())
    assert find(NAME, classes()) == []


def test_paths_of_sounds_name_no_row(tmp_path):
    table = classes()
    paths = [str(tmp_path / f"{number}.wav") for number in numbered(table)]
    for place, path in enumerate(paths):
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, 8_000, 0, "NONE", ""))
            file.writeframes(np.random.default_rng(place).integers(-99, 99, 400).astype("<i2").tobytes())
    assert find(NAME, table.with_columns(path=pl.Series(paths))) == []


def test_the_only_column_is_never_dropped():
    table = classes().select("y", number=pl.int_range(240))
    (found,) = find(NAME, table, columns={"number": "number"})
    assert found.edits == ()
    assert "no other column would be left" in found.text


def test_a_column_that_is_dropped_already_is_not_told_again():
    table = classes().with_columns(country=pl.lit("DE"))
    assert find(NAME, table, drop=["country"]) == []


def test_more_than_twenty_columns_share_one_finding():
    table = classes().with_columns([pl.lit(place).alias(f"c{place}") for place in range(25)])
    (found,) = find(NAME, table)
    assert "25 columns" in found.text
    assert found.where.column is None
