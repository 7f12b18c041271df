"""Explanations as a page that opens anywhere, and as a view in a notebook: pictures, and under each a table.

What is drawn comes from two things: the JSON document of `luban explain`, and for columns that consist of pieces how
their values were cut (`Cut`, by the number of the row and the name of the column), for a document holds no picture.
A column without one has bars, as whole columns have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from luban.core.version import VERSION
from luban.protocols import Cut
from luban.reports import overall, templates
from luban.reports.charts._svg import finite
from luban.reports.charts.importance import importance as importance_picture
from luban.reports.drawing import BARS, ROWS, drawn
from luban.reports.numbers import NOTHING, count, interval, number, text
from luban.reports.view import Document, listed, mapping

Pictures = Mapping[tuple[int, str], Cut]
"""How the values of columns were cut, by the number of the row in the data and the name of the column."""
SCOPE = ".luban-explanations"
_OF = {
    "probability": "the probability of {}",
    "log-odds": "the log-odds of {}",
    "value": "{}",
    "score": "{}",
}
_DOUBT = "Do not rely on it."


def page(document: Document, pictures: Pictures | None = None, *, name: str = "the model") -> str:
    """One HTML file of the explanations in a document; it needs no network and no script.

    document: what `luban explain` prints, `explanations` and, where they are there, `importance`.
    pictures: how values were cut that are made of pieces. name: of the bundle.
    """
    return _rendered(document, pictures or {}, whole=True, name=name, style=templates.style())


def fragment(document: Document, pictures: Pictures | None = None) -> str:
    """The same within another page, such as a notebook: its style touches nothing but itself."""
    style = templates.style().replace(":root", "&").replace("\nbody {", "\n& {").replace("html {", "& {")
    return _rendered(document, pictures or {}, whole=False, name="", style=f"{SCOPE} {{\n{style}}}\n")


def _rendered(document: Document, pictures: Pictures, *, whole: bool, name: str, style: str) -> str:
    explanations = listed(document, "explanations")
    many = _overall(document) if "dependence" in document else None
    return str(
        templates.template("explaining.html").render(
            whole=whole,
            name=text(name, 80),
            style=style,
            version=VERSION,
            told=_lead(document),
            overall=many,
            explanations=[_explanation(one, place, pictures) for place, one in enumerate(explanations)],
            importance=_importance(listed(document, "importance")) if many is None else None,
        )
    )


def shown(document: Document) -> list[dict[str, Any]]:
    """What the report shows of the explanations that a bundle carries: bars and tables, for it holds no values."""
    found: list[dict[str, Any]] = []
    for group in ("typical", "worst"):
        for one in listed(document, group):
            loss = f"its loss is {number(one.get('loss'))}"
            about = "answered as most are" if group == "typical" else "among the worst"
            found.append({**_explanation(one, len(found), {}), "group": f"{about}; {loss}"})
    return found


def _lead(document: Document) -> str:
    if "dependence" in document:
        of = _OF.get(str(document.get("scale")), "{}").format(text(document.get("output", ""), 60))
        return f"What moves {of}, over {count(document.get('rows'), 'row')} of {number(document.get('of'))}."
    rows = count(len(listed(document, "explanations")), "row")
    return f"{rows}, each with what its parts add to the answer or take from it."


def _overall(document: Document) -> dict[str, Any]:
    """What is told over many rows."""
    declined = [
        f"{text(each.get('part', ''), 80)}: {text(each.get('reason', ''), 300)}"
        for each in listed(document, "declined")
    ]
    return {"parts": overall.parts(document), "tree": overall.tree(document), "declined": declined}


def _explanation(one: Document, place: int, pictures: Pictures) -> dict[str, Any]:
    """What is drawn and told of one row. place: its number on the page."""
    row = one.get("row")
    of = _OF.get(str(one.get("scale")), "{}").format(text(one.get("output", ""), 60))
    faithful = mapping(one.get("faithfulness"))
    lead = f"For this row {of} is {number(one.get('value'))}; with nothing known it is {number(one.get('base_value'))}."
    said, agrees = text(faithful.get("text", ""), 400), faithful.get("holds") is not False
    said = f"{said[:1].upper()}{said[1:]}" + ("" if not said or said.endswith(".") else ".")
    return {
        "heading": f"Row {number(row)}: {text(_shown(one.get('prediction', NOTHING)), 120)}",
        "lead": f"{lead} {said}" if agrees else lead,
        "doubt": "" if agrees else f"{said} {_DOUBT}",
        "of": of,
        "pictures": drawn(
            f"explanation-{place}", one, {column: cut for (number_, column), cut in pictures.items() if number_ == row}
        ),
        "facts": _facts(one, faithful),
    }


def _facts(one: Document, faithful: Document) -> list[tuple[str, str]]:
    found = [("method", f"{text(one.get('method', ''))}: {text(one.get('reason', ''), 200)}")]
    found.append(("rows the model was asked", number(one.get("calls"))))
    if finite(one.get("completeness_error")):
        told = "how far parts and base are from adding up to the answer"
        found.append(("completeness error", f"{number(one['completeness_error'])} ({told})"))
    if faithful:
        parts = ("insertion", "deletion", "gap", "random_gap")
        said = "insertion {}, deletion {}, gap {}; gap of random orders {}"
        found.append(("agreement", said.format(*(number(faithful.get(part)) for part in parts))))
    for key, value in mapping(one.get("more")).items():
        found.append((text(key, 40).replace("_", " "), _shown(value)))
    return found


def _shown(value: Any) -> str:
    """A value of what a method tells beside, on one line.

    >>> _shown([{"column": "age", "after": 40}]), _shown(0.5)
    ('column age, after 40', '0.5')
    """
    if isinstance(value, Mapping):
        return text(", ".join(f"{key} {_shown(each)}" for key, each in value.items()), 400)
    if isinstance(value, list | tuple):
        return text("; ".join(_shown(each) for each in value), 400)
    return number(value) if finite(value) else text(value, 400)


def _importance(columns: Sequence[Document]) -> dict[str, Any] | None:
    if not columns:
        return None
    rows = [
        [text(one.get("column", "")), number(one.get("value")), interval(one.get("low"), one.get("high"))]
        for one in columns[:ROWS]
    ]
    return {"picture": importance_picture("importance", "What matters", columns[:BARS]), "rows": rows}
