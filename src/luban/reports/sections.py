"""What the sections of page and card say beside the scores: question, models, data, footprint; as words and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luban.core.units import read_seconds, read_size
from luban.reports import telling
from luban.reports.charts._svg import finite
from luban.reports.charts.histogram import histogram
from luban.reports.numbers import NOTHING, count, number, percent, text, title
from luban.reports.view import Document, View, listed, mapping

COLUMNS = 200
"""Columns in the data profile, at most."""
TRAININGS = 20
"""Trainings of networks whose memory and time are told, at most."""

Facts = list[tuple[str, str]]


def asked(view: View) -> Facts:
    """What was asked, and how the rows were divided."""
    evaluation, split = view.evaluation, mapping(view.evaluation.get("split"))
    facts = [
        ("Question", telling.question(view.task, view.target, view.classes, evaluation.get("positive"))),
        ("Why this task", text(evaluation.get("task_reason", ""), 300)),
        ("Compared by", title(str(evaluation.get("metric", "")))),
        ("Rows", count(view.document("profile").get("rows"), "row")),
        ("Trained on", count(split.get("train"), "row")),
        ("Tested on", f"{count(split.get('test'), 'row')}, set aside before anything was fitted"),
        ("Split", f"{text(split.get('name', ''))}: {text(split.get('reason', ''), 300)}"),
        ("Left out", dropped(split.get("dropped"))),
        ("Seed", number(view.recipe.seed)),
    ]
    return [(name, told) for name, told in facts if told and NOTHING not in told.split(" ", 1)[0]]


def dropped(reasons: Any) -> str:
    """How many rows were left out, by reason.

    >>> dropped({"no target": 3})
    '3 rows: no target'
    """
    return "; ".join(f"{count(many, 'row')}: {text(reason, 120)}" for reason, many in mapping(reasons).items() if many)


def candidates(view: View) -> list[dict[str, Any]]:
    """Every candidate, the chosen ones marked with their share of the answer; those that did not finish at the end."""
    members = {str(m.get("label")): m.get("weight") for m in listed(mapping(view.evaluation.get("chosen")), "members")}
    lines = [*listed(view.evaluation, "candidates"), *listed(view.document("search"), "candidates")]
    return [
        {
            "label": text(line.get("label", ""), 80),
            "value": number(line.get("value")),
            "status": text(line.get("status", "")),
            "share": percent(members.get(str(line.get("label")))) if str(line.get("label")) in members else "",
            "chosen": str(line.get("label")) in members,
            "reason": text(line.get("reason") or "", 300),
        }
        for line in lines
    ]


def decisions(view: View) -> Facts:
    """What was decided on held-out rows, each with its reason."""
    evaluation = view.evaluation
    chosen, calibration = mapping(evaluation.get("chosen")), mapping(evaluation.get("calibration"))
    threshold, conformal = mapping(evaluation.get("threshold")), mapping(evaluation.get("conformal"))
    told: Facts = []
    if chosen:
        told.append(("Chosen", f"{text(chosen.get('label', ''), 80)}: {text(chosen.get('reason', ''), 300)}"))
    if calibration:
        change = ""
        if calibration.get("after") is not None:
            change = f" ({figure(calibration.get('before'))} → {figure(calibration.get('after'))})"
        told.append(
            (
                "Calibration",
                f"{text(calibration.get('method', ''))}: {text(calibration.get('reason', ''), 300)}{change}",
            )
        )
    if threshold:
        told.append(("Threshold", f"{number(threshold.get('value'))}: {text(threshold.get('reason', ''), 300)}"))
    if conformal:
        told.append(("Sets and intervals", coverage(conformal)))
    if evaluation.get("refit"):
        told.append(("Refitted", text(evaluation["refit"], 300)))
    return told


def figure(anything: Any) -> str:
    """A figure that is a number, or a document with a value.

    >>> figure(0.5), figure({"value": 0.25}), figure(None)
    ('0.5', '0.25', '–')
    """
    return number(mapping(anything).get("value") if isinstance(anything, Mapping) else anything)


def coverage(conformal: Document) -> str:
    """How many true answers the conformal intervals or sets were to hold, and how many they held."""
    told = f"made to hold the truth for {percent(conformal.get('level'))} of rows"
    measured = mapping(conformal.get("coverage"))
    if not measured:
        return told
    return (
        f"{told}; on {count(measured.get('rows'), 'test row')} they held {percent(measured.get('value'))} "
        f"({percent(measured.get('low'))} to {percent(measured.get('high'))})"
    )


def profile(view: View) -> dict[str, Any]:
    """What the data is: facts of reading it, and each column."""
    document = view.document("profile")
    columns = listed(document, "columns")
    facts = [(text(name, 40), text(told, 200)) for name, told in mapping(document.get("facts")).items()]
    rows = [_column(place, column) for place, column in enumerate(columns[:COLUMNS])]
    return {"facts": facts, "columns": rows, "more": max(0, len(columns) - COLUMNS), "total": number(len(columns))}


def _column(place: int, column: Document) -> dict[str, Any]:
    summary, name = mapping(column.get("summary")), text(column.get("name", ""), 60)
    counts = mapping(summary.get("histogram")).get("counts")
    top = [line for line in summary.get("top") or [] if isinstance(line, list) and len(line) == 2]
    bars: Sequence[Any] = counts if isinstance(counts, list) else [many for _, many in top]
    told = spread(summary)
    return {
        "name": name,
        "kind": text(column.get("kind", "")),
        "role": text(column.get("role", "")),
        "missing": percent(column.get("missing")),
        "distinct": number(column.get("distinct")),
        "picture": histogram(f"column-{place}", name, told or "How its values are spread", bars),
        "told": told,
        "reason": text(column.get("reason", ""), 200),
    }


def spread(summary: Document) -> str:
    """How the values of a column are spread, in words.

    >>> spread({"min": 1, "median": 2, "max": 9})
    '1 to 9, median 2'
    >>> spread({"top": [["no", 3], ["yes", 1]]})
    'no 3, yes 1'
    """
    top = [line for line in summary.get("top") or [] if isinstance(line, list) and len(line) == 2]
    if top:
        more = ", ..." if len(top) > 4 else ""
        return ", ".join(f"{_named(value)} {number(many)}" for value, many in top[:4]) + more
    low, high = summary.get("min"), summary.get("max")
    if low is None or high is None:
        return ""
    middle = f", median {telling.value(summary['median'])}" if summary.get("median") is not None else ""
    return f"{telling.value(low)} to {telling.value(high)}{middle}"


def _named(value: Any) -> str:
    return "(missing)" if value is None else text(value, 24)


def footprint(view: View) -> Facts:
    """What making it took; energy and emissions are estimates."""
    document = view.document("footprint")
    facts: Facts = []
    for key, name in (("wall_seconds", "Time"), ("cpu_seconds", "Processor time")):
        if finite(document.get(key)):
            facts.append((name, read_seconds(document[key])))
    if finite(document.get("peak_memory_bytes")):
        facts.append(("Peak memory", read_size(document["peak_memory_bytes"])))
    for training in listed(document, "trainings")[:TRAININGS]:
        facts.append((f"Training of {text(training.get('label', ''), 80)}", _taken(training)))
    if finite(document.get("energy_wh")):
        facts.append(("Energy (an estimate)", f"{number(document['energy_wh'])} Wh"))
    if finite(document.get("co2e_g")):
        facts.append(("Emissions (an estimate)", f"{number(document['co2e_g'])} g CO₂e"))
    if document.get("method"):
        facts.append(("How it is estimated", text(document["method"], 400)))
    constants = mapping(document.get("constants"))
    if constants:
        told = "; ".join(
            f"{text(name, 60).replace('_', ' ')} {telling.value(value, 120)}" for name, value in constants.items()
        )
        facts.append(("With", told))
    return facts


def _taken(training: Document) -> str:
    """What a training was thought to take, and what it became."""
    estimated, became = mapping(training.get("estimated")), mapping(training.get("became"))

    def words(document: Document) -> str:
        told = [read_size(document["memory"])] if finite(document.get("memory")) else []
        told += [read_seconds(document["seconds"])] if finite(document.get("seconds")) else []
        return " and ".join(told) or NOTHING

    return f"thought to take {words(estimated)}; it took {words(became)}"


def answering(view: View) -> Facts:
    """What answers rows, and how it was checked."""
    runtime = view.document("runtime")
    if not runtime:
        return []
    by = "an ONNX graph" if runtime.get("answers_by") == "onnx" else "its own arrays"
    facts = [("Answers by", f"{by}: {text(runtime.get('reason', ''), 300)}")]
    parity = mapping(runtime.get("parity"))
    if parity:
        facts.append(
            (
                "Parity",
                f"{count(parity.get('rows'), 'row')}: largest difference {number(parity.get('difference'))}, "
                f"{number(parity.get('flips'))} other answers",
            )
        )
    return facts
