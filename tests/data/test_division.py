"""Division: which split is chosen and why, who is left out, and that no training row is a test row."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from luban.core import registry
from luban.core.errors import DataError, UsageError
from luban.data.division import divide, folds
from luban.recipe.edit import with_values
from luban.recipe.recipe import Recipe
from luban.schema.schema import Column, Schema


def schema(**columns):
    return Schema(tuple(Column(name, kind, role, "as told", "") for name, (kind, role) in columns.items()))


def recipe(**values):
    return Recipe.model_validate(with_values(Recipe(target="y").model_dump(mode="json"), values))


def binary(frame, columns, asked=None, **options):
    task = registry.find("tasks", "binary")
    target = task.encode(frame["y"], ("0", "1"))
    return divide(frame.lazy(), columns, asked or recipe(), task, target, len(frame), **options)


FRAME = pl.DataFrame({"a": np.arange(100) // 2, "who": np.arange(100) // 5, "y": np.arange(100) % 2})
PLAIN = {"a": ("number", "input"), "y": ("number", "target")}


def test_classes_are_stratified_and_the_reason_says_so():
    division = binary(FRAME, schema(**PLAIN))
    assert (division.split, len(division.train), len(division.test)) == ("stratified", 80, 20)
    assert "share" in division.reason
    assert not set(division.train) & set(division.test)


def test_a_group_column_keeps_its_rows_together():
    division = binary(FRAME, schema(**PLAIN, who=("category", "group")))
    assert division.split == "group"
    assert not set(division.train // 5) & set(division.test // 5)
    assert "'who'" in division.reason


def test_an_order_column_tests_the_latest_rows():
    frame = FRAME.with_columns(day=pl.Series(np.arange(100)[::-1].copy()))
    division = binary(frame, schema(**PLAIN, day=("number", "time")))
    assert division.split == "time"
    assert division.test.tolist() == list(range(20))


def test_texts_of_dates_order_rows():
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 4, 9), eager=True).dt.to_string("%Y-%m-%d")
    division = binary(FRAME.with_columns(day=days), schema(**PLAIN, day=("datetime", "time")))
    assert division.test.tolist() == list(range(80, 100))


def test_a_course_in_time_is_a_forecast_and_noise_is_not():
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 4, 9), eager=True)
    task = registry.find("tasks", "regression")
    columns = schema(day=("datetime", "input"), y=("number", "target"))
    noise = np.random.default_rng(0).normal(size=100)
    for target, expected in ((np.cumsum(noise), "time"), (noise, "random")):
        frame = pl.DataFrame({"day": days, "y": target})
        assert divide(frame.lazy(), columns, recipe(), task, target, 100).split == expected


@pytest.mark.parametrize(
    ("asked", "missing"),
    [({"split.kind": "group"}, "--group"), ({"split.kind": "time"}, "--order")],
)
def test_a_split_without_its_column_names_the_option(asked, missing):
    with pytest.raises(UsageError) as raised:
        binary(FRAME, schema(**PLAIN), recipe(**asked))
    assert missing in raised.value.fix


def test_options_of_the_split_do_something():
    columns = schema(**PLAIN)
    usual = binary(FRAME, columns)
    assert len(binary(FRAME, columns, recipe(**{"split.test": 0.4})).test) == 40
    assert binary(FRAME, columns, recipe(**{"split.kind": "random"})).split == "random"
    assert binary(FRAME, columns, recipe(seed=1)).test.tolist() != usual.test.tolist()


def test_rows_without_a_target_are_counted_and_listed():
    frame = FRAME.with_columns(y=pl.when(pl.int_range(100) < 3).then(None).otherwise(pl.col("y")))
    division = binary(frame, schema(**PLAIN))
    assert division.dropped == {"no target": 3}
    assert division.listed == ((0, "no target"), (1, "no target"), (2, "no target"))
    assert len(division.train) + len(division.test) == 97


def test_test_rows_that_copy_training_rows_can_be_left_out():
    division = binary(FRAME, schema(**PLAIN), recipe(**{"split.duplicates": "drop"}))
    train = set(FRAME["a"].to_numpy()[division.train])
    assert not train & set(FRAME["a"].to_numpy()[division.test])
    kept = binary(FRAME, schema(**PLAIN))
    assert len(kept.test) - len(division.test) == division.dropped["a test row that copies a training row"] > 0


def test_given_test_rows_are_used_and_given_validation_rows_never_test():
    division = binary(FRAME, schema(**PLAIN), given=np.arange(90, 100))
    assert division.split == "given" and division.test.tolist() == list(range(90, 100))
    division = binary(FRAME, schema(**PLAIN), kept=np.arange(50))
    assert division.test.min() >= 50


def test_too_few_rows_are_told():
    with pytest.raises(DataError, match="8 rows can be used, and at least 10 are needed"):
        binary(FRAME.head(8), schema(**PLAIN))


def test_folds_follow_the_split():
    division = binary(FRAME, schema(**PLAIN, who=("category", "group")))
    target = FRAME["y"].to_numpy()
    fold = folds(division, target, registry.find("tasks", "binary"), 4, 0)
    groups = division.train // 5
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups))
