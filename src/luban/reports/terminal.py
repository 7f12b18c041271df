"""What each verb did, in a few lines for a person: from its JSON document to text. Nothing is printed here."""

from __future__ import annotations

import shlex
from collections.abc import Callable

from luban.evidence.measurement import Measurement
from luban.reports import attributions, overall, parts, telling, usage
from luban.reports.lines import Style, paragraph, style, table
from luban.reports.numbers import count, decimals, headed, interval, number, printable, text, title
from luban.reports.view import Document, listed, mapping

__all__ = ["Style", "show", "style"]


def show(verb: str, document: Document, style: Style) -> str:
    """The lines for the document of a verb."""
    return "\n".join(VERBS.get(verb, other)(document, style))


def fit(document: Document, style: Style) -> list[str]:
    """The score beside the baseline's, the model, what was found and repaired, where all lies, what comes next."""
    place = document.get("bundle")
    lines = [*parts.heading(document, style), *parts.scores(document, style), *parts.chosen(document, style)]
    lines += ["", *parts.stories(document, style)]
    if place is None:
        return lines
    lines += ["", f"bundle  {printable(place)}", f"report  {printable(place)}/report.html"]
    if document.get("resumed"):
        lines.append(style.quiet("        continued from earlier work"))
    quoted = shlex.quote(printable(place))
    return [
        *lines,
        "",
        "next",
        *(f"  {line}" for line in usage.writing(document, quoted)),
        f"  luban predict {quoted} new.csv --out answers.csv",
        f"  luban diagnose {quoted}",
        f"  luban report {quoted} --out report.html",
    ]


def generate(document: Document, style: Style) -> list[str]:
    """The text that was written."""
    return [printable(line) for line in str(document.get("text", "")).splitlines()]


def evaluate(document: Document, style: Style) -> list[str]:
    """The figures, the rows that could not be measured, and what was found in the answers."""
    left_out = mapping(document.get("dropped"))
    lines = parts.scores(document, style)
    lines += [f"left out: {count(many, 'row')}: {text(why, 120)}" for why, many in left_out.items() if many]
    return [*lines, *(parts.stories(document, style) if listed(document, "findings") else [])]


def diagnose(document: Document, style: Style) -> list[str]:
    """What was found, and what could not be looked for."""
    split = mapping(document.get("split"))
    lines = [style.strong(text(document.get("data", document.get("bundle", document.get("log", ""))), 80))]
    if "log" in document:
        about = f"{count(document.get('trainings'), 'training')}: the loss of {count(document.get('losses'), 'step')}, "
        about += f"{count(document.get('checks'), 'check')} on held-out rows. "
        about += f"Steps are counted by {text(document.get('counted', ''))}; read from "
        about += ", ".join(text(name, 60) for name in document.get("columns", []))
        lines += paragraph(about, style)
    if "against" in document:
        rows = f"{count(document['rows'], 'newer row')}: " if "rows" in document else ""
        lines += paragraph(f"{rows}{text(document['against'], 200)}", style)
    if split:
        about = f"{count(document.get('rows'), 'row')}, {telling.TASKS.get(str(document.get('task')), '')}; "
        about += f"split: {text(split.get('name', ''))}, {text(split.get('reason', ''), 200)}"
        lines += paragraph(about, style)
    lines += ["", *parts.stories(document, style, all_notes=True)]
    for cure in listed(document, "cures"):
        lines += paragraph(f"against {text(cure.get('condition', ''))}: {text(cure.get('code', ''), 200)}", style)
    lines += _repaired(document, style)
    not_run = listed(document, "not_run")
    if not_run:
        listing = [[text(line.get("condition", "")), text(line.get("reason", ""), 200)] for line in not_run]
        lines += ["", *table(["not looked for", "why"], listing, style, indent=0)]
    return lines


def _repaired(document: Document, style: Style) -> list[str]:
    """What was written against a shift."""
    lines: list[str] = []
    if weighed := mapping(document.get("weighed")):
        told = f"{count(weighed.get('rows'), 'row')} with weights in '{text(weighed.get('column', ''), 60)}', "
        told += f"worth {number(weighed.get('worth'), 0)} rows of equal weight; the largest weighs "
        told += f"{number(weighed.get('largest'), 1)}: {text(weighed.get('path', ''), 200)}"
        lines += paragraph(told, style)
    if "corrected" in document:
        lines += paragraph(f"a corrected bundle: {text(document['corrected'], 200)}", style)
    elif document.get("repairs") == []:
        lines += paragraph("no bundle was corrected: no other shares of the classes were found", style)
    return lines


def inspect(document: Document, style: Style) -> list[str]:
    """The columns of data, or what a bundle was asked and how it does."""
    columns = listed(document, "columns")
    if "bundle" not in document:
        facts = [f"{text(name, 40)} {text(told, 80)}" for name, told in mapping(document.get("facts")).items()]
        lines = [
            style.strong(f"{text(document.get('name', ''), 80)}: {count(document.get('rows'), 'row')}, "
                         f"{count(len(columns), 'column')}"),
            *paragraph("; ".join(facts), style),
            *(f"left out: {count(many, 'row')}: {text(why, 120)}"
              for why, many in mapping(document.get("dropped")).items() if many),
            *(f"  line {number(line.get('line'))}: {text(line.get('reason', ''), 120)}"
              for line in listed(document, "listed")),
            "",
            *parts.columns(columns, style),
        ]  # fmt: skip
        return [line for place, line in enumerate(lines) if line or place]
    lines = [*parts.heading(document, style), *parts.scores(document, style), *parts.chosen(document, style)]
    if document.get("answers_by"):
        lines.append(f"answers by {text(document['answers_by'])}")
    findings = len(listed(document, "findings"))
    return [*lines, f"{count(findings, 'finding')}: luban diagnose shows them", "", *parts.columns(columns, style)]


