"""`luban diagnose`: what is wrong with data, with a bundle and the rows it is to answer, or with a training that left
a log. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from luban.core.console import SILENT, Console
from luban.core.errors import UsageError
from luban.evidence.attribution import attributed
from luban.evidence.finding import Finding, listed
from luban.verbs import asking, gates, logs
from luban.verbs.bundle import Bundle, is_bundle, opened


@dataclass(frozen=True)
class Diagnosed:
    """What was found. about: the question and the split that were looked at, or the log."""

    findings: tuple[Finding, ...]
    not_run: tuple[tuple[str, str], ...]
    about: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            **self.about,
            **listed(self.findings, self.not_run),
        }


def diagnose(
    place: Bundle | str | Path | Any,
    target: str | Sequence[str] | None = None,
    *,
    task: str | None = None,
    positive: str | None = None,
    test: Any = None,
    against: Any = None,
    data: Any = None,
    weighed: str | Path | None = None,
    corrected: str | Path | None = None,
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

    place: data, with its `target`; or a bundle, whose own findings are reported again; or the log of a training of any
        program: a folder with TensorBoard's event files, a `trainer_state.json`, or a history as CSV, TSV or JSON lines
        with a column of steps or epochs and one of losses, where nothing is said of rows.
    against: newer rows that a bundle should answer: whether they are still like its training rows; where they have the
        target, also whether probabilities come true and no part of them is answered much worse.
    data: the rows that the bundle learned from; with them columns are looked at together.
    weighed: where `data` is written, as CSV or Parquet, with a column of weights by which it lies as the newer rows do.
    corrected: where a bundle is written whose probabilities are corrected to the shares of the classes among the newer
        rows, where they were found to be others.
    require: `no-severe` or `no-warning`; GateError when it is not met.
    """
    gates.parse(require)
    _demand(place, against, data, weighed, corrected)
    of_rows = {
        "--target": target, "--task": task, "--positive": positive, "--test": test, "--against": against,
        "--data": data, "--weighed": weighed, "--corrected": corrected,
        "--column": column, "--group": group, "--order": order, "--weight": weight, "--recipe": recipe, "--set": set,
    }  # fmt: skip
    if is_bundle(place):
        if target is not None or test is not None:
            raise UsageError(
                "a bundle has its own target and rows.", where="luban diagnose", fix="luban diagnose BUNDLE"
            )
        found = opened(place)
        own = against is None
        result = _told(found) if own else _compared(found, against, data, weighed, corrected, threads, console)
    elif (log := logs.log_at(place, of_rows)) is not None:
        seen, unseen, about = logs.examined(log, Path(str(place)))
        result = Diagnosed(tuple(seen), tuple(unseen), about)
    else:
        if against is not None:
            raise _no_bundle(place)
        asked = asking.recipe_of(
            recipe, set, target=target, task=task, positive=positive, column=column, group=group, order=order,
            weight=weight, seed=seed,
        )  # fmt: skip
        result = _examined(place, asked, test, threads, console)
    gates.check(require, [], result.findings, result.to_json())
    return result


def _told(found: Bundle) -> Diagnosed:
    """What was found when the bundle was made."""
    evidence = found.stored.evidence.get("findings", {})
    not_run = tuple((line["condition"], line["reason"]) for line in evidence.get("not_run", []))
    return Diagnosed(tuple(found.findings), not_run, {"bundle": str(found.path)})


def _no_bundle(place: Any) -> UsageError:
    by_command = isinstance(place, str | Path)
    return UsageError(
        "newer rows are compared with a bundle, which knows what it learned from, and this is data.",
        where="--against",
        fix=f"luban fit {place} --target COLUMN --out B, then luban diagnose B --against NEWER"
        if by_command
        else "luban.fit(data, target).path",
    )


def _demand(place: Any, against: Any, data: Any, weighed: Any, corrected: Any) -> None:
    """Raises UsageError for options that need others."""
    for option, value, needed, there in (
        ("--data", data, "--against", against),
        ("--weighed", weighed, "--data", data),
        ("--corrected", corrected, "--against", against),
    ):
        if value is not None and (there is None or not is_bundle(place)):
            raise UsageError(
                f"it goes with a bundle and {needed}.",
                where=option,
                fix="luban diagnose BUNDLE --against NEWER" + (" --data OLDER" if option != "--corrected" else ""),
            )


def _examined(place: Any, recipe: Any, test: Any, threads: int | None, console: Console) -> Diagnosed:
    from threadpoolctl import threadpool_limits

    from luban.data.open import open_dataset
    from luban.verbs import documents
    from luban.verbs.examine import examine, findings
    from luban.verbs.preparing import prepare
    from luban.verbs.stacking import Given

    dataset = open_dataset(place, columns=recipe.columns, console=console)
    recipe = documents.labelled(dataset, recipe)
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


def _compared(
    bundle: Bundle, against: Any, data: Any, weighed: Any, corrected: Any, threads: int | None, console: Console
) -> Diagnosed:
    from threadpoolctl import threadpool_limits

    from luban.data.open import open_dataset
    from luban.training import domains
    from luban.verbs import correcting, drift, sides
    from luban.verbs.examine import findings

    task = bundle.stored.facts["task"]
    about: dict[str, Any] = {"bundle": str(bundle.path), "against": drift.name_of(against), "task": task}
    wanted = drift.conditions()
    if not any(task in condition.tasks for condition in wanted):
        why = f"newer rows are not compared where the task is {task}"
        return Diagnosed((), tuple((condition.id, why) for condition in wanted), about)
    if weighed is not None:
        sides.check(Path(weighed))
    if corrected is not None:
        correcting.demand(bundle, corrected)
    older = None if data is None else open_dataset(data, like=bundle.schema, console=console)
    comparison, encoded = drift.compare(bundle, against, older=older, threads=threads, console=console)
    judged = drift.judged(bundle, comparison)
    with threadpool_limits(threads):
        found, not_run = findings(comparison)
        if judged is not None:
            # Rows that say their target tell too whether they are answered well.
            of_answers, not_judged = findings(judged)
            found, not_run = attributed([*found, *of_answers]), [*not_run, *not_judged]
        if encoded is not None and weighed is not None:
            told = domains.of_sides(encoded.sides, comparison.seed)
            about["weighed"] = vars(sides.weigh(encoded, told, bundle, weighed))
        if corrected is not None:
            made = correcting.correct(bundle, comparison, against, found, corrected, console)
            about["repairs"] = [] if made is None else [made.repair.to_json()]
            if made is not None and made.bundle is not None:
                about["corrected"] = str(made.bundle.path)
    not_run += [
        (each.id, f"it is not looked for where the task is {task}") for each in wanted if task not in each.tasks
    ]
    return Diagnosed(tuple(found), (*not_run, *drift.not_compared(comparison)), {**about, "rows": comparison.rows})
