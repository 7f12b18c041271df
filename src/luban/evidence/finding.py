"""A finding: a problem that was seen, its evidence, and the edits that may cure it. And what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from luban.evidence.measurement import without_none
from luban.recipe.edit import RecipeEdit

Severity = Literal["note", "warning", "severe"]
WORST_FIRST: tuple[Severity, ...] = ("severe", "warning", "note")

OF_FITS = {
    "no-onnx-graph": "Torch answers for a network, since it has no ONNX graph, or one that does not agree with it: the "
    "answers are its own, but take longer and need the extra `nets`.",
    "rows-sampled": "More rows could train than fit into the memory or the time that is allowed, so a random sample of "
    "them is used.",
}
"""What `luban fit` may find of itself, beside the conditions of the data: what each means."""


@dataclass(frozen=True)
class Where:
    """The place of a problem; only what applies is set. rows: 0-based row numbers of the data as given, at most 100."""

    layer: str | None = None
    step: int | None = None
    batch: int | None = None
    column: str | None = None
    rows: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        listed = {**vars(self), "rows": list(self.rows) if self.rows is not None else None}
        return without_none(listed)


@dataclass(frozen=True)
class Signal:
    """The number that a finding rests on: its name, its value, the threshold it passed, from how many rows."""

    signal: str
    value: float
    threshold: float
    n: int


@dataclass(frozen=True)
class Finding:
    """One problem.

    condition: the id of the condition that saw it.
    text: what was seen, what it means and what to do, in plain words.
    edits: changes of the recipe that may cure it, the preferred one first.
    explains: conditions whose findings this one accounts for.
    """

    condition: str
    severity: Severity
    where: Where
    evidence: Signal
    text: str
    edits: tuple[RecipeEdit, ...] = ()
    explains: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "condition": self.condition,
            "severity": self.severity,
            "where": self.where.to_json(),
            "evidence": vars(self.evidence),
            "text": self.text,
            "edits": [edit.to_json() for edit in self.edits],
            "explains": list(self.explains),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Finding:
        """The finding that `to_json` wrote."""
        where = dict(document["where"])
        if "rows" in where:
            where["rows"] = tuple(where["rows"])
        return cls(
            condition=document["condition"],
            severity=document["severity"],
            where=Where(**where),
            evidence=Signal(**document["evidence"]),
            text=document["text"],
            edits=tuple(RecipeEdit(**edit) for edit in document["edits"]),
            explains=tuple(document["explains"]),
        )

    def explaining(self, *conditions: str) -> Finding:
        return replace(self, explains=(*self.explains, *conditions))


def listed(findings: Iterable[Finding], not_run: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """`findings` and `not_run` as evidence and every verb state them. not_run: conditions that could not look, and why.

    >>> listed([], [("label-noise", "there are 8 rows")])
    {'findings': [], 'not_run': [{'condition': 'label-noise', 'reason': 'there are 8 rows'}]}
    """
    return {
        "findings": [finding.to_json() for finding in findings],
        "not_run": [{"condition": condition, "reason": reason} for condition, reason in not_run],
    }


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by their severity; of equal ones in their order."""
    return sorted(findings, key=lambda finding: WORST_FIRST.index(finding.severity))


@dataclass(frozen=True)
class Effect:
    """A paired gain, positive where it is better, with its 95% interval. rows: how many it was read from."""

    metric: str
    value: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Repair:
    """What became of the edits for one finding: accepted or not, why, and the signal or score before and after.

    model: whose training was repaired, where it was one. effect: the gain on rows that had no part in it.
    losses: of the training by step, `before` and `after`, for a picture.
    """

    condition: str
    edits: tuple[RecipeEdit, ...]
    accepted: bool
    reason: str
    before: float | None = None
    after: float | None = None
    model: str | None = None
    effect: Effect | None = None
    losses: Mapping[str, tuple[tuple[int, float], ...]] | None = None

    def to_json(self) -> dict[str, Any]:
        listed = {**vars(self), "edits": [edit.to_json() for edit in self.edits]}
        if self.effect is not None:
            listed["effect"] = vars(self.effect)
        if self.losses is not None:
            listed["losses"] = {name: [list(point) for point in curve] for name, curve in self.losses.items()}
        return without_none(listed)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Repair:
        """The repair that `to_json` wrote."""
        effect, losses = document.get("effect"), document.get("losses")
        told = {
            **document,
            "edits": tuple(RecipeEdit(**edit) for edit in document["edits"]),
            "effect": None if effect is None else Effect(**effect),
            "losses": None if losses is None else {n: tuple((x, y) for x, y in curve) for n, curve in losses.items()},
        }
        return cls(**told)
