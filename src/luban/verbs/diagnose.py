"""`luban diagnose`: what is wrong with data, or was found when a bundle was made. It changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.evidence.finding import Finding
from luban.verbs import asking, gates
from luban.verbs.bundle import Bundle, is_bundle, opened


@dataclass(frozen=True)
class Diagnosed:
    """What was found. about: the question and the split that were looked at."""

    findings: tuple[Finding, ...]
    not_run: tuple[tuple[str, str], ...]
    about: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            **self.about,
            "findings": [finding.to_json() for finding in self.findings],
            "not_run": [{"condition": condition, "reason": reason} for condition, reason in self.not_run],
        }


def diagnose(
    place: Bundle | str | Path | Any,
    target: str | Sequence[str] | None = None,
    *,
    task: str | None = None,
    positive: str | None = None,
    test: Any = None,
    column: Mapping[str, str] | None = None,
    group: str | None = None,
    order: str | None = None,
    weight: str | None = None,
    seed: int | None = None,
    recipe: Any = None,
    set: Mapping[str, Any] | None = None,
    threads: int | None = None,
    require: Sequence[str] = (),
    console: Console = SILENT,
) -> Diagnosed:
    """Leaks, duplicates, wrong labels and other problems of data, with their evidence and the edits that may cure them.

    place: data, with its `target`; or a bundle, whose own findings are told again.
    require: `no-severe` or `no-warning`; GateError when it is not met.
    """
    gates.parse(require)
    if is_bundle(place):
        if target is not None or test is not None:
            raise UsageError(
                "a bundle has its own target and rows.", where="luban diagnose", fix="luban diagnose BUNDLE"
            )
        found = opened(place)
        evidence = found.stored.evidence.get("findings", {})
        not_run = tuple((line["condition"], line["reason"]) for line in evidence.get("not_run", []))
        result = Diagnosed(tuple(found.findings), not_run, {"bundle": str(found.path)})
    else:
        asked = asking.recipe_of(
            recipe, set, target=target, task=task, positive=positive, column=column, group=group, order=order,
            weight=weight, seed=seed,
        )  # fmt: skip
        result = _examined(place, asked, test, threads, console)
    gates.check(require, [], result.findings, result.to_json())
    return result


def _examined(place: Any, recipe: Any, test: Any, threads: int | None, console: Console) -> Diagnosed:
    from threadpoolctl import threadpool_limits

    from luban.data.open import open_dataset
    from luban.verbs.examine import examine, findings
    from luban.verbs.preparing import Given, prepare

    dataset = open_dataset(place, columns=recipe.columns, console=console)
    given = Given(test=None if test is None else open_dataset(test, like=dataset.schema, console=console))
    prepared = prepare(dataset, given, recipe)
    with threadpool_limits(threads):
        found, not_run = findings(examine(prepared))
    about = {
        "data": dataset.name,
        "rows": dataset.rows,
        "task": prepared.task.name,
        "split": {
            "name": prepared.division.split,
            "reason": prepared.division.reason,
            "train": len(prepared.division.train),
            "test": len(prepared.division.test),
            "dropped": dict(prepared.dropped),
        },
    }
    return Diagnosed(tuple(found), tuple(not_run), about)
