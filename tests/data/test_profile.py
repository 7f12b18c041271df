"""The profile: figures that agree with the data, and JSON whatever the data is."""

from __future__ import annotations

import json

import pytest

from luban.data import roles
from luban.data.open import open_dataset
from luban.data.profile import profile
from luban.recipe.recipe import Recipe


def test_the_figures_of_each_data_type() -> None:
    table = {
        "size": [1.0, 2.0, 3.0, 6.0, None],
        "town": ["Ulm", "Ulm", "Bonn", None, "Ulm"],
        "when": ["2024-01-02", "2024-01-05", "2024-01-03", "2024-01-03", "2024-01-03"],
        "y": [0, 1, 0, 1, 0],
    }
    dataset = open_dataset(table)
    document = profile(dataset, roles.assign(dataset, Recipe(target="y")))
    columns = {column["name"]: column for column in document["columns"]}
    assert (document["rows"], document["name"], columns["y"]["role"]) == (5, "data", "target")
    size = columns["size"]["summary"]
    assert (size["min"], size["median"], size["max"], size["mean"]) == (1.0, 2.5, 6.0, 3.0)
    assert sum(size["histogram"]["counts"]) == 4
    assert columns["town"]["summary"] == {"top": [["Ulm", 3], ["Bonn", 1]]}
    assert columns["when"]["summary"]["max"].startswith("2024-01-05")
    assert columns["size"]["missing"] == 0.2


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, 1.0],
        [float("inf"), 1.0, 2.0],
        [float("inf")] * 3,
        [None] * 3,
        [5e-324, 0.0, 1e-320],
        [[1.0], [2.0], None],
        ["x" * 500, "y", "z"],
        [0.1, 0.1, 0.1],
        [2**62, -(2**62), 0],
    ],
)
def test_strange_values_still_make_json(values: list[object]) -> None:
    dataset = open_dataset({"a": values})
    json.dumps(profile(dataset, dataset.schema), allow_nan=False)
