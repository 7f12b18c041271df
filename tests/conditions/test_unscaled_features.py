"""Columns of unlike scales: told only when scaling is off and a model minds."""

from __future__ import annotations

import polars as pl
import pytest

from conditions.examined import classes, cured, find

NAME = "unscaled-features"
WIDE = classes().with_columns(x2=pl.col("x2") * 5000)


def test_scales_that_differ_are_found_when_scaling_is_off_and_switching_it_on_cures_it():
    (found,) = find(NAME, WIDE, features__scale="none")
    assert (found.severity, found.where.column) == ("warning", "x2")
    assert found.evidence.value > found.evidence.threshold
    assert [(edit.path, edit.after) for edit in found.edits] == [("features.scale", "standard")]
    assert cured(found, WIDE, features__scale="none") == []


@pytest.mark.parametrize("scale", ["standard", "robust"])
def test_scaling_makes_it_no_fault(scale):
    assert find(NAME, WIDE, features__scale=scale) == []


def test_like_scales_are_no_fault():
    assert find(NAME, classes(), features__scale="none") == []


@pytest.mark.parametrize("model", ["random-forest", "gradient_boosting"])
def test_trees_do_not_mind(model):
    assert find(NAME, WIDE, features__scale="none", model__names=[model]) == []


@pytest.mark.parametrize("model", ["svm", "knn", "linear", "mlp", "auto"])
def test_other_models_do(model):
    assert len(find(NAME, WIDE, features__scale="none", model__names=[model])) == 1


def test_long_tails_are_scaled_by_their_quartiles():
    table = classes().with_columns((pl.col(f"x{place}") * 3).exp() for place in range(4))
    (found,) = find(NAME, table, features__scale="none")
    assert found.edits[0].after == "robust"


def test_infinities_and_missing_columns_do_not_decide():
    table = classes().with_columns(x2=pl.lit(float("inf")), x3=pl.lit(None, dtype=pl.Float64))
    assert find(NAME, table, features__scale="none") == []
