"""How a bundle is used: commands and Python with its own columns and likely values. Nothing here reads data."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from luban.reports.numbers import printable
from luban.reports.view import Document, View, listed, mapping
from luban.schema.schema import Column

SHOWN = 40
"""Input columns of an example, at most."""

WRITES = {"causal-lm": '"How it begins"', "chat": '"A question" --chat', "preference": '"A question" --chat'}
"""What a language model that a task taught is asked, by task."""
COUNTS = "kneser-ney"
"""The one that answers for a network that was not finished, and writes nothing."""


@dataclass(frozen=True)
class Usage:
    """Ready to copy. csv: a file of one row. left_out: how many input columns the example does not show."""

    shell: str
    python: str
    csv: str
    left_out: int


def usage(view: View) -> Usage:
    """How to use the bundle of a view."""
    bundle = f"{printable(view.name)}.luban"
    columns = view.schema.inputs
    shown = columns[:SHOWN]
    row = {column.name: typical(view, column) for column in shown}
    left_out = len(columns) - len(shown)
    placed = shlex.quote(bundle)
    target = view.recipe.target
    shell = [
        *writing(view.evaluation, placed),
        f"luban predict {placed} new.csv --out answers.csv",
        *([f"luban evaluate {placed} labelled.csv"] if target is not None else []),
        f"luban diagnose {placed}",
        f"luban inspect {placed}",
    ]
    python = [
        "import luban",
        "",
        f"bundle = luban.load({_quoted(bundle)})",
        "row = {",
        *(f"    {_quoted(name)}: [{_quoted(value)}]," for name, value in row.items()),
        *([f"    # ... and {left_out} more columns"] if left_out else []),
        "}",
        "print(bundle.predict(row))",
        *(["print(bundle.predict_proba(row))"] if view.classes else []),
    ]
    csv = "\n".join(",".join(_cell(part) for part in line) for line in (row, row.values())) + "\n"
    return Usage("\n".join(shell), "\n".join(python), csv, left_out)


def writing(evaluation: Document, bundle: str) -> list[str]:
    """The command by which what was learned writes, where it is a language model.

    >>> writing({"task": "chat", "chosen": {"label": "pretrained-causal"}}, "it.luban")
    ['luban generate it.luban "A question" --chat']
    """
    model = str(mapping(evaluation.get("chosen")).get("label", ""))
    asked = WRITES.get(str(evaluation.get("task")))
    return [] if asked is None or model.startswith(COUNTS) else [f"luban generate {bundle} {asked}"]


def typical(view: View, column: Column) -> Any:
    """A likely value: the median, the commonest, the earliest; a word where the profile tells none."""
    profiled = next((p for p in listed(view.document("profile"), "columns") if p.get("name") == column.name), {})
    summary = mapping(mapping(profiled).get("summary"))
    top = summary.get("top")
    if isinstance(top, list) and top and isinstance(top[0], list) and top[0]:
        return top[0][0]
    for key in ("median", "min"):
        found = summary.get(key)
        if isinstance(found, float):
            return float(f"{found:.6g}")
        if found is not None:
            return found
    return 0.0 if column.kind == "number" else "some words"


def _quoted(value: Any) -> str:
    """A value as Python has it, texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _cell(value: Any) -> str:
    """A cell of a CSV file."""
    written = printable(value)
    quoted = any(character in written for character in ',"\r\n')
    return '"' + written.replace('"', '""') + '"' if quoted else written
