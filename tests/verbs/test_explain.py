"""Explaining: known answers, rows and outputs that are asked for, backgrounds, and what is refused."""

from __future__ import annotations

import json
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban as package
from fitted import Fitted
from luban.core.errors import DataError, UsageError
from luban.verbs.explain import explain, numbers_of
from verbs.program import luban

IRIS = "sample:iris"
FLOWER = pl.DataFrame(
    {
        "sepal length (cm)": [5.1],
        "sepal width (cm)": [3.6],
        "petal length (cm)": [1.4],
        "petal width (cm)": [0.2],
    }
)


@pytest.fixture(scope="module")
def iris(fitted: Fitted) -> package.Bundle:
    return package.load(fitted.bundle("iris"))


def by_definition(bundle: package.Bundle, frame: pl.DataFrame, usual: dict[str, Any], name: str) -> dict[str, float]:
    """Shapley values from every subset of the columns, as their definition says."""
    columns = frame.columns

    def answer(kept: tuple[str, ...]) -> float:
        row = frame.with_columns(pl.lit(usual[c]).alias(c) for c in columns if c not in kept)
        return float(bundle.predict_proba(row)[name].item())

    found = dict.fromkeys(columns, 0.0)
    for column in columns:
        others = [each for each in columns if each != column]
        for size in range(len(columns)):
            for kept in combinations(others, size):
                weight = 1 / (len(columns) * comb(len(columns) - 1, size))
                found[column] += weight * (answer((*kept, column)) - answer(kept))
    return found


def test_attributions_are_shapley_values(iris: package.Bundle) -> None:
    [found] = iris.explain(FLOWER, method="shap")
    usual = iris.answerer.preprocessor.baselines()
    wanted = by_definition(iris, FLOWER, usual, found.output)
    assert {each.unit.name: each.attribution for each in found.attributions} == pytest.approx(wanted, abs=1e-9)
    assert found.completeness_error == pytest.approx(0, abs=1e-9)
    assert [each.standard_error for each in found.attributions] == [0.0] * 4
    assert found.calls == 16
    assert found.value == pytest.approx(iris.predict_proba(FLOWER)[found.output].item())
    assert found.faithfulness is not None


def test_the_largest_attribution_comes_first(iris: package.Bundle) -> None:
    for found in explain(iris, IRIS, rows="0,60,120"):
        sizes = [abs(each.attribution) for each in found.attributions]
        assert sizes == sorted(sizes, reverse=True)


def test_the_document_has_the_keys_that_others_read(iris: package.Bundle) -> None:
    [found] = explain(iris, IRIS, rows=[7]).to_json()["explanations"]
    assert {
        "row",
        "output",
        "prediction",
        "base_value",
        "method",
        "calls",
        "completeness_error",
        "faithfulness",
    } <= set(found)
    assert {"unit", "attribution", "standard_error"} <= set(found["attributions"][0])
    assert found["row"] == 7
    assert json.loads(json.dumps(found)) == found


def test_another_class_can_be_explained(iris: package.Bundle) -> None:
    [said], [other] = iris.explain(FLOWER), iris.explain(FLOWER, output="virginica")
    assert (said.output, other.output) == ("setosa", "virginica")
    assert other.prediction == "setosa"
    with pytest.raises(UsageError, match=r"no class is called 'virginia'.*virginica"):
        iris.explain(FLOWER, output="virginia")


def test_log_odds_add_up_as_probabilities_do(iris: package.Bundle) -> None:
    [found] = iris.explain(FLOWER, method="shap", log_odds=True)
    share = iris.predict_proba(FLOWER)["setosa"].item()
    assert found.scale == "log-odds"
    assert found.value == pytest.approx(np.log(share / (1 - share)))
    assert found.base_value + sum(each.attribution for each in found.attributions) == pytest.approx(found.value)


def test_log_odds_are_for_probabilities(fitted: Fitted) -> None:
    with pytest.raises(UsageError, match="no probabilities"):
        explain(fitted.bundle("diabetes"), "sample:diabetes", rows=[0], log_odds=True)


def test_values_are_explained_in_their_unit(fitted: Fitted) -> None:
    bundle = package.load(fitted.bundle("diabetes"))
    [found] = explain(bundle, "sample:diabetes", rows=[0], method="shap")
    assert (found.scale, found.output) == ("value", "progression")
    assert found.value == pytest.approx(found.prediction)
    with pytest.raises(UsageError, match="'progression'"):
        explain(bundle, "sample:diabetes", rows=[0], output="weight")


