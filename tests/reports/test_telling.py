"""Evidence in words: a finding meets its own repair, and chance is not called a gain."""

from __future__ import annotations

from typing import Any

import pytest

from luban.evidence.measurement import Measurement
from luban.reports.telling import Verdict, stories, verdict
from reports.evidence import finding, measurement


def drop(column: str) -> dict[str, Any]:
    return {"path": "drop", "before": [], "after": [column], "reason": f"{column} is constant"}


def test_each_finding_meets_its_own_repair() -> None:
    findings = [finding("constant-or-id-feature", "warning", name, drop(name)) for name in ("a", "b", "c")]
    repairs = [
        {"condition": "constant-or-id-feature", "edits": [drop(name)], "accepted": name == "b", "reason": ""}
        for name in ("b", "a")
    ]
    told = [
        (story.finding["where"]["column"], story.repair and story.repair["accepted"])
        for story in stories(findings, repairs)
        if story.finding
    ]
    assert told == [("a", False), ("b", True), ("c", None)]


def test_a_repair_without_a_finding_is_told_too() -> None:
    repair = {"condition": "label-noise", "edits": [], "accepted": False, "reason": "no gain"}
    assert [story.condition for story in stories([], [repair])] == ["label-noise"]


@pytest.mark.parametrize(
    ("metric", "low", "high", "expected"),
    [
        ("accuracy", 0.1, 0.2, "better"),
        ("accuracy", -0.2, -0.1, "worse"),
        ("accuracy", -0.1, 0.1, "alike"),
        ("log-loss", 0.1, 0.2, "worse"),
        ("log-loss", -0.2, -0.1, "better"),
    ],
)
def test_the_verdict_knows_which_way_is_better(metric: str, low: float, high: float, expected: Verdict) -> None:
    document = measurement(metric, 0.5, 0.4, 0.6)
    document["difference"] = {"value": (low + high) / 2, "low": low, "high": high}
    assert verdict(Measurement.from_json(document)) == expected
    del document["difference"]
    assert verdict(Measurement.from_json(document)) == "unknown"
