"""The report: one HTML document that opens anywhere. It needs no network and no script, and runs none."""

from __future__ import annotations

from typing import Any

from luban.recipe.document import to_yaml
from luban.reports import explaining, figures, repairing, sections, telling, templates
from luban.reports.curves import learning
from luban.reports.numbers import count, text, title
from luban.reports.usage import usage
from luban.reports.view import View, listed, mapping


def render(view: View) -> str:
    """The page of a bundle. Whatever comes from data is escaped, and the page's policy forbids scripts on top."""
    tested = view.measurements("test", "given")
    return str(
        templates.template("page.html").render(
            name=text(view.name, 80),
            style=templates.style(),
            version=view.version,
            question=telling.question(view.task, view.target, view.classes, view.evaluation.get("positive")),
            headline=figures.figures([view.headline])[0] if view.headline else None,
            against=telling.against(view.headline) if view.headline else "",
            verdict=telling.verdict(view.headline) if view.headline else "unknown",
            chosen=text(mapping(view.evaluation.get("chosen")).get("label", ""), 60),
            refit=bool(view.evaluation.get("refit")),
            asked=sections.asked(view),
            stories=_stories(view),
            not_run=[
                (text(line.get("condition", "")), text(line.get("reason", ""), 200))
                for line in listed(view.document("findings"), "not_run")
            ],
            tested=figures.figures(tested),
            tested_rows=count(tested[0].rows, "row") if tested else "",
            score_picture=figures.score_picture(tested),
            baseline=next((text(m.baseline.model) for m in tested if m.baseline), ""),
            validated=figures.figures(view.measurements("validation")),
            decisions=sections.decisions(view),
            candidates=sections.candidates(view),
            compared_by=title(str(view.evaluation.get("metric", ""))),
            learning=learning(view),
            calibration=figures.calibration_curve(view),
            confusion=figures.confusion(view),
            residuals=figures.residuals(view),
            forecast=figures.forecast(view),
            written=figures.written(view),
            clusters=figures.clusters(view),
            anomaly=figures.anomaly(view),
            importance=figures.importance(view),
            explanations=explaining.shown(view.document("explanations")),
            profile=sections.profile(view),
            recipe=to_yaml(view.recipe),
            footprint=sections.footprint(view),
            answering=sections.answering(view),
            units=len(view.history),
            usage=usage(view),
        )
    )


def _stories(view: View) -> list[dict[str, Any]]:
    findings = [finding.to_json() for finding in view.findings]
    return [
        {
            "condition": text(story.condition),
            "severity": story.severity if story.severity in ("note", "warning", "severe") else "note",
            "text": text(story.finding.get("text", ""), 800) if story.finding else "",
            "evidence": telling.evidence(mapping(story.finding.get("evidence"))) if story.finding else "",
            "edits": [telling.edit(change) for change in listed(story.finding or {}, "edits")],
            "outcome": telling.outcome(story.repair) if story.repair else "",
            "accepted": bool(story.repair and story.repair.get("accepted")),
            "picture": repairing.picture(story.repair, place) if story.repair else "",
        }
        for place, story in enumerate(telling.stories(findings, listed(view.document("repairs"), "repairs")))
    ]
