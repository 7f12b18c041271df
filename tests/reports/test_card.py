"""The model card: what it must say, and that nothing a user named becomes markup."""

from __future__ import annotations

import pytest

from luban.reports import card
from luban.reports.markdown import code, plain
from reports.evidence import HOSTILE, TASKS, measurement, view


@pytest.mark.parametrize("task", TASKS)
def test_each_section_is_there_once(task: str) -> None:
    lines = card.render(view(task)).splitlines()
    for heading in ("Intended use", "Score", "Data", "Limits", "How it was trained", "How to use it", "Footprint"):
        assert lines.count(f"## {heading}") == 1


def test_it_states_score_baseline_split_and_model() -> None:
    told = card.render(view("binary"))
    assert "**accuracy 0.974 (0.925 to 0.991)**; constant scores 0.487" in told
    assert "114 rows, set aside before anything was fitted" in told
    assert "svm(C=10) (75 %), linear (25 %)" in told
    assert "**Not repaired: target-leakage.**" in told
    assert "| mean radius | number | input | 1.2 % | 6.98 to 28.11, median 13.37 |" in told


def test_it_says_so_when_test_rows_were_fitted_too() -> None:
    evaluation = {**view("binary").evaluation, "refit": "the final model was fitted on test rows too"}
    assert "fitted on the test rows as well" in card.render(view("binary", evidence={"evaluation": evaluation}))
    assert "fitted on the test rows as well" not in card.render(view("binary"))


def test_it_says_so_when_it_is_not_better_than_the_simplest_model() -> None:
    alike = measurement("accuracy", 0.62, 0.5, 0.7)
    alike["difference"] = {"value": 0.01, "low": -0.05, "high": 0.07}
    evaluation = {**view("binary").evaluation, "measurements": [alike]}
    told = card.render(view("binary", evidence={"evaluation": evaluation}))
    assert "not shown to be better than the simplest model" in told


@pytest.mark.parametrize("task", TASKS)
def test_hostile_names_stay_text(task: str) -> None:
    told = card.render(view(task, hostile=True, name=HOSTILE))
    prose = "".join(told.split("```")[::2])
    assert "<script>" not in prose
    assert "\x1b" not in prose
    assert "[a](" not in prose
    rows = [line for line in prose.splitlines() if line.startswith("| ") and "number" in line]
    assert all(line.replace("\\|", "").count("|") == 6 for line in rows)


def test_code_cannot_end_its_own_block() -> None:
    block = code("a\n```\n# escaped?")
    assert block.startswith("````\n") and block.endswith("\n````")


def test_plain_text_keeps_its_words() -> None:
    assert plain("mean radius (mm), 50 %") == "mean radius (mm), 50 %"
