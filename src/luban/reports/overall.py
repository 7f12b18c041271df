"""What a model looks at over many rows, in a few lines for a person, and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from luban.reports.charts.dependence import dependence
from luban.reports.charts.importance import importance
from luban.reports.lines import Style, paragraph, table
from luban.reports.numbers import count, interval, number, percent, text, title
from luban.reports.view import Document, listed, mapping

MOST = 10
"""Lines of a table that are shown."""
FOLLOWED = ("column", "answer", "most at", "least at")
"""What is told of how an answer follows a column."""


def lines(document: Document, style: Style) -> list[str]:
    """Each part as a heading and a table, one below the other; at the end what could not be told."""
    rows = f"{count(document.get('rows'), 'row')} of {number(document.get('of'))}"
    found = [f"{style.strong(text(document.get('output', '')))}  {text(document.get('scale', ''))}, over {rows}"]
    found += _table("importance", document, style, _metric(document), "column", "column")
    how = f"{text(document.get('method', ''))}: mean attribution of a row, without its sign"
    found += _table("shap", document, style, how, "part", "unit")
    followed = listed(document, "dependence")
    if followed:
        found += [
            "",
            f"{style.strong('dependence')}  {style.quiet('mean answer as a column changes, all others stay')}",
        ]
        cells = [_followed(each) for each in followed]
        found += table(FOLLOWED, cells, style)
    pairs = listed(document, "interactions")
    if pairs:
        how = "Friedman's H²: the share of what two columns do that is no sum"
        found += ["", f"{style.strong('interactions')}  {style.quiet(how)}"]
        cells = [
            [
                _pair(each),
                number(each.get("value")),
                interval(each.get("low"), each.get("high")),
                number(each["strength"]),
            ]
            for each in pairs[:MOST]
        ]
        found += table(["columns", "value", "95%", "strength"], cells, style, right=(1, 3))
    return [*found, *_tree(mapping(document.get("surrogate")), style), *_declined(document, style)]


@dataclass(frozen=True)
class Part:
    """A heading, a picture, and the same as a table: headings, and rows whose first cell names them."""

    heading: str
    told: str
    picture: Markup
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def parts(document: Document) -> list[Part]:
    """What of a document is drawn."""
    found: list[Part] = []
    columns, moved = listed(document, "importance")[:MOST], listed(document, "shap")[:MOST]
    if columns:
        told = _metric(document)
        drawn = importance("overall-importance", told, columns)
        found.append(
            Part("What matters", told, drawn, ("column", "value", "95%"), [_cells(e, "column") for e in columns])
        )
    if moved:
        told = "Mean attribution of a row, without its sign"
        drawn = importance("overall-shap", told, [{**each, "column": each.get("unit")} for each in moved])
        found.append(
            Part("What moves answers", told, drawn, ("part", "value", "95%"), [_cells(e, "unit") for e in moved])
        )
    followed = listed(document, "dependence")
    if followed:
        told = "The mean answer as a column changes and all others stay. Thin lines: single rows. Bars: where rows lie"
        drawn = dependence("overall-dependence", "Partial dependence", followed)
        found.append(Part("How answers follow columns", told, drawn, FOLLOWED, [_followed(each) for each in followed]))
    pairs = [{**each, "column": _pair(each)} for each in listed(document, "interactions")[:MOST]]
    if pairs:
        told = "Friedman's H²: the share of what two columns do together that is no sum"
        drawn = importance("overall-interactions", told, pairs)
        headings = ("columns", "value", "95%", "strength")
        rows = [[*_cells(each, "column"), number(each.get("strength"))] for each in pairs]
        found.append(Part("Pairs of columns", told, drawn, headings, rows))
    return found


def tree(document: Document) -> str:
    """The surrogate as indented lines, or nothing."""
    return "\n".join(line for line in _tree(mapping(document.get("surrogate")), Style()) if line)


def _cells(each: Document, key: str) -> list[str]:
    return [text(each.get(key, ""), 52), number(each.get("value")), interval(each.get("low"), each.get("high"))]


def _metric(document: Document) -> str:
    return f"by how much {title(text(document.get('metric', 'the score')))} is worse when a column is shuffled"


def _table(part: str, document: Document, style: Style, how: str, heading: str, key: str) -> list[str]:
    every = listed(document, part)
    if not every:
        return []
    cells = [_cells(each, key) for each in every[:MOST]]
    more = [style.quiet(f"  and {count(len(every) - MOST, heading)} below")] if len(every) > MOST else []
    told = table([heading, "value", "95%"], cells, style, right=(1,))
    return ["", f"{style.strong(part)}  {style.quiet(how)}", *told, *more]


def _followed(each: Document) -> list[str]:
    mean, grid = list(each.get("mean", [])), list(each.get("grid", []))
    most, least = mean.index(max(mean)), mean.index(min(mean))
    shown = [text(each.get("column", ""), 30), f"{number(mean[least])} to {number(mean[most])}"]
    return [*shown, *(text(_value(grid[place]), 30) for place in (most, least))]


def _value(value: Any) -> str:
    return str(value) if isinstance(value, str | bool) else number(value)


def _pair(each: Document) -> str:
    first, second = each["columns"]
    return f"{text(first, 24)} × {text(second, 24)}"


def _tree(document: Document, style: Style) -> list[str]:
    if not document:
        return []
    metric = title(text(document.get("metric", "")))
    ends = interval(document.get("low"), document.get("high"))
    like = f"{metric} {number(document.get('fidelity'))} ({ends}) beside the model, on {count(document['rows'], 'row')}"
    simplest = f"one answer for all {number(document['simplest'])}"
    found = ["", f"{style.strong('surrogate')}  {style.quiet(f'{like}; {simplest}')}"]
    return [*found, *_branch(mapping(document.get("tree")), 1)]


def _branch(node: Document, depth: int) -> list[str]:
    indent = "  " * depth
    if "answer" in node:
        share = f" {percent(node['share'])}" if "share" in node else ""
        return [f"{indent}{text(_value(node['answer']), 40)}{share}, {count(node.get('rows'), 'row')}"]
    asked = f"is {text(_value(node['is']), 30)}" if "is" in node else f"at most {_value(node['at_most'])}"
    yes, no = mapping(node.get("yes")), mapping(node.get("no"))
    head = f"{indent}{text(node.get('column', ''), 30)} {asked}"
    return [head, *_branch(yes, depth + 1), f"{indent}else", *_branch(no, depth + 1)]


def _declined(document: Document, style: Style) -> list[str]:
    every = listed(document, "declined")
    found: list[str] = [""] if every else []
    for each in every:
        found += paragraph(f"not told: {text(each.get('part', ''), 60)}: {text(each.get('reason', ''), 300)}", style)
    return found
