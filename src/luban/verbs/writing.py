"""From what was made to the stored bundle: its card and its report are views of the evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from luban.arrays import Content
from luban.bundle.bundle import Stored
from luban.core import files
from luban.evidence.finding import Finding, Repair
from luban.features import _given as given_tokenizer
from luban.protocols import Form, State
from luban.recipe.recipe import Recipe
from luban.schema.schema import Schema


@dataclass(frozen=True)
class Made:
    """What training gives: the form, the graph that answers in its place, and what was measured.

    recipe: with what the run recorded. encoder: the state of what encodes rows for the form.
    unfinished: candidates that have no part in the bundle, and why. findings: what training showed.
    repairs: what became of the edits that were tried for it. judged: what conditions found in its answers.
    not_run: conditions that could not look on or judge, and why. layout: the model as other programs lay it out.
    """

    recipe: Recipe
    encoder: State
    form: Form
    runtime: bytes | None
    facts: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    unfinished: list[dict[str, Any]] = field(default_factory=list)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    judged: tuple[Finding, ...] = ()
    not_run: tuple[tuple[str, str], ...] = ()
    layout: Mapping[str, Content] = field(default_factory=dict)


def stored(made: Made, schema: Schema, evidence: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> Stored:
    """The bundle of what was made, without its pages. evidence: beside what the making itself gives."""
    return Stored(
        recipe=given_tokenizer.by_content(made.recipe),
        schema=schema,
        preprocessor=made.encoder,
        form_kind=made.form.kind,
        form=made.form.state(),
        facts=made.facts,
        evidence={
            "evaluation": made.evaluation,
            "search": {"candidates": made.unfinished},
            **evidence,
            **made.evidence,
        },
        history=history,
        runtime=made.runtime,
        layout=made.layout,
    )


def with_pages(stored: Stored, name: str) -> Stored:
    """The bundle with its card and its report."""
    from luban.reports import card
    from luban.reports.view import View

    return replace(stored, card=card.render(View.of(stored, name)), report=page(stored, name))


def page(stored: Stored, name: str) -> str:
    """The report, one HTML document: of the evidence as it is stored, so that drawing it again gives the same."""
    from luban.reports import page
    from luban.reports.view import View

    evidence = {part: json.loads(files.to_json(document)) for part, document in stored.evidence.items()}
    return page.render(View.of(replace(stored, evidence=evidence), name))
