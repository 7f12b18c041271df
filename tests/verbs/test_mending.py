"""`luban fit` tries an edit for what it found in answers, and keeps it where it helps; its recipe repeats that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban
from luban.verbs.bundle import Bundle

STIFF = {"model.linear.C": 1e-5, "split.folds": 3, "train.repeats": 1}


def table(rows: int = 240, seed: int = 0) -> pl.DataFrame:
    """Two classes that a line parts well."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, 4))
    signal = inputs @ np.array([2.0, -1.0, 1.0, 0.0]) + random.normal(size=rows) * 0.5
    frame = pl.DataFrame({f"x{place}": inputs[:, place] for place in range(4)})
    return frame.with_columns(y=pl.Series(np.where(signal > 0.8, "late", "early")))


def fit(place: Path, frame: pl.DataFrame | None = None, **options: Any) -> Bundle:
    made = {"model": "linear", "set": STIFF, "out": place, "seed": 0, "threads": 1, **options}
    return luban.fit(table() if frame is None else frame, "y", **made)


def evidence(bundle: Bundle, name: str) -> list[dict[str, Any]]:
    assert bundle.path is not None
    found: list[dict[str, Any]] = json.loads((bundle.path / "evidence" / f"{name}.json").read_text())[name]
    return found


def test_a_penalty_that_is_too_strong_is_weakened_and_the_recipe_repeats_it(tmp_path: Path) -> None:
    bundle = fit(tmp_path / "made.luban")
    (repair,) = evidence(bundle, "repairs")
    assert repair["accepted"] and repair["condition"] == "underfitting" and repair["effect"]["low"] > 0
    (edit,) = repair["edits"]
    assert (edit["path"], edit["before"], edit["after"]) == ("model.linear.C", 1e-5, 1.0)
    assert bundle.recipe.model.candidates is not None
    assert [each.settings["C"] for each in bundle.recipe.model.candidates] == [1.0]
    assert bundle.recipe.model.settings()["linear"]["C"] == 1.0
    assert "underfitting" in [each["condition"] for each in evidence(bundle, "findings")]
    again = luban.fit(table(), "y", recipe=bundle.path / "recipe.yaml", out=tmp_path / "again.luban", threads=1)
    assert again.content_sha256 == bundle.content_sha256
    assert not evidence(again, "repairs")


def test_without_repair_it_is_only_told(tmp_path: Path) -> None:
    bundle = fit(tmp_path / "made.luban", repair="off")
    assert not evidence(bundle, "repairs")
    assert "underfitting" in [each.condition for each in bundle.findings]
    assert bundle.recipe.model.candidates is not None
    assert [each.settings["C"] for each in bundle.recipe.model.candidates] == [1e-5]


def test_an_edit_that_is_not_wanted_changes_nothing(tmp_path: Path) -> None:
    asked: list[str] = []

    def never(question: str) -> bool:
        asked.append(question)
        return False

    bundle = fit(tmp_path / "made.luban", repair="ask", ask=never)
    assert asked and all("\nSet model.linear.C to" in question for question in asked)
    assert {(each["accepted"], each["reason"]) for each in evidence(bundle, "repairs")} == {(False, "not wanted")}


def test_columns_that_follow_from_each_other_get_a_penalty_which_the_signal_proves(tmp_path: Path) -> None:
    frame = table().with_columns(sum=pl.col("x0") + pl.col("x1"))
    bundle = fit(tmp_path / "made.luban", frame, set={**STIFF, "model.linear.C": 1.0, "model.linear.penalty": "none"})
    (repair,) = evidence(bundle, "repairs")
    assert repair["condition"] == "collinear-features" and repair["accepted"] and "is not worse" in repair["reason"]


def test_an_edit_that_does_not_help_is_taken_back(tmp_path: Path) -> None:
    """A solver that is stopped where it has nothing to gain: the target is noise."""
    noise = table().with_columns(y=pl.Series(np.random.default_rng(1).permutation(table()["y"].to_numpy())))
    bundle = fit(tmp_path / "made.luban", noise, set={**STIFF, "model.linear.C": 1.0, "model.linear.iterations": 2})
    repairs = [each for each in evidence(bundle, "repairs") if each["condition"] == "estimator-not-converged"]
    assert [each["accepted"] for each in repairs] == [False]
    assert repairs[0]["reason"].startswith("taken back: ")
    assert bundle.recipe.model.candidates is not None
    assert [each.settings["iterations"] for each in bundle.recipe.model.candidates] == [2]


@pytest.mark.parametrize("model", ["linear", "random-forest"])
def test_nothing_is_tried_for_answers_that_are_sound(tmp_path: Path, model: str) -> None:
    bundle = fit(tmp_path / "made.luban", model=model, set={"split.folds": 3, "train.repeats": 1})
    assert not [each for each in evidence(bundle, "repairs") if each.get("model")]