def compare(document: Document, style: Style) -> list[str]:
    """The difference of two bundles in each metric, and which is better."""
    names = [text(name, 40) for name in document.get("bundles", ())]
    told = paragraph(text(document.get("text", ""), 400), style)
    if "measurements" not in document:
        first, second = [
            [Measurement.from_json(dict(one)) for one in part] for part in document.get("recorded", ([], []))
        ]
        others = {(one.metric, one.split): one for one in second}
        rows = [
            [
                headed(one),
                one.split,
                *(parts.valued(other) for other in (one, others.get((one.metric, one.split)))),
            ]
            for one in first
        ]
        return [*told, "", *table(["metric", "rows", *names], rows, style, indent=0)]
    rows = []
    for line in listed(document, "measurements"):
        one = parts.measurement(line)
        other, apart = mapping(line.get("baseline")), mapping(line.get("difference"))
        digits = decimals(one.low, one.high)
        winner = {"first": names[0], "second": names[1]}.get(str(line.get("better")), "not told apart")
        rows.append(
            [
                headed(one),
                number(one.value, digits),
                number(other.get("value"), digits),
                f"{number(apart.get('value'), decimals(apart.get('low'), apart.get('high')))} "
                f"({interval(apart.get('low'), apart.get('high'))})",
                winner,
            ]
        )
    return [*told, "", *table(["metric", *names, "difference", "better"], rows, style, right=(1, 2, 3), indent=0)]


def verify(document: Document, style: Style) -> list[str]:
    """Whether every figure was had again."""
    checks = listed(document, "checks")
    rows = [
        [
            title(str(check.get("metric", ""))),
            number(check.get("recorded")),
            number(check.get("measured")),
            style.good("agrees") if check.get("agrees") else style.alarm("differs"),
        ]
        for check in checks
    ]
    met = style.good("verified") if document.get("verified") else style.alarm("not verified")
    data = "the data it was made of" if document.get("same_data") else "not the data it was made of"
    return [
        f"{style.strong(text(document.get('bundle', ''), 200))}: {met}",
        f"files: {text(document.get('files', ''), 200)}",
        f"data:  {data}",
        "",
        *table(["metric", "recorded", "measured", ""], rows, style, right=(1, 2), indent=0),
    ]


def predict(document: Document, style: Style) -> list[str]:
    """How many rows were answered, and where; and how well, where some had a known label."""
    scores = parts.scores(document, style) if listed(document, "measurements") else []
    return [*scores, f"{count(document.get('rows'), 'row')} answered: {printable(document.get('out', ''))}"]


def embed(document: Document, style: Style) -> list[str]:
    """Where the vectors are, or what was found, or how many pairs were compared."""
    if "found" not in document:
        where = f": {printable(document['out'])}" if document.get("out") else ""
        if "width" not in document:
            return [f"{count(document.get('rows'), 'pair')} compared{where}"]
        return [f"{count(document.get('rows'), 'vector')} of {number(document.get('width'))} numbers{where}"]
    found = listed(document, "found")
    files = any("file" in line for line in found)
    rows = [
        [
            printable(line.get("file", "")) if files else number(line.get("row")),
            f"{line.get('similarity', 0.0):.3f}",
            text(line.get("text", ""), 200),
        ]
        for line in found
    ]
    return table(
        ["file" if files else "row", "similarity", "text"], rows, style, right=(1,) if files else (0, 1), indent=0
    )


def explain(document: Document, style: Style) -> list[str]:
    """Why single rows are answered so, or what the model looks at over many."""
    return (attributions.lines if "explanations" in document else overall.lines)(document, style)


def report(document: Document, style: Style) -> list[str]:
    """Where the page lies."""
    return [printable(document.get("report", ""))]


def sample(document: Document, style: Style) -> list[str]:
    """The path alone, so that other programs can take it; or the list."""
    if "samples" not in document:
        return [printable(document.get("path", ""))]
    rows = [
        [
            text(line.get("name", "")),
            text(line.get("target", "")) or "-",
            number(line.get("rows")) if line.get("rows") else "a model",
            "ready" if line.get("here") else "--fetch",
            text(line.get("title", ""), 200),
        ]
        for line in listed(document, "samples")
    ]
    return [
        *table(["sample", "target", "rows", "", "what it is"], rows, style, right=(2,), indent=0),
        "",
        "luban fit sample:NAME --target TARGET",
    ]


def other(document: Document, style: Style) -> list[str]:
    """Any other document, key by key."""
    return [f"{text(key)}  {telling.value(value, 200)}" for key, value in document.items()]


VERBS: dict[str, Callable[[Document, Style], list[str]]] = {
    "compare": compare,
    "diagnose": diagnose,
    "embed": embed,
    "evaluate": evaluate,
    "explain": explain,
    "fit": fit,
    "generate": generate,
    "inspect": inspect,
    "predict": predict,
    "report": report,
    "sample": sample,
    "verify": verify,
}
