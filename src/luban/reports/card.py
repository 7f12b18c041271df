"""The model card, README.md of a bundle: what it is for, what it was made of, how good it is, where its limits lie."""

from __future__ import annotations

from luban.evidence.measurement import Measurement
from luban.reports import figures, sections, telling
from luban.reports.markdown import code, plain, table
from luban.reports.numbers import NOTHING, count, headed, percent, text
from luban.reports.usage import usage
from luban.reports.view import View, listed, mapping

FINDINGS = 20


def render(view: View) -> str:
    """The card, in Markdown. Whatever comes from data is text in it."""
    parts = [
        f"# {plain(view.name)}",
        f"A model for {plain(_question(view))}. Made by luban {view.version}; `report.html` beside this "
        "file shows it in pictures.",
        "## Intended use",
        _intended(view),
        "## Score",
        _score(view),
        "## Data",
        _data(view),
        "## What was found and repaired",
        _findings(view),
        "## How it was trained",
        _trained(view),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(view)),
        "## How to use it",
        _use(view),
        "## Footprint",
        _facts(sections.footprint(view)) or "Not recorded.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _question(view: View) -> str:
    return telling.question(view.task, view.target, view.classes, view.evaluation.get("positive"))


def _intended(view: View) -> str:
    targets = " and ".join(f"**{plain(name)}**" for name in view.recipe.targets)
    what = f"predicts {targets}" if targets else f"gives {plain(telling.TASKS.get(view.task, ''))}"
    inputs = count(len(view.schema.inputs), "column")
    return (
        f"It {what} from {inputs} of rows like those it was trained on: the same source, the same meaning of columns, "
        "the same time or one that resembles it. For any other use nothing is known about it."
    )


def _score(view: View) -> str:
    tested, validated = view.measurements("test", "given"), view.measurements("validation")
    if not tested and not validated:
        if view.recipe.targets:
            return "It was not measured: the rows that it was made for do not say their target."
        return "There is no target to measure it by."
    told = []
    headline = view.headline
    if headline is not None:
        against = telling.against(headline)
        told.append(f"**{plain(telling.score(headline))}**" + (f"; {plain(against)}." if against else "."))
    if view.evaluation.get("refit"):
        told.append(
            "**The final model was fitted on the test rows as well (`train.refit: all`). The figures are those of the "
            "same model fitted without them.**"
        )
    if tested:
        told.append(f"On {count(tested[0].rows, 'row')} that nothing fitted had seen; intervals are 95%.")
        told.append(_figures(tested))
    if validated:
        told.append(f"Held-out training rows ({plain(validated[0].how)}):")
        told.append(_figures(validated))
    return "\n\n".join(told)


def _figures(measurements: list[Measurement]) -> str:
    with_baseline = any(one.baseline for one in measurements)
    headings = ["metric", "score", "95% interval", *(["baseline", "difference"] if with_baseline else []), "which way"]
    rows = [
        [plain(row["metric"]), row["value"], row["interval"]]
        + ([row["baseline"], row["difference"]] if with_baseline else [])
        + [row["direction"]]
        for row in figures.figures(measurements)
    ]
    return table(headings, rows)


def _data(view: View) -> str:
    told = _facts([*sections.asked(view)[2:], *((name, told) for name, told in sections.profile(view)["facts"])])
    columns = listed(view.document("profile"), "columns")[: sections.COLUMNS]
    rows = [
        [
            plain(text(column.get("name", ""))),
            plain(column.get("kind", "")),
            plain(column.get("role", "")),
            percent(column.get("missing")),
            plain(sections.spread(mapping(column.get("summary")))) or NOTHING,
        ]
        for column in columns
    ]
    return "\n\n".join(part for part in (told, table(["column", "kind", "role", "missing", "spread"], rows)) if part)


def _findings(view: View) -> str:
    stories = telling.stories(
        [finding.to_json() for finding in view.findings], listed(view.document("repairs"), "repairs")
    )
    lines = []
    for story in stories[:FINDINGS]:
        seen = plain(text(mapping(story.finding).get("text", ""), 600))
        became = f" *{plain(telling.outcome(story.repair))}*" if story.repair else ""
        lines.append(f"- **{plain(story.severity)}: {plain(story.condition)}.** {seen}{became}")
    if len(stories) > FINDINGS:
        lines.append(f"- And {len(stories) - FINDINGS} more, in `evidence/findings.json`.")
    return "\n".join(lines) or "Nothing: no condition that was looked for was seen."


def _trained(view: View) -> str:
    tried = [line for line in sections.candidates(view) if line["status"] == "finished"]
    chosen = [
        f"{plain(line['label'])}" + (f" ({line['share']})" if line["share"] else "") for line in tried if line["chosen"]
    ]
    told = [
        f"- {count(len(tried), 'candidate')} competed on rows held out of training; chosen: {', '.join(chosen)}."
        if chosen
        else f"- {count(len(tried), 'candidate')} competed.",
        _facts(sections.decisions(view)),
        "- `recipe.yaml` says it all: fitted again on the same data with the same versions, it gives the same bundle.",
    ]
    return "\n".join(line for line in told if line)


def _limits(view: View) -> list[str]:
    split = mapping(view.evaluation.get("split"))
    limits = []
    if view.measurements("test"):
        kind = plain(split.get("name", ""))
        limits.append(
            f"The score holds for rows drawn like the test rows (split: {kind}). "
            "Other places, groups or times may differ."
        )
    headline = view.headline
    if headline is not None and telling.verdict(headline) in ("alike", "worse"):
        limits.append(f"**By {plain(headed(headline))} it is not shown to be better than the simplest model.**")
    severe = [
        finding for finding in view.findings if finding.severity == "severe" and not _repaired(view, finding.condition)
    ]
    limits += [f"**Not repaired: {plain(finding.condition)}.** {plain(finding.text)}" for finding in severe[:FINDINGS]]
    origin = view.document("origin")
    restricts = origin.get("restricts")
    if isinstance(restricts, list) and restricts:
        what = "; ".join(plain(str(each)) for each in restricts)
        limits.append(
            f"**The licence of the model that it began from is {plain(str(origin.get('licence')))}: {what}.**"
        )
    limits.append("What matters to it is association, not cause: changing a column need not change the outcome.")
    limits.append("Whether it treats groups of people alike was not measured.")
    return limits


def _repaired(view: View, condition: str) -> bool:
    repairs = listed(view.document("repairs"), "repairs")
    return any(repair.get("condition") == condition and repair.get("accepted") for repair in repairs)


def _use(view: View) -> str:
    example = usage(view)
    return f"{code(example.shell, 'sh')}\n\n{code(example.python, 'python')}"


def _facts(facts: list[tuple[str, str]]) -> str:
    return "\n".join(f"- {plain(name)}: {plain(told)}" for name, told in facts)
