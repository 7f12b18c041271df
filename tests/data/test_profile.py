"""The profile: figures that agree with the data, and JSON whatever the data is."""

from __future__ import annotations

import json
import math

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
    ("values", "told"),
    [
        ([1e308, -1e308, 1.0], {"min": -1e308, "median": 1.0, "max": 1e308, "mean": 0.0, "sd": 1e308 * (2 / 3) ** 0.5}),
        ([1.7e308, 1.7e308, 0.0], {"min": 0.0, "median": 1.7e308, "max": 1.7e308, "mean": 1.7e308 / 3 * 2}),
        (
            [1.7e308] * 50 + [-1.7e308] * 50,
            {"min": -1.7e308, "median": 0.0, "max": 1.7e308, "sd": 1.7e308},
        ),
        ([float("inf"), 1.0, 2.0], {"min": 1.0, "median": 1.5, "max": 2.0}),
        ([float("inf")] * 3, {}),
        ([None] * 3, {}),
        ([5e-324, 0.0, 1e-320], {"min": 0.0, "median": 5e-324, "max": 1e-320}),
        ([[1.0], [2.0], None], {}),
        (["x" * 500, "y", "z"], {"top": [["x" * 60 + "...", 1], ["y", 1], ["z", 1]]}),
        ([0.1, 0.1, 0.1], {"min": 0.1, "median": 0.1, "max": 0.1, "mean": 0.1}),
        ([2**62, -(2**62), 0], {"min": -(2.0**62), "median": 0.0, "max": 2.0**62, "mean": 0.0}),
    ],
)
def test_strange_values_are_told_as_they_are_and_still_make_json(values: list[object], told: dict[str, object]) -> None:
    dataset = open_dataset({"a": values})
    [column] = json.loads(json.dumps(profile(dataset, dataset.schema), allow_nan=False))["columns"]
    summary = column["summary"]
    assert {name: summary[name] for name in told} == (told if "top" in told else pytest.approx(told, rel=1e-15, abs=0))
    assert bool(summary) == bool(told)
    if "histogram" in summary:
        edges = summary["histogram"]["edges"]
        assert sum(summary["histogram"]["counts"]) == sum(math.isfinite(value) for value in values)  # type: ignore[arg-type]
        assert edges == sorted(edges) and edges[0] <= summary["min"] <= summary["max"] <= edges[-1]