def test_a_background_takes_the_place_of_usual_values(iris: package.Bundle, tmp_path: Path) -> None:
    background = pl.read_csv(luban("sample", "iris").lines[0])
    path = tmp_path / "background.csv"
    background.write_csv(path)
    [found] = iris.explain(FLOWER, method="shap", background=path)
    mean = iris.predict_proba(background)["setosa"].mean()
    assert found.base_value == pytest.approx(mean, abs=0.02), "one hundred rows of 150 stand for all"
    assert found.base_value != iris.explain(FLOWER, method="shap")[0].base_value


def test_a_background_of_other_columns_is_refused(iris: package.Bundle, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError) as told:
        iris.explain(FLOWER, background=path)
    assert "the background" in str(told.value.where) and "other.csv" in str(told.value.where)


def test_too_few_calls_are_refused_with_the_number_that_would_do(fitted: Fitted) -> None:
    with pytest.raises(UsageError) as told:
        explain(fitted.bundle("cancer"), "sample:breast-cancer", rows=[0], method="shap", calls=20)
    assert told.value.fix == "allow 60 calls or more"


def test_more_calls_have_a_smaller_error(fitted: Fitted) -> None:
    asked = {"rows": [0], "method": "shap"}
    few, many = (explain(fitted.bundle("cancer"), "sample:breast-cancer", calls=n, **asked)[0] for n in (80, 900))
    largest = [max(each.standard_error or 0 for each in found.attributions) for found in (few, many)]
    assert (few.calls, many.calls) == (80, 900)
    assert largest[1] < largest[0]


def test_an_error_that_is_reached_ends_the_calls(fitted: Fitted) -> None:
    asked = {"rows": [0], "method": "shap", "calls": 2_000}
    [found] = explain(fitted.bundle("cancer"), "sample:breast-cancer", error=0.05, **asked)
    assert found.calls < 2_000
    assert max(each.standard_error or 0 for each in found.attributions) <= 0.05


@pytest.mark.parametrize(
    ("asked", "told"), [("3-1", "'3-1' names no rows"), ("a", "'a' names no rows"), ("1,,2", "'' names no rows")]
)
def test_texts_that_name_no_rows(asked: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        numbers_of(asked)


def test_a_row_that_is_not_there(iris: package.Bundle) -> None:
    with pytest.raises(UsageError, match="there is no row 150: the last one is 149"):
        explain(iris, IRIS, rows="149,150")


def test_a_row_outside_the_schema_is_named(iris: package.Bundle) -> None:
    with pytest.raises(DataError, match="sepal width"):
        iris.explain(FLOWER.with_columns(pl.Series("sepal width (cm)", ["wide"])))


def test_a_method_that_is_not_there(iris: package.Bundle) -> None:
    with pytest.raises(UsageError, match=r"no explainer is called 'shapp'.*shap"):
        iris.explain(FLOWER, method="shapp")


def test_the_program_tells_it_in_lines_and_in_json(iris: package.Bundle) -> None:
    assert iris.path is not None
    told = luban("explain", iris.path, IRIS, "--rows", "0")
    assert told.code == 0
    assert told.lines[0].startswith("row 0  setosa")
    assert any(line.lstrip().startswith("petal length") for line in told.lines)
    assert "the model" in told.lines[-1]
    first = luban("explain", iris.path, IRIS, "--json")
    assert len(first.document["explanations"]) == 10
    assert "the first 10 rows are explained" in luban("explain", iris.path, IRIS).err


def test_the_page_is_named_last(iris: package.Bundle, tmp_path: Path) -> None:
    assert iris.path is not None
    told = luban("explain", iris.path, IRIS, "--rows", "0", "--html", tmp_path / "why.html")
    assert told.lines[-1] == f"page    {tmp_path / 'why.html'}"
    assert "Why iris answers so" in (tmp_path / "why.html").read_text(encoding="utf-8")


def test_a_notebook_shows_the_rows_with_their_pictures(iris: package.Bundle, fitted: Fitted) -> None:
    assert "petal length (cm) = 1.4" in iris.explain(FLOWER)._repr_html_()
    notes = explain(fitted.bundle("patients"), fitted.patients, rows=[1], calls=60)
    assert '<div class="shaded">' in notes._repr_html_()
    [((row, column), cut)] = notes.cuts.items()
    assert (row, column) == (1, "notes")
    assert {unit.name for unit in cut.units} == {
        each.unit.name for each in notes[0].attributions if each.unit.column == "notes"
    }
