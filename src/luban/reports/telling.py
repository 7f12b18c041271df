"""Evidence in words: questions, scores, findings and what became of them. One wording for page, card and terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from luban.evidence.measurement import Measurement
from luban.reports.numbers import count, decimals, headed, interval, number, text
from luban.reports.view import listed, mapping

Verdict = Literal["better", "worse", "alike", "unknown"]

TASKS = {
    "anomaly": "anomaly scores",
    "binary": "binary classification",
    "clustering": "clustering",
    "forecasting": "forecast",
    "multi-task": "prediction",
    "multiclass": "classification",
    "multilabel": "multilabel classification",
    "regression": "regression",
}
CLASSES_LISTED = 6


@dataclass(frozen=True)
class Story:
    """A finding and what became of it; one of the two may be missing. Both as their JSON documents."""

    finding: Mapping[str, Any] | None
    repair: Mapping[str, Any] | None

    @property
    def condition(self) -> str:
        return str(mapping(self.finding or self.repair).get("condition", ""))

    @property
    def severity(self) -> str:
        return str(mapping(self.finding).get("severity", "note"))


def question(task: str, target: Any, classes: Sequence[str] = (), positive: Any = None) -> str:
    """What was asked.

    >>> question("binary", "diagnosis", ("benign", "malignant"), "malignant")
    'binary classification of diagnosis: benign or malignant (positive)'
    >>> question("clustering", None)
    'clustering'
    """
    asked = TASKS.get(task, text(task))
    if isinstance(target, list):
        asked += f" of {', '.join(map(text, target[:-1]))} and {text(target[-1])}"
    elif target is not None:
        asked += f" of {text(target)}"
    names = [text(name, 30) + (" (positive)" if positive is not None and name == positive else "") for name in classes]
    if len(names) > CLASSES_LISTED:
        return f"{asked}: {', '.join(names[:CLASSES_LISTED])} and {len(names) - CLASSES_LISTED} more"
    if names and task == "multilabel":
        return f"{asked}: {', '.join(names)}"
    return f"{asked}: {', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else asked


def score(measurement: Measurement) -> str:
    """A figure with its interval.

    >>> score(Measurement("accuracy", 0.9737, 0.925, 0.991, "higher", 114, "test", "Wilson"))
    'accuracy 0.974 (0.925 to 0.991)'
    """
    digits = decimals(measurement.low, measurement.high)
    shown = number(measurement.value, digits)
    return f"{headed(measurement)} {shown} ({interval(measurement.low, measurement.high, digits)})"


def verdict(measurement: Measurement) -> Verdict:
    """How the figure stands to the baseline's: `alike` where the interval of the paired difference holds 0."""
    difference = measurement.difference
    if difference is None or difference.low is None or difference.high is None:
        return "unknown"
    if difference.low <= 0 <= difference.high:
        return "alike"
    return "better" if (difference.low > 0) == (measurement.direction == "higher") else "worse"


def against(measurement: Measurement) -> str:
    """How the figure stands to the baseline's, as a clause; empty where there is no baseline."""
    baseline, difference = measurement.baseline, measurement.difference
    if baseline is None:
        return ""
    known = number(baseline.value, decimals(measurement.low, measurement.high))
    words = {
        "better": "better beyond chance",
        "worse": "worse beyond chance",
        "alike": "not told apart from it by these rows",
        "unknown": "",
    }[verdict(measurement)]
    told = f"{text(baseline.model)} scores {known}"
    if difference is None:
        return told
    digits = decimals(difference.low, difference.high)
    apart = f"{number(difference.value, digits)} ({interval(difference.low, difference.high, digits)})"
    return f"{told}; difference {apart}" + (f": {words}" if words else "")


def value(anything: Any, limit: int = 60) -> str:
    """A JSON value in one short line; a text without quotes.

    >>> value("standard"), value(["a", 1]), value(None)
    ('standard', '["a", 1]', 'none')
    """
    if anything is None:
        return "none"
    if isinstance(anything, bool):
        return "true" if anything else "false"
    if isinstance(anything, int | float):
        return number(anything)
    return text(anything if isinstance(anything, str) else json.dumps(anything, ensure_ascii=False), limit)


def edit(change: Mapping[str, Any]) -> str:
    """A change of the recipe.

    >>> edit({"path": "features.scale", "before": "none", "after": "standard", "reason": ""})
    'features.scale: none → standard'
    >>> edit({"path": "drop", "before": ["a"], "after": ["a", "row"], "reason": ""})
    'leave out row'
    """
    before, after = change.get("before"), change.get("after")
    if change.get("path") == "drop" and isinstance(before, list) and isinstance(after, list):
        added = [text(name, 30) for name in after if name not in before]
        if added:
            more = f" and {len(added) - 5} more" if len(added) > 5 else ""
            return f"leave out {', '.join(added[:5])}{more}"
    return f"{text(change.get('path'))}: {value(before)} → {value(after)}"


def evidence(signal: Mapping[str, Any]) -> str:
    """The number that a finding rests on.

    >>> evidence({"signal": "distinct values", "value": 1.0, "threshold": 2.0, "n": 569})
    'distinct values 1, threshold 2, from 569 rows'
    """
    shown = f"{text(signal.get('signal', ''))} {number(signal.get('value'))}"
    return f"{shown}, threshold {number(signal.get('threshold'))}, from {count(signal.get('n'), 'row')}"


def outcome(repair: Mapping[str, Any]) -> str:
    """What became of the edits for a finding.

    >>> outcome({"accepted": True, "edits": [], "reason": "it is constant"})
    'repaired: it is constant'
    >>> outcome({"accepted": False, "edits": [], "reason": "no gain", "before": 0.4, "after": 0.5})
    'not repaired: no gain (0.4 → 0.5)'
    """
    told = "repaired" if repair.get("accepted") else "not repaired"
    changes = "; ".join(edit(change) for change in listed(repair, "edits"))
    parts = [part for part in (changes, text(repair.get("reason", ""), 300)) if part]
    signal = ""
    if repair.get("after") is not None:
        signal = f" ({number(repair.get('before'))} → {number(repair.get('after'))})"
    return f"{told}: {': '.join(parts)}{signal}"


def stories(findings: Sequence[Mapping[str, Any]], repairs: Sequence[Mapping[str, Any]]) -> list[Story]:
    """Each finding with what became of its edits, in the order of the findings; then repairs of no finding."""
    left = list(repairs)
    told = []
    for finding in findings:
        own = next((repair for repair in left if _cures(repair, finding)), None)
        if own is not None:
            left.remove(own)
        told.append(Story(finding, own))
    return told + [Story(None, repair) for repair in left]


def _cures(repair: Mapping[str, Any], finding: Mapping[str, Any]) -> bool:
    """Whether the repair is of one of the finding's edits: the reasons of edits name their columns."""
    if repair.get("condition") != finding.get("condition"):
        return False
    offered = [(change.get("path"), change.get("after")) for change in listed(finding, "edits")]
    return any((change.get("path"), change.get("after")) in offered for change in listed(repair, "edits"))
