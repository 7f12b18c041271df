"""`luban inspect`: how data is understood, column by column; or what a bundle holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.verbs.bundle import Bundle, is_bundle, opened


@dataclass(frozen=True)
class Inspected:
    """What was seen, as its document."""

    document: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return dict(self.document)


def inspect(
    place: Bundle | str | Path | Any, *, column: Mapping[str, str] | None = None, console: Console = SILENT
) -> Inspected:
    """Each column of data with its data type, its role and the reason; or what a bundle was asked and how it does.

    column: data types that override what is inferred, by column.
    """
    if is_bundle(place):
        if column:
            raise UsageError("the columns of a bundle are what they are.", where="--column", fix="leave it out")
        return Inspected(_bundle(opened(place)))
    from luban.data import roles
    from luban.data.open import open_dataset
    from luban.data.profile import profile
    from luban.recipe.recipe import Recipe

    dataset = open_dataset(place, columns=dict(column or {}), console=console)
    document = profile(dataset, roles.assign(dataset, Recipe(columns=dict(column or {}))))
    return Inspected({**document, "listed": [{"line": line, "reason": reason} for line, reason in dataset.listed]})


def _bundle(bundle: Bundle) -> dict[str, Any]:
    evaluation = bundle.stored.evidence["evaluation"]
    kept = ("task", "target", "classes", "positive", "split", "chosen", "measurements", "calibration", "threshold")
    return {
        "bundle": str(bundle.path),
        "content_sha256": bundle.content_sha256,
        **{name: evaluation[name] for name in kept if name in evaluation},
        "columns": bundle.schema.to_json()["columns"],
        "findings": [finding.to_json() for finding in bundle.findings],
        "recipe": bundle.recipe.model_dump(mode="json"),
        "answers_by": "an ONNX graph" if bundle.stored.runtime is not None else "its own arrays",
    }
