"""What every condition keeps to, whichever it is: a new one is tested by existing."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module

import numpy as np
import polars as pl
import pytest

from conditions.examined import classes, look, values
from luban.core import registry
from luban.core.strict_json import parse
from luban.evidence.finding import Finding
from luban.evidence.trace import Trace
from luban.protocols import Condition
from luban.recipe.recipe import Recipe

IDS = """
nonfinite-data unscaled-features constant-or-id-feature train-test-duplicates target-leakage preprocessing-leakage
group-or-time-leakage label-noise conflicting-labels class-imbalance split-mismatch too-few-samples

nonfinite-training wrong-loss-or-activation bad-initial-loss constant-or-symmetric-init vanishing-gradient
exploding-gradient dying-relu saturated-activation learning-rate-too-high learning-rate-too-low loss-oscillation
loss-spike not-learning frozen-or-unused-parameter stale-gradient train-eval-mode-error batch-dependence
shuffle-error replica-drift clipping-ineffective weight-decay-ineffective scheduler-never-steps repeated-data-order
untied-weights master-weight-precision estimator-not-converged collinear-features separable-classes
catastrophic-forgetting

overfitting underfitting miscalibration underperforming-group seed-instability

covariate-shift label-shift concept-shift
"""
CATALOGUE = frozenset(IDS.split())
"""The ids that luban may use: other programs know them by these."""
DATA = frozenset(
    {
        "nonfinite-data",
        "unscaled-features",
        "constant-or-id-feature",
        "train-test-duplicates",
        "target-leakage",
        "preprocessing-leakage",
        "group-or-time-leakage",
        "label-noise",
        "conflicting-labels",
        "class-imbalance",
        "split-mismatch",
        "too-few-samples",
    }
)
NAMES = registry.names("conditions")


@pytest.fixture(params=NAMES)
def condition(request: pytest.FixtureRequest) -> Condition:
    return registry.find("conditions", request.param)


def faulty(kind: str) -> pl.DataFrame:
    """A table with many faults at once."""
    table = classes(300) if kind == "classes" else values(300)
    target = table["y"].rank("dense").cast(pl.Float64) if kind == "classes" else table["y"]
    random = np.random.default_rng(8)
    table = table.with_columns(
        copy=target + pl.Series(random.normal(size=300) * 0.001),
        country=pl.lit("DE"),
        number=pl.Series(random.permutation(300) + 5000),
        huge=pl.when(pl.int_range(300) % 50 == 0).then(float("inf")).otherwise(pl.col("x3") * 1e6),
        scaled=(pl.col("x2") - pl.col("x2").mean()) / pl.col("x2").std(),
    )
    if kind == "classes":
        again = table.head(60).with_columns(y=pl.col("y").replace({"early": "late", "late": "early"}))
        table = pl.concat([table, again])
    return pl.concat([table, table.head(60)])


@pytest.fixture(scope="module")
def all_found() -> list[Finding]:
    """What all conditions of the data find in the faulty tables."""
    found: list[Finding] = []
    for kind in ("classes", "values"):
        examination = look(faulty(kind), features__scale="none")
        for name in DATA & set(NAMES):
            one: Condition = registry.find("conditions", name)
            if examination.task.name in one.tasks:
                found += one.examine(examination)
    return found


def test_the_conditions_of_the_data_are_all_there() -> None:
    assert set(NAMES) >= DATA


def test_it_is_called_as_other_programs_know_it(condition: Condition) -> None:
    assert condition.id in NAMES
    assert condition.id in CATALOGUE


def test_it_says_what_it_is(condition: Condition) -> None:
    assert condition.group in ("data", "optimisation", "generalisation", "deployment")
    assert (condition.group == "data") == (condition.id in DATA)
    assert condition.summary and not condition.summary.endswith(".")
    assert condition.tasks and condition.tasks <= set(registry.names("tasks"))
    assert condition.proof in ("structural", "effect", "advice")


def test_its_page_tells_the_signal_the_threshold_and_when_it_is_silent(condition: Condition) -> None:
    page = import_module(f"luban.conditions.{condition.id.replace('-', '_')}").__doc__ or ""
    for word in ("ignal", "hreshold", "ilent"):
        assert word in page, f"the page of {condition.id} does not tell the {word}"
    assert len(page) > 300


def test_it_silences_conditions_that_there_are_and_not_itself(condition: Condition) -> None:
    assert set(condition.silences) <= CATALOGUE - {condition.id}


def test_nobody_is_silenced_by_what_he_silences() -> None:
    silences = {name: registry.find("conditions", name).silences for name in NAMES}
    assert not [(name, other) for name in NAMES for other in silences[name] if name in silences.get(other, ())]


def test_a_trace_of_nothing_raises_no_alarm(condition: Condition) -> None:
    looks = condition.examine if condition.sees == "training" else condition.during
    if looks is None:
        pytest.skip("it looks at something else")
    try:
        assert looks(Trace()) == []
    except ValueError as reason:
        assert 10 < len(str(reason)) < 120


def test_what_is_seen_in_a_training_says_the_line_that_cures_it(condition: Condition) -> None:
    if condition.sees == "training" or condition.during is not None:
        assert condition.code.strip()
        assert "\n" not in condition.code
        assert len(condition.code) <= 120


def test_sound_tables_raise_no_alarm(condition: Condition) -> None:
    if condition.sees != "rows":
        pytest.skip("it looks at something else")
    for table in (classes(), values()):
        examination = look(table)
        if examination.task.name in condition.tasks:
            assert [found for found in condition.examine(examination) if found.severity != "note"] == []


def test_it_finds_the_same_again(condition: Condition) -> None:
    if condition.sees != "rows" or "binary" not in condition.tasks:
        pytest.skip("it looks at something else")
    table = faulty("classes")
    first, again = ([found.to_json() for found in condition.examine(look(table))] for _ in range(2))
    assert first == again


def test_an_examination_is_only_looked_at(condition: Condition) -> None:
    if condition.sees != "rows" or "binary" not in condition.tasks:
        pytest.skip("it looks at something else")
    examination = look(faulty("classes"), features__scale="none")
    before = replace(examination, unscaled=examination.unscaled.copy(), train_target=examination.train_target.copy())
    condition.examine(examination)
    assert np.array_equal(examination.unscaled, before.unscaled, equal_nan=True)
    assert np.array_equal(examination.train_target, before.train_target)


def test_most_conditions_find_something_in_the_faulty_tables(all_found: list[Finding]) -> None:
    # The twin of the silence above: these tables hold what most of them look for.
    assert {found.condition for found in all_found} >= {
        "conflicting-labels",
        "constant-or-id-feature",
        "nonfinite-data",
        "target-leakage",
        "train-test-duplicates",
        "unscaled-features",
    }


def test_findings_name_the_place_the_evidence_and_what_to_do(all_found: list[Finding]) -> None:
    for found in all_found:
        assert found.condition in NAMES
        assert found.severity in ("note", "warning", "severe")
        assert found.evidence.signal and found.evidence.n > 0
        assert np.isfinite([found.evidence.value, found.evidence.threshold]).all()
        assert len(found.where.rows or ()) <= 100
        assert found.text[-1] in ".!" and len(found.text) < 700
        assert "threshold" in found.text or "sound" in found.text or "beyond chance" in found.text


def test_findings_survive_being_written_as_json(all_found: list[Finding]) -> None:
    for found in all_found:
        written = json.dumps(found.to_json(), allow_nan=False)
        assert Finding.from_json(parse(written.encode())) == found


def test_edits_change_a_recipe_and_can_be_taken_back(all_found: list[Finding]) -> None:
    recipe = Recipe(target="y", features={"scale": "none"})
    edits = [edit for found in all_found for edit in found.edits]
    assert edits
    for edit in edits:
        after = edit.apply(recipe)
        assert after != recipe
        assert edit.inverse().apply(after) == recipe
        assert edit.reason


def test_what_can_be_cured_can_be_proven(all_found: list[Finding]) -> None:
    for found in all_found:
        proof = registry.find("conditions", found.condition).proof
        assert not found.edits or proof in ("structural", "effect"), found.condition
