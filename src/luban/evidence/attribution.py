"""Causes and symptoms: which of several findings is the cause, and which it accounts for."""

from __future__ import annotations

from collections.abc import Sequence

from luban.core import registry
from luban.evidence.finding import Finding, worst_first


def attributed(found: Sequence[Finding]) -> list[Finding]:
    """The findings without those that another one accounts for, which are named in it; the primary one first.

    What a condition silences is written in it, and what one finding alone accounts for in that finding; a cause that is
    silenced itself still silences.
    """
    silenced: set[int] = set()
    explaining: dict[int, list[str]] = {}
    silences = [{*registry.find("conditions", each.condition).silences, *each.explains} for each in found]
    for number, cause in enumerate(found):
        for other, symptom in enumerate(found):
            if other != number and symptom.condition in silences[number] and _one_place(cause, symptom):
                silenced.add(other)
                if symptom.condition not in cause.explains:
                    explaining.setdefault(number, []).append(symptom.condition)
    told = [
        finding.explaining(*dict.fromkeys(explaining.get(number, [])))
        for number, finding in enumerate(found)
        if number not in silenced
    ]
    return worst_first(told)


def _one_place(cause: Finding, symptom: Finding) -> bool:
    columns = cause.where.column, symptom.where.column
    return None in columns or columns[0] == columns[1]
