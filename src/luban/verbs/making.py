"""Making a bundle, top to bottom: prepare, examine, repair, encode, search, choose, measure once, draw, store.

Whatever takes long is a unit of work in the run's folder, so a run that was killed continues here without loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from luban.bundle.bundle import Stored
from luban.core.console import Console
from luban.core.deadline import Deadline, Pace
from luban.data.dataset import Dataset, left_out
from luban.data.profile import profile
from luban.evidence.finding import Finding, Repair, Signal, Where, listed, worst_first
from luban.evidence.footprint import Meter
from luban.protocols import Modelling
from luban.recipe.edit import RecipeEdit
from luban.recipe.recipe import Recipe
from luban.training import reading
from luban.training.limits import ASKED, COPIES, LIBRARIES, ROW, Limits
from luban.training.pool import Pool
from luban.training.work_folder import WorkFolder
from luban.verbs import encoding, grouping, judging, pretraining, proving, searching, showing, supervised, writing
from luban.verbs.preparing import prepare
from luban.verbs.repairing import Examined, examine_and_repair
from luban.verbs.stacking import Given

ENDING = 0.15
"""Share of `--time` kept for what follows the search: measuring, drawing, writing."""
ENDING_AT_LEAST = 3.0
"""Seconds."""
ENDING_AT_MOST = 0.4
"""The share that is kept where other work keeps the machine busy, so that everything takes longer."""
BUSY = 1.5
"""How slow a machine is, as its `Pace` says, from which more time is kept, in proportion."""
EXAMINING = 0.4
"""Share of `--time` after which no further condition is examined."""
WRITING = 1.0
"""Seconds of `--time` before its end after which answers are no longer looked at."""
WRITTEN = 0.05
"""Share of `--time` that is kept for writing a language model."""
OF_NETWORKS = ("audio", "image", "series", "text", "words")
"""Data types of which networks learn most."""
MAIN = "main"


def make(
    dataset: Dataset,
    given: Given,
    recipe: Recipe,
    folder: WorkFolder,
    allowed: Limits,
    *,
    key: Mapping[str, str],
    ask: Callable[[str], bool] | None,
    console: Console,
    begun: Mapping[str, Any] | None = None,
) -> Stored:
    """The bundle of a recipe on a data set, in memory. Deterministic in data, recipe and version, but for `--time`.

    begun: the pretrained model that the recipe names, as the evidence states it.
    """
    pace = Pace.now()
    with Meter() as meter:
        console.say(f"{dataset.name}: {dataset.rows:,} rows, {len(dataset.schema.columns)} columns")
        memory = allowed.memory if allowed.memory_reason == ASKED else None
        workers = _workers(dataset, allowed)
        with Pool(folder, MAIN, seed=recipe.seed, ask=ask, say=console.say, memory=memory, **workers) as pool:
            examined = examine_and_repair(
                dataset, given, recipe, effect=proving.effect, ask=ask, until=_examine_until(allowed)
            )
            examined = _within(examined, dataset, given, allowed)
            _tell(examined, console)
            made = _made(examined, given, folder, pool, allowed, pace, ask=ask, console=console)
    prepared = examined.prepared
    repaired = frozenset(repair.condition for repair in examined.repairs if repair.accepted)
    of_data, of_answers = judging.found_with(examined.findings, repaired, made.judged)
    _tell_findings((*of_answers, *made.findings), console)
    _tell_repairs(made.repairs, console)
    taken = folder.networks.taken()
    evidence = {
        **_found(examined, made, (*of_data, *of_answers, *made.findings)),
        "profile": {**profile(dataset, prepared.given_schema or prepared.schema), "dropped": dict(prepared.dropped)},
        "footprint": {**meter.to_json(), **({"trainings": taken} if taken else {})},
        "run": {"key": dict(key), "limits": allowed.to_json()},
        **({"origin": dict(begun)} if begun else {}),
    }
    stored = writing.stored(made, prepared.given_schema or prepared.schema, evidence, folder.history())
    if prepared.task.supervised:
        told = showing.shown(stored, prepared, allowed.deadline.earlier(WRITING))
        stored = replace(stored, evidence={**stored.evidence, "explanations": told})
    return writing.with_pages(stored, dataset.name)


def _made(
    examined: Examined,
    given: Given,
    folder: WorkFolder,
    pool: Pool,
    allowed: Limits,
    pace: Pace,
    *,
    ask: Callable[[str], bool] | None,
    console: Console,
) -> writing.Made:
    """What is trained on the rows, in the way of their task: with a target, of texts themselves, or without either."""
    prepared = examined.prepared
    training = encoding.encode(prepared, folder, MAIN)
    until = _search_until(allowed, pace.slowness())
    if prepared.task.supervised:
        ground = searching.Ground(
            examined, training, folder, pool,
            until=until, at_latest=_search_until(allowed), look_until=allowed.deadline.earlier(WRITING),
            console=console,
        )  # fmt: skip
        with reading.once(folder, training):
            return supervised.make(ground, allowed, ask)
    if isinstance(prepared.task, Modelling):
        return pretraining.make(
            prepared, training, folder, pool, until, console,
            seconds=allowed.seconds, deadline=allowed.deadline, remember=given.remember,
            look_until=_look_until(allowed),
        )  # fmt: skip
    return grouping.make(prepared, training, folder, pool, until, console)


def _found(examined: Examined, made: writing.Made, findings: Sequence[Finding]) -> dict[str, Any]:
    """The evidence of what was found and of what became of it."""
    return {
        "findings": listed(worst_first(findings), (*examined.not_run, *made.not_run)),
        "repairs": {"repairs": [repair.to_json() for repair in (*examined.repairs, *made.repairs)]},
    }


def _examine_until(allowed: Limits) -> Deadline:
    if allowed.seconds is None:
        return allowed.deadline
    return allowed.deadline.earlier((1 - EXAMINING) * allowed.seconds)


def _search_until(allowed: Limits, slowness: float = 1.0) -> Deadline:
    """When the search should end, so that the rest ends in time. slowness: of the machine, as `Pace` says."""
    if allowed.seconds is None:
        return allowed.deadline
    ending = max(ENDING * allowed.seconds, ENDING_AT_LEAST) * max(1.0, slowness / BUSY)
    return allowed.deadline.earlier(min(ending, max(ENDING_AT_MOST * allowed.seconds, ENDING_AT_LEAST)))


def _look_until(allowed: Limits) -> Deadline:
    """When it is too late to look at what a language model forgot: a part of the ending is for writing it."""
    return allowed.deadline if allowed.seconds is None else allowed.deadline.earlier(WRITTEN * allowed.seconds)


def _within(examined: Examined, dataset: Dataset, given: Given, allowed: Limits) -> Examined:
    """The same on fewer training rows, where memory or time allow no more; with a finding that says so."""
    prepared = examined.prepared
    most, reason = allowed.rows(encoding.stored_numbers(prepared))
    rows = len(prepared.division.train)
    if rows <= most:
        return examined
    edit = RecipeEdit("train.rows", prepared.recipe.train.rows, most, f"no more fit into {reason}")
    finding = Finding(
        condition="rows-sampled",
        severity="warning",
        where=Where(),
        evidence=Signal("training rows", float(rows), float(most), rows),
        text=(
            f"{rows:,} rows could train, and {most:,} of them fit into {reason}, so a random sample of that size is "
            "used. More memory or time uses more rows: --memory, --time."
        ),
        edits=(edit,),
    )
    fewer = prepare(dataset, given, edit.apply(prepared.recipe))
    return replace(examined, prepared=fewer, findings=(*examined.findings, finding))


def _workers(dataset: Dataset, allowed: Limits) -> dict[str, int]:
    """A worker for each thread where memory allows it, since a fit on one thread wastes none; else one with all."""
    size = dataset.rows * (COPIES * 4 * len(dataset.schema.columns) + ROW)
    if allowed.workers > 1:
        # The processes that train a network together take the place of workers that fit side by side.
        return {"workers": 1, "threads": allowed.threads, "together": allowed.workers}
    if dataset.rows >= encoding.MANY and any(column.kind in OF_NETWORKS for column in dataset.schema.columns):
        # A network takes most of the time here, and it is one fit: that gets all threads.
        return {"workers": 1, "threads": allowed.threads}
    # Each worker holds its libraries, a fold's copy of the rows and what the trainer makes of them.
    workers = max(1, min(allowed.threads, int((allowed.memory - LIBRARIES / 2) / (size + LIBRARIES / 2))))
    return {"workers": workers, "threads": max(1, allowed.threads // workers)}


def _tell(examined: Examined, console: Console) -> None:
    prepared = examined.prepared
    train, test = len(prepared.division.train), len(prepared.division.test)
    console.say(f"{prepared.task.name}: {prepared.task_reason}")
    console.say(f"{train:,} rows train, {test:,} test: {prepared.division.reason}")
    for line in left_out(prepared.dropped):
        console.say(line)
    _tell_findings(examined.findings, console)
    _tell_repairs(examined.repairs, console)


def _tell_repairs(repairs: Sequence[Repair], console: Console) -> None:
    for repair in repairs:
        console.say(f"{'repaired' if repair.accepted else 'not repaired'}: {repair.condition}: {repair.reason}")


def _tell_findings(findings: Sequence[Finding], console: Console) -> None:
    for finding in findings:
        if finding.severity != "note":
            console.say(f"{finding.severity}: {finding.text}")
