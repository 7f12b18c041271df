"""Roles: what is named gets its role; groups are found by name and repetition only; mistakes name the near column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from luban.core.errors import DataError, UsageError
from luban.data import roles
from luban.data.open import open_dataset
from luban.recipe.recipe import Recipe, Split

RANDOM = np.random.default_rng(1)
ROWS = 200
TABLE = {
    "row": np.arange(ROWS),
    "age": RANDOM.integers(20, 80, ROWS),
    "town": RANDOM.choice(["Ulm", "Bonn"], ROWS),
    "same": np.ones(ROWS),
    "picture": [f"{i}.png" for i in range(ROWS)],
    "when": [f"2024-01-{i % 28 + 1:02}" for i in range(ROWS)],
    "many": RANDOM.random(ROWS),
    "y": RANDOM.integers(0, 2, ROWS),
}


def _roles(table: dict[str, Any], **recipe: Any) -> dict[str, str]:
    schema = roles.assign(open_dataset(table), Recipe(target="y", **recipe))
    assert all(column.reason for column in schema.columns)
    return {column.name: column.role for column in schema.columns}


def test_the_role_of_every_column() -> None:
    assert _roles(TABLE, drop=("town",), weight="many", split=Split(order="when")) == {
        "row": "id",
        "age": "input",
        "town": "ignored",
        "same": "ignored",
        "picture": "input",
        "when": "time",
        "many": "weight",
        "y": "target",
    }


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("patient_id", np.repeat(np.arange(40), 5), "group"),
        ("PatientID", np.repeat([f"p{i}" for i in range(40)], 5), "group"),
        ("user", np.repeat(np.arange(10), 20), "group"),
        ("sample_id", np.repeat(np.arange(20), 10), "group"),
        ("store_id", np.repeat(np.arange(2), 100), "input"),
        ("patient_id", np.arange(ROWS), "id"),
        ("town_code", np.repeat(np.arange(40), 5), "input"),
        ("humid", np.repeat(np.arange(40), 5), "input"),
        ("paid", np.repeat(np.arange(40), 5), "input"),
        ("age", np.repeat(np.arange(40), 5), "input"),
        ("valid", RANDOM.random(ROWS), "input"),
        ("sepal width (cm)", np.repeat(np.arange(40) * 0.1, 5), "input"),
    ],
)
def test_groups_need_a_name_and_repeats(name: str, values: Any, role: str) -> None:
    assert _roles({**TABLE, name: values})[name] == role


def test_persons_group_before_things_and_what_is_asked_before_both() -> None:
    table = {**TABLE, "visit_id": np.repeat(np.arange(100), 2), "patient_id": np.repeat(np.arange(40), 5)}
    found = _roles(table)
    assert (found["patient_id"], found["visit_id"]) == ("group", "input")
    assert _roles(table, split=Split(kind="group", group="visit_id"))["visit_id"] == "group"
    assert "group" not in _roles(table, split=Split(kind="random")).values()


def test_samples_have_no_groups() -> None:
    for name, target in (
        ("breast-cancer", "diagnosis"),
        ("iris", "species"),
        ("wine", "cultivar"),
        ("digits", "digit"),
    ):
        assert roles.assign(open_dataset(f"sample:{name}"), Recipe(target=target)).one("group") is None


def test_a_target_is_neither_an_identifier_nor_a_text() -> None:
    table = {"x": RANDOM.random(ROWS), "y": np.arange(ROWS)}
    assert roles.assign(open_dataset(table), Recipe(target="y"))["y"].kind == "number"
    table["y"] = np.array([f"k{i}" for i in range(ROWS)])
    assert roles.assign(open_dataset(table), Recipe(target="y"))["y"].kind == "category"


def test_the_recipe_sets_data_types() -> None:
    schema = roles.assign(open_dataset(TABLE), Recipe(target="y", columns={"age": "category", "row": "number"}))
    assert (schema["age"].kind, schema["row"].kind, schema["row"].role) == ("category", "number", "input")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(target="yy"), "Did you mean 'y'?"),
        (Recipe(target="y", drop=("tonw",)), "Did you mean 'town'?"),
        (Recipe(target="y", weight="mny"), "Did you mean 'many'?"),
        (Recipe(target="y", split=Split(group="twn")), "Did you mean 'town'?"),
        (Recipe(target="y", columns={"aeg": "number"}), "Did you mean 'age'?"),
        (Recipe(target="y", weight="y"), "named for two purposes"),
        (Recipe(target="y", drop=("y",)), "also left out"),
    ],
)
def test_mistakes_are_usage_errors(recipe: Recipe, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        roles.assign(open_dataset(TABLE), recipe)
    assert message in caught.value.message


def test_a_target_without_values() -> None:
    with pytest.raises(DataError, match="no value in any row"):
        roles.assign(open_dataset({"x": [1, 2], "y": [None, None]}), Recipe(target="y"))
