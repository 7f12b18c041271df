"""Explanations in a few lines for a person: what each unit adds, with a bar, and whether the model agrees."""

from __future__ import annotations

from luban.reports.lines import Style, paragraph, table
from luban.reports.numbers import count, number, text
from luban.reports.view import Document, listed, mapping

MOST = 10
"""Units that are shown of a row."""
_BAR = 16
"""Cells of the longest bar."""


def lines(document: Document, style: Style) -> list[str]:
    """Each explained row as a heading and a table, one below the other."""
    found: list[str] = []
    for each in listed(document, "explanations"):
        found += [*([""] if found else []), *_row(each, style)]
    page = document.get("html")
    return found if page is None else [*found, "", f"page    {text(page, 200)}"]


def _row(document: Document, style: Style) -> list[str]:
    scale = text(document.get("scale", "value"))
    moved = f"{scale} {number(document.get('value'))}, usually {number(document.get('base_value'))}"
    head = style.strong(f"row {number(document.get('row'))}  {text(document.get('output', ''))}")
    how = f"{text(document.get('method', ''))}, {count(document.get('calls'), 'call')}"
    every = listed(document, "attributions")
    largest = max((abs(float(each.get("attribution", 0))) for each in every), default=0.0)
    rows = [_unit(each, largest) for each in every[:MOST]]
    found = [f"{head}  {moved}  {style.quiet(how)}"]
    if rows:
        found += table(["part", "value", "adds", "error", ""], rows, style, right=(2, 3))
    if len(every) > MOST:
        found.append(style.quiet(f"  and {count(len(every) - MOST, 'part')} that move it less"))
    faithfulness = mapping(document.get("faithfulness"))
    if faithfulness:
        found += paragraph(text(faithfulness.get("text", ""), 200), style, indent=2)
    more = mapping(document.get("more"))
    if more.get("text"):
        found += paragraph(text(more["text"], 300), style, indent=2)
    return found


def _unit(document: Document, largest: float) -> list[str]:
    value = float(document.get("attribution", 0.0))
    error = document.get("standard_error")
    cells = round(_BAR * abs(value) / largest) if largest else 0
    bar = ("+" if value > 0 else "-") * cells
    known = "" if error is None else "exact" if error == 0 else f"±{number(error)}"
    return [text(document.get("unit", ""), 30), text(document.get("value", ""), 24), number(value), known, bar]
