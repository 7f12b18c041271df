"""Rows that must fit a schema: harmless differences are read, others are named with column and row."""

from __future__ import annotations

import time

import polars as pl
import pytest

from luban.core.errors import DataError
from luban.data import check, roles
from luban.data.open import open_dataset
from luban.features.boolean import FEW
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema

TRAIN = pl.DataFrame(
    {
        "age": [31, 40] * 10,
        "size": [1.5, 2.5] * 10,
        "town": ["Ulm", "Bonn"] * 10,
        "code": pl.Series([7, 8] * 10),
        "smokes": ["yes", "no"] * 10,
        "when": ["2024-01-02", "2024-03-04"] * 10,
        "seen": pl.Series(["2024-01-02", "2024-03-04"] * 10).str.to_date(),
        "y": ["a", "b"] * 10,
    }
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return roles.assign(open_dataset(TRAIN, columns={"code": "category"}), Recipe(target="y"))


def test_the_rows_that_were_learned_from_fit(schema: Schema) -> None:
    rows = check.conform(TRAIN, schema, where="x")
    assert rows.columns == ["age", "size", "town", "code", "smokes", "when", "seen"]
    assert rows.equals(TRAIN.drop("y"))
    assert check.conform(rows, schema, where="x") is rows


def test_order_and_other_columns_do_not_matter(schema: Schema) -> None:
    mixed = TRAIN.select(reversed(TRAIN.columns)).with_columns(extra=1)
    assert check.conform(mixed, schema, where="x").equals(TRAIN.drop("y"))


def test_texts_and_decimals_are_read_as_the_schema_has_them(schema: Schema) -> None:
    texts = TRAIN.cast(pl.String).with_columns(pl.col("code").cast(pl.Float64), pl.col("town").cast(pl.Categorical))
    read = check.conform(texts, schema, where="x")
    assert read["code"].dtype == pl.Int64
    assert read["age"].to_list() == TRAIN["age"].to_list()
    assert read["town"].equals(TRAIN["town"])
    assert read["seen"].cast(pl.Date).equals(TRAIN["seen"])


@pytest.mark.parametrize("word", ["", "NA", "null", "NaN", "?"])
def test_words_for_missing_numbers_are_missing(schema: Schema, word: str) -> None:
    rows = TRAIN.head(2).with_columns(age=pl.Series(["31", word]))
    assert check.conform(rows, schema, where="x")["age"].to_list() == [31.0, None]


def test_words_for_missing_categories_are_missing_in_few_rows_and_in_many(schema: Schema) -> None:
    towns = pl.DataFrame({"town": ["Ulm", "NA", None, "Bonn"] * FEW})
    for size in (4, len(towns)):
        rows = pl.concat([TRAIN[:1].drop("town")] * size).with_columns(towns["town"][:size])
        assert check.conform(rows, schema, where="x")["town"].to_list()[:4] == ["Ulm", None, None, "Bonn"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("age", "old", "'old' is not a number."),
        ("smokes", "perhaps", "'perhaps' is not a yes or no."),
        ("when", "soon", "'soon' is not a date or time."),
        ("seen", "soon", "'soon' is not a date or time."),
    ],
)
def test_unreadable_values_are_named_with_column_and_row(schema: Schema, column: str, value: str, message: str) -> None:
    values = [*TRAIN[column].cast(pl.String).to_list()[:3], value]
    rows = TRAIN.head(4).with_columns(pl.Series(column, values))
    with pytest.raises(DataError) as caught:
        check.conform(rows, schema, where="new.csv", first_row=100)
    assert caught.value.message == message
    assert caught.value.where == f"new.csv, column '{column}', row 103"


def test_a_missing_column_names_the_near_one(schema: Schema) -> None:
    with pytest.raises(DataError, match=r"the column 'size' is missing\. Did you mean 'Size'\?"):
        check.conform(TRAIN.rename({"size": "Size"}), schema, where="new.csv")


def test_one_row_of_thirty_columns_takes_little_time() -> None:
    dataset = open_dataset("sample:breast-cancer")
    schema = roles.assign(dataset, Recipe(target="diagnosis"))
    row = dataset.frame.head(1).collect()
    check.conform(row, schema, where="x")
    times = []
    for _ in range(50):
        started = time.process_time_ns()
        check.conform(row, schema, where="x")
        times.append(time.process_time_ns() - started)
    # Measured 0.12 ms; the bound leaves room for a busy machine.
    assert sorted(times)[25] < 1_000_000
