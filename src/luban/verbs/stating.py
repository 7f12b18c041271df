"""What was asked, and what was decided on held-out rows, as the evidence states it."""

from __future__ import annotations

from typing import Any

from luban.evidence.measurement import Measurement
from luban.recipe.recipe import Candidate
from luban.training.choosing import Chosen
from luban.verbs import encoding
from luban.verbs.measuring import Tested
from luban.verbs.preparing import Prepared


def question(prepared: Prepared) -> dict[str, Any]:
    """What was asked, as the evidence states it."""
    division, classes = prepared.division, prepared.classes
    document: dict[str, Any] = {
        "task": prepared.task.name,
        "task_reason": prepared.task_reason,
        "target": named(prepared.recipe.targets),
        "classes": list(classes),
        "split": {
            "name": division.split,
            "reason": division.reason,
            "train": len(division.train),
            "test": len(division.test),
            "measured": len(encoding.test_rows(prepared)),
            "dropped": dict(prepared.dropped),
            "listed": [{"row": row, "reason": reason} for row, reason in division.listed],
        },
    }
    if prepared.task.name == "binary":
        document["positive"] = classes[-1]
    return document


def answering(chosen: Chosen, before: Measurement | None) -> dict[str, Any]:
    """What answers, and why; and what the pretrained model that it was begun from said before it learned more."""
    document = chosen.to_json()
    if before is None:
        return {"chosen": document}
    more = before.difference
    assert more is not None, "it stands beside what answers"
    told = f"as it was it has {before.value:.4g} {before.metric}, {more.value:+.3g} [{more.low:.3g}, {more.high:.3g}]"
    reason = f"{document['reason']}; {told} beside it"
    return {"chosen": {**document, "reason": reason}, "beside": [before.to_json()]}


def named(targets: tuple[str, ...]) -> str | list[str] | None:
    """The column that is predicted, or the list of several."""
    return list(targets) if len(targets) > 1 else next(iter(targets), None)


def only(candidate: Candidate, reason: str) -> dict[str, Any]:
    """That one candidate answers, as the evidence states what was chosen. reason: why it is that one."""
    return {"label": candidate.label, "members": [{"label": candidate.label, "weight": 1.0}], "reason": reason}


def decided(chosen: Chosen, tested: Tested) -> dict[str, Any]:
    """What was decided on held-out rows, as the evidence states it."""
    document: dict[str, Any] = {}
    if chosen.calibration is not None:
        document["calibration"] = chosen.calibration.to_json()
    if chosen.threshold is not None:
        document["threshold"] = {"value": chosen.threshold, "reason": chosen.threshold_reason}
    if chosen.conformal is not None:
        document["conformal"] = {
            **chosen.conformal.to_json(),
            **({"coverage": tested.coverage.to_json()} if tested.coverage else {}),
        }
    return document
