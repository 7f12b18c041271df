"""Explanations that a bundle carries: typical and worst test rows, as `explain` gives them, and reasons for none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import luban as package
from fitted import Fitted
from luban.verbs.explain import explain

ASKED = {"iris": "sample:iris", "diabetes": "sample:diabetes"}


def carried(bundle: package.Bundle) -> Any:
    return bundle.stored.evidence["explanations"]


@pytest.mark.parametrize("name", ASKED)
def test_three_typical_and_three_worst_rows_are_explained(name: str, fitted: Fitted) -> None:
    found = carried(package.load(fitted.bundle(name)))
    typical, worst = found["typical"], found["worst"]
    assert (len(typical), len(worst), found["reason"]) == (3, 3, "")
    assert max(each["loss"] for each in typical) <= min(each["loss"] for each in worst)
    assert len({each["row"] for each in [*typical, *worst]}) == 6


@pytest.mark.parametrize("name", ASKED)
def test_they_are_what_explain_says_of_these_rows(name: str, fitted: Fitted) -> None:
    bundle = package.load(fitted.bundle(name))
    for each in carried(bundle)["worst"]:
        [again] = explain(bundle, ASKED[name], rows=[each["row"]]).to_json()["explanations"]
        told = [{one["unit"]: one["attribution"] for one in found["attributions"]} for found in (again, each)]
        assert told[0] == pytest.approx(told[1], rel=1e-6)
        assert again["prediction"] == each["prediction"]


def test_the_loss_of_a_value_is_its_error(fitted: Fitted) -> None:
    import polars as pl

    from verbs.program import luban

    bundle = package.load(fitted.bundle("diabetes"))
    rows = pl.read_csv(luban("sample", "diabetes").lines[0])
    for each in carried(bundle)["worst"]:
        assert each["loss"] == pytest.approx(abs(rows["progression"][each["row"]] - each["prediction"]))


def test_where_none_are_shown_the_reason_is_told(tmp_path: Path) -> None:
    frame = {"x": [float(i) for i in range(12)], "y": [2.0 * i for i in range(12)]}
    bundle = package.fit(
        frame, target="y", model="linear", set={"split.test": 0.2}, repair="off", out=tmp_path / "few.luban"
    )
    assert carried(bundle) == {"typical": [], "worst": [], "reason": "there are too few test rows"}
