"""Rows with units left out: what is mixed as numbers is what is written and encoded, and usual values are usual."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban as package
from fitted import Fitted, patients
from luban.runtime import masking
from luban.verbs import explained

FLOWERS = pl.DataFrame(
    {
        "sepal length (cm)": [5.1, 6.7],
        "sepal width (cm)": [3.5, 3.1],
        "petal length (cm)": [1.4, 5.6],
        "petal width (cm)": [0.2, 2.4],
    }
)


def parts(bundle: package.Bundle, frame: pl.DataFrame, reference: pl.DataFrame | None = None) -> masking.Masking:
    answerer = bundle.answerer
    rows = answerer.read(frame)
    usual = masking.usual(answerer.preprocessor, rows) if reference is None else answerer.read(reference)
    asked = explained.outputs(answerer, answerer.said(rows), None)
    taken = [masking.taken_apart(rows[i : i + 1], answerer.preprocessor, usual, 40) for i in range(len(rows))]
    return masking.Masking(
        taken,
        answerer.preprocessor,
        lambda inputs, game: asked[game].score(answerer.task.answers(answerer.outputs(inputs))),
        usual,
    )


def every(units: int) -> Any:
    return (np.arange(2**units)[:, None] >> np.arange(units)) & 1 == 1


@pytest.fixture(scope="module")
def iris(fitted: Fitted) -> package.Bundle:
    return package.load(fitted.bundle("iris"))


def test_all_units_are_the_row_and_none_is_the_usual_row(iris: package.Bundle) -> None:
    values = parts(iris, FLOWERS)
    told = values(np.array([[True] * 4, [False] * 4]), np.array([0, 1]))
    answerer = iris.answerer
    usual = masking.usual(answerer.preprocessor, answerer.read(FLOWERS))
    for game, (row, name) in enumerate(zip(FLOWERS.iter_rows(named=True), iris.predict(FLOWERS), strict=True)):
        whole = iris.predict_proba(pl.DataFrame([row]))[name].item()
        nothing = iris.predict_proba(usual)[name].item()
        assert told[:, game] == pytest.approx([whole, nothing])


def test_what_is_mixed_as_numbers_is_what_is_written_and_encoded(iris: package.Bundle) -> None:
    for reference in (None, pl.concat([FLOWERS, FLOWERS.select(pl.all() * 1.1)])):
        values = parts(iris, FLOWERS, reference)
        coalitions = every(4)
        mixed = values(coalitions, np.array([0, 1]))
        for game, row in enumerate(values.rows):
            written = values._written(row, coalitions, game)
            assert mixed[:, game] == pytest.approx(written, abs=1e-9)


def test_a_background_is_averaged_over(iris: package.Bundle) -> None:
    background = pl.concat([FLOWERS, FLOWERS.select(pl.all() + 0.5)])
    values = parts(iris, FLOWERS[:1], background)
    [name] = iris.predict(FLOWERS[:1])
    told = values(np.array([[True, False, False, False]]), np.array([0]))[0, 0]
    mixed = background.with_columns(pl.lit(5.1).alias("sepal length (cm)"))
    assert told == pytest.approx(iris.predict_proba(mixed)[name].mean())


def test_a_column_with_its_usual_value_is_no_unit(iris: package.Bundle) -> None:
    answerer = iris.answerer
    usual = masking.usual(answerer.preprocessor, answerer.read(FLOWERS))
    row = answerer.read(FLOWERS[:1]).with_columns(usual["petal width (cm)"])
    taken = masking.taken_apart(row, answerer.preprocessor, usual, 40)
    assert [unit.name for unit in taken.units] == ["sepal length (cm)", "sepal width (cm)", "petal length (cm)"]
    assert [unit.value for unit in taken.units] == ["5.1", "3.5", "1.4"]


def test_columns_of_every_kind_are_left_out(fitted: Fitted) -> None:
    bundle = package.load(fitted.bundle("patients"))
    frame = pl.read_csv(patients().encode())[1:2]
    values = parts(bundle, frame)
    [taken] = values.rows
    assert {unit.column for unit in taken.units} <= set(frame.columns)
    units = len(taken.units)
    told = values(np.array([[True] * units, [False] * units]), np.array([0]))
    [name] = bundle.predict(frame)
    assert told[0, 0] == pytest.approx(bundle.predict_proba(frame)[name].item())
    usual = bundle.answerer.read(values.reference)
    assert told[1, 0] == pytest.approx(bundle.predict_proba(usual)[name].item())


def test_the_other_units_stay_as_they_are(iris: package.Bundle) -> None:
    values = parts(iris, FLOWERS[:1])
    [taken] = values.rows
    frame = masking.mixture(taken, np.array([[True, False, True, False]]), values.reference)
    assert frame["sepal length (cm)"].item() == 5.1
    assert frame["petal length (cm)"].item() == 1.4
    assert frame["sepal width (cm)"].item() == values.reference["sepal width (cm)"].item()
    assert replace(taken).units == taken.units
