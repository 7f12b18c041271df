"""Parts that several verbs show: question, scores, model, findings, columns. Each is lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luban.evidence.measurement import Measurement
from luban.reports import telling
from luban.reports.lines import Style, paragraph, table
from luban.reports.numbers import NOTHING, count, decimals, headed, interval, number, percent, text
from luban.reports.view import Document, listed, mapping

MEMBERS = 5
"""Members of an ensemble that are named."""
NOTES = 3
"""Findings that are only notes are counted, not told, when there are more."""


def heading(document: Document, style: Style) -> list[str]:
    """What was asked, and on how many rows."""
    asked = telling.question(
        str(document.get("task", "")), document.get("target"), document.get("classes", ()), document.get("positive")
    )
    split = mapping(document.get("split"))
    rows = f"{count(split.get('train'), 'row')} trained, {number(split.get('test'))} tested" if split else ""
    lines = [style.strong(line) for line in paragraph(asked, style)]
    return [*lines, *([style.quiet(rows)] if rows else []), ""]


def measurement(line: Mapping[str, Any]) -> Measurement:
    return Measurement.from_json({key: value for key, value in line.items() if key != "better"})


def valued(one: Measurement | None) -> str:
    if one is None:
        return NOTHING
    digits = decimals(one.low, one.high)
    return f"{number(one.value, digits)} ({interval(one.low, one.high, digits)})"


def scores(document: Document, style: Style) -> list[str]:
    """A table of the figures on test rows (or given ones), and how the first of them stands to the baseline."""
    every = [measurement(line) for line in listed(document, "measurements")]
    figures = [one for one in every if one.split in ("test", "given")] or every
    if not figures:
        return []
    baseline = next((text(one.baseline.model) for one in figures if one.baseline), None)
    rows = []
    for one in figures:
        digits = decimals(one.low, one.high)
        simplest = [number(one.baseline.value, digits) if one.baseline else NOTHING] if baseline else []
        which = f"{one.direction} is better"
        rows.append([headed(one), number(one.value, digits), interval(one.low, one.high, digits), *simplest, which])
    headings = ["", "score", "95% interval", *([baseline] if baseline else []), ""]
    told = {
        "better": style.good("Better than the simplest model, beyond chance."),
        "worse": style.alarm("Worse than the simplest model, beyond chance."),
        "alike": style.alarm("Not shown to be better than the simplest model."),
        "unknown": "",
    }[telling.verdict(figures[0])]
    where = {"test": "test rows that nothing fitted had seen", "given": "given rows"}.get(
        figures[0].split, "held-out rows"
    )
    how_many = f"on {number(figures[0].rows)} {where}"
    lines = [*table(headings, rows, style, right=(1, 2, 3) if baseline else (1, 2)), f"  {style.quiet(how_many)}"]
    return [*lines, *([f"  {told}"] if told else []), ""]


def chosen(document: Document, style: Style) -> list[str]:
    """The model, how it was calibrated, and from which probability it answers, each with its reason."""
    model = mapping(document.get("chosen"))
    if not model:
        return []
    members = listed(model, "members")
    label = text(model.get("label", ""), 60)
    if len(members) > 1:
        named = [f"{text(m.get('label', ''), 60)} {percent(m.get('weight'))}" for m in members[:MEMBERS]]
        more = f" and {len(members) - MEMBERS} more" if len(members) > MEMBERS else ""
        label += f" ({', '.join(named)}{more})"
    lines = paragraph(f"model   {label}: {text(model.get('reason', ''), 300)}", style, more=8)
    calibration, threshold = mapping(document.get("calibration")), mapping(document.get("threshold"))
    if calibration and calibration.get("method") != "none":
        told = f"calibrated by {text(calibration.get('method', ''))}: {text(calibration.get('reason', ''), 300)}"
        lines += paragraph(told, style, indent=8)
    if threshold and threshold.get("value") != 0.5:
        told = f"threshold {number(threshold.get('value'))}: {text(threshold.get('reason', ''), 300)}"
        lines += paragraph(told, style, indent=8)
    tried = [line for line in listed(document, "candidates") if line.get("status") == "finished"]
    if len(tried) > 1:
        lines.append(style.quiet(f"        of {len(tried)} candidates"))
    return lines


def stories(document: Document, style: Style, all_notes: bool = False) -> list[str]:
    """Findings and what became of them, the loud ones first as they come; many notes are only counted."""
    told = telling.stories(listed(document, "findings"), listed(document, "repairs"))
    if not told:
        return ["found   nothing: no condition that was looked for was seen"]
    notes = [story for story in told if story.severity == "note" and story.repair is None]
    shown: Sequence[telling.Story] = told
    if len(notes) > NOTES and not all_notes:
        shown = [story for story in told if story not in notes]
    repaired = sum(bool(story.repair and story.repair.get("accepted")) for story in told)
    lines = [f"found   {count(len(told), 'finding')}, {number(repaired)} repaired"]
    for story in shown:
        severity = style.alarm(story.severity) if story.severity == "severe" else story.severity
        lines.append(f"  {severity}: {style.strong(text(story.condition))}")
        if story.finding is not None:
            lines += paragraph(text(story.finding.get("text", ""), 600), style, indent=4)
        if story.repair is not None:
            lines += paragraph(f"{telling.outcome(story.repair)}", style, indent=4)
        elif all_notes and story.finding is not None:
            for change in listed(story.finding, "edits")[:2]:
                lines += paragraph(f"may cure it: {telling.edit(change)}", style, indent=4)
    if len(shown) < len(told):
        lines.append(f"  and {count(len(told) - len(shown), 'note')}: luban diagnose shows them")
    return lines


def columns(columns: Sequence[Document], style: Style) -> list[str]:
    rows = [
        [
            text(column.get("name", ""), 32),
            text(column.get("kind", "")),
            text(column.get("role", "")),
            percent(column.get("missing")),
            number(column.get("distinct")),
            text(column.get("reason", ""), 200),
        ]
        for column in columns
    ]
    return table(["column", "kind", "role", "missing", "distinct", "why"], rows, style, right=(3, 4), indent=0)
