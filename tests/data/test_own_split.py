"""Data that came split keeps its split: which rows test, what is told, and what cannot be asked beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from luban.core.errors import DataError, UsageError
from luban.data import roles
from luban.data.dataset import Dataset
from luban.data.open import open_dataset
from luban.recipe.recipe import Recipe, Split
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given

TEST, VALIDATION = range(0, 100, 5), range(1, 100, 10)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUBAN_CACHE", str(tmp_path / "cache"))


def _data(*, tests: bool = True, validates: bool = True) -> Dataset:
    """A hundred rows that came split."""
    parts = np.full(100, "train", dtype=object)
    parts[list(TEST)] = "test" if tests else "train"
    parts[list(VALIDATION)] = "validation" if validates else "train"
    random = np.random.default_rng(0)
    table = pl.DataFrame(
        {"x": random.normal(size=100), "y": random.choice(["a", "b"], 100), "split": parts.astype(str)}
    )
    return replace(open_dataset(table), split="split", where="pictures/")


def test_the_column_gets_the_role_split_and_is_no_input() -> None:
    schema = roles.assign(_data(), Recipe(target="y"))
    assert (schema["split"].role, schema["split"].reason) == ("split", "the data came split")
    assert [column.name for column in schema.inputs] == ["x"]


def test_a_column_that_is_only_called_split_is_an_input() -> None:
    table = {"x": np.arange(20) * 0.5, "split": ["train", "test"] * 10, "y": ["a", "b"] * 10}
    schema = roles.assign(open_dataset(table), Recipe(target="y"))
    assert schema["split"].role == "input"


def test_its_rows_test_and_validate() -> None:
    prepared = prepare(_data(), Given(), Recipe(target="y"))
    assert prepared.division.test.tolist() == list(TEST)
    assert prepared.validation is not None and prepared.validation.tolist() == list(VALIDATION)
    assert (prepared.division.split, prepared.division.reason) == ("given", "the data came split")
    assert set(prepared.division.train) == set(range(100)) - set(TEST)
    assert "split" not in prepared.frame.collect_schema().names()


def test_without_test_rows_of_its_own_they_are_held_out_and_validation_rows_never_test() -> None:
    prepared = prepare(_data(tests=False), Given(), Recipe(target="y"))
    assert prepared.division.split == "stratified"
    assert not set(prepared.division.test) & set(VALIDATION)
    assert prepared.validation is not None and set(prepared.validation) == set(VALIDATION)


def test_another_split_can_be_asked_for() -> None:
    prepared = prepare(_data(), Given(), Recipe(target="y", split=Split(kind="random")))
    assert prepared.division.split == "random"
    assert prepared.division.test.tolist() != list(TEST)
    assert prepared.schema["split"].role == "ignored"
    assert "split.kind=random" in prepared.schema["split"].reason


@pytest.mark.parametrize("option", ["test", "validation"])
def test_rows_given_beside_its_own_are_an_error_that_names_both(option: str) -> None:
    other = replace(open_dataset({"x": [0.5], "y": ["a"]}), where="other.csv")
    with pytest.raises(UsageError) as raised:
        prepare(_data(), Given(**{option: other}), Recipe(target="y"))
    assert raised.value.where == f"--{option}"
    assert "'split' in pictures/" in raised.value.message and "other.csv" in raised.value.message


def test_rows_given_where_it_has_none_of_its_own_are_taken() -> None:
    other = open_dataset({"x": [0.5, 1.5], "y": ["a", "b"]})
    prepared = prepare(_data(validates=False), Given(validation=other), Recipe(target="y"))
    assert prepared.division.test.tolist() == list(TEST)
    assert prepared.validation is not None and prepared.validation.tolist() == [100, 101]
    prepared = prepare(_data(tests=False), Given(test=other), Recipe(target="y"))
    assert prepared.division.test.tolist() == [100, 101]
    assert prepared.division.reason == "the test rows were given"


def test_a_split_without_training_rows_is_told() -> None:
    data = _data()
    with pytest.raises(DataError, match="no row is one to train on"):
        prepare(replace(data, frame=data.frame.with_columns(split=pl.lit("test"))), Given(), Recipe(target="y"))
