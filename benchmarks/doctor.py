"""Faults planted in training programs: are they named, early, and are healthy programs left alone?

Programs and faults are in `programs/`; `luban.watch` looks on while each is trained by a plain loop. A fault counts
when it is structural (wrong by construction) or harmful: the score on held-out rows is 3 points and more, and 2
standard errors, below that of the sound program, or the loss is not finite. Others are latent: an alarm there is
neither right nor wrong. Thresholds may be looked at on the tuning programs (`--seed 1000`); those reported are others.

Figures: alarm-recall (harmful and structural), named-first (of these, the right condition is the primary finding),
worst-condition (the smallest share named, of faults with at least four cases), precision (of all alarms raised on
programs with a fault that counts), false-alarms (healthy runs with an alarm above a note), own-program-named (faults
that only the person's code can cure), detection-share (median step of the primary finding over the run's steps),
combined-first (of programs with two faults that count, the primary finding is one of them), combined-both (both are
named, be it as what the other one accounts for), latent-alarms (without a goal), overhead-<program> (CPU time of a loop
that is watched over one that is not).

The rules of other tools, re-stated in `programs/rivals.py`, read logs of the same runs: <tool>-recall and
<tool>-false-alarms, of the same cases as alarm-recall and false-alarms. They are no runs of these tools.

Two processes share the cases, a thread each. Programs whose data were never fetched are left out, and told.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np

import harness
from luban.evidence.intervals import wilson
from programs.cases import FAULTS, REPORTED, TUNING, Case, combined, faulty, fingerprint, healthy, present
from programs.data import absent
from programs.log import Log
from programs.program import Program
from programs.rivals import RIVALS
from programs.running import Ran, run

HARM = 0.03
SOUND_SEEDS = 3
TUNING_FROM = 1000
PAIRS = 30
TURNS = 41
"""Pairs of trainings that overheads are measured by."""
PROCESSES = 2
LONGEST_QUICK = 30
QUICK = ("mlp digits", "values", "gelu digits", "silu iris")


@dataclass(frozen=True)
class Judged:
    """A case with what was found. truth: structural, harmful, latent or healthy; of two faults the lesser one.

    rivals: the tools whose rules raise an alarm.
    """

    case: Case
    ran: Ran
    truth: str
    rivals: frozenset[str]

    @property
    def counts(self) -> bool:
        return self.truth in ("structural", "harmful")

    @property
    def alarms(self) -> list[Any]:
        return [finding for finding in self.ran.findings if finding.severity != "note"]

    @property
    def right(self) -> set[str]:
        """The conditions that name one of its faults."""
        return {condition for fault in self.case.faults for condition in FAULTS[fault].named}

    @property
    def named(self) -> bool:
        return bool(self.alarms) and self.alarms[0].condition in self.right

    @property
    def both(self) -> bool:
        """Whether each fault is named, be it as what another one accounts for."""
        told = {condition for alarm in self.alarms for condition in (alarm.condition, *alarm.explains)}
        return all(told & set(FAULTS[fault].named) for fault in self.case.faults)


class Reference:
    """The scores of sound programs over seeds, each run once."""

    def __init__(self) -> None:
        self._scores: dict[Program, list[float]] = {}

    def of(self, program: Program, seed: int) -> list[float]:
        if program not in self._scores:
            seeds = range(seed, seed + SOUND_SEEDS)
            self._scores[program] = [run(program, each, watching=False).score for each in seeds]
        return self._scores[program]

    def harmed(self, case: Case, ran: Ran) -> bool:
        assert case.sound is not None, "a faulty program has a sound one"
        sound = self.of(case.sound, case.seed)
        error = float(np.std(sound, ddof=1)) / np.sqrt(len(sound))
        return not ran.finite or bool(np.mean(sound) - ran.score > max(HARM, 2 * error))


def judge(case: Case, reference: Reference) -> Judged:
    ran, log = run(case.program, case.seed), Log()
    if len(case.faults) < 2:
        run(case.program, case.seed, watching=False, log=log)
    alarms = frozenset(name for name, rules in RIVALS.items() if log.losses and rules(log))
    return Judged(case, ran, _truth(case, ran, reference), alarms)


def _truth(case: Case, ran: Ran, reference: Reference) -> str:
    if not case.faults:
        return "healthy"
    structural = [FAULTS[fault].structural for fault in case.faults]
    if all(structural):
        return "structural"
    if not case.alone:
        return "harmful" if reference.harmed(case, ran) else "latent"
    alone = [
        run(program, case.seed, watching=False)
        for program, certain in zip(case.alone, structural, strict=True)
        if not certain
    ]
    return "harmful" if all(reference.harmed(case, each) for each in alone) else "latent"


def judged(cases: list[Case]) -> list[Judged]:
    """Every case of a group, which share what their sound programs reach."""
    import torch

    torch.set_num_threads(1)
    reference = Reference()
    return [judge(case, reference) for case in cases]


def figures(options: harness.Options) -> list[harness.Figure]:
    import torch

    torch.set_num_threads(1)
    tuning = options.seed >= TUNING_FROM
    chosen = TUNING if tuning else REPORTED
    if options.quick:
        halved = {name: replace(program, epochs=program.epochs // 2) for name, program in chosen.items()}
        chosen = {name: program for name, program in halved.items() if name in QUICK}
    programs = present(chosen)
    for name in sorted(chosen.keys() - programs.keys()):
        harness.say(f"'{name}' is left out: {absent(chosen[name].data)}")
    harness.say(f"the split of programs, seeds and severities: {fingerprint()}")
    seeds = range(options.seed, options.seed + (1 if options.quick else 5))
    cases = [
        *faulty(programs, options.seed, (0, 2) if tuning else (1, 0, 2)),
        *(case for case in healthy(programs, seeds) if not (options.quick and case.program.epochs > LONGEST_QUICK)),
        *combined(programs, options.seed, 4 if options.quick else PAIRS),
    ]
    found: list[Judged] = []
    for group in _shared(cases):
        found += group
        for one in group:
            _tell(one)
        harness.say(f"{len(found)} of {len(cases)} programs")
    return [*_detection(found), *_combined(found), *_rivals(found), *_overheads(options)]


def _shared(cases: list[Case]) -> Iterable[list[Judged]]:
    """Groups of cases of one sound program, shared by the processes, as many as there are cores for."""
    groups = defaultdict(list)
    for case in cases:
        groups[case.sound or case.program].append(case)
    largest_first = sorted(groups.values(), key=len, reverse=True)
    processes = min(PROCESSES, len(os.sched_getaffinity(0)))
    if processes == 1:
        yield from map(judged, largest_first)
        return
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        yield from pool.map(judged, largest_first)


def _tell(one: Judged) -> None:
    """Says what was not as it should be."""
    primary = one.alarms[0].condition if one.alarms else "nothing"
    if one.truth == "latent" or (one.named if one.case.faults else not one.alarms):
        return
    fault = " and ".join(one.case.faults) or "healthy"
    harness.say(f"{fault} in {one.case.name} (seed {one.case.seed}, severity {one.case.severity}): found {primary}")


def _detection(judged: list[Judged]) -> list[harness.Figure]:
    counted = [one for one in judged if one.counts and len(one.case.faults) == 1]
    sound = [one for one in judged if one.truth == "healthy"]
    latent = [one for one in judged if one.truth == "latent" and len(one.case.faults) == 1]
    own = [one for one in counted if FAULTS[one.case.faults[0]].own]
    by_fault = defaultdict(list)
    for one in counted:
        by_fault[one.case.faults[0]].append(one.named)
    shares = {name: sum(each) / len(each) for name, each in by_fault.items() if len(each) >= 4}
    worst = min(shares, key=lambda name: shares[name], default=None)
    right = [alarm.condition in one.right for one in counted for alarm in one.alarms]
    steps = [(one.alarms[0].where.step or 0) / max(one.ran.steps, 1) for one in counted if one.alarms]
    least = harness.Figure("worst-condition", None, goal=(">=", 0.75), reason="no fault has four cases")
    if worst is not None:
        least = replace(least, value=shares[worst], how=f"'{worst}'", reason=None)
    return [
        _share("alarm-recall", [bool(one.alarms) for one in counted], (">=", 0.97), "harmful and structural faults"),
        _share("named-first", [one.named for one in counted], (">=", 0.90), "the primary finding is the fault"),
        least,
        _share("precision", right, (">=", 0.95), "findings of faulty programs that name the fault"),
        _share("false-alarms", [bool(one.alarms) for one in sound], ("<=", 0.005), "healthy programs"),
        _share("own-program-named", [one.named for one in own], (">=", 0.90), "faults of the person's own code"),
        harness.Figure("detection-share", median(steps), goal=("<=", 0.05), how="median step of the primary finding"),
        _share("latent-alarms", [bool(one.alarms) for one in latent], None, "faults that did no harm"),
    ]


def _combined(judged: list[Judged]) -> list[harness.Figure]:
    pairs = [one for one in judged if one.counts and len(one.case.faults) == 2]
    return [
        _share("combined-first", [one.named for one in pairs], None, "the primary finding is one of two faults"),
        _share("combined-both", [one.both for one in pairs], None, "both faults are named"),
    ]


def _rivals(judged: list[Judged]) -> list[harness.Figure]:
    counted = [one for one in judged if one.counts and len(one.case.faults) == 1]
    sound = [one for one in judged if one.truth == "healthy"]
    told = []
    for name in RIVALS:
        how = "by its rules, re-stated"
        told += [
            _share(f"{name}-recall", [name in one.rivals for one in counted], None, f"alarms on faults, {how}"),
            _share(f"{name}-false-alarms", [name in one.rivals for one in sound], None, f"healthy programs, {how}"),
        ]
    return told


def _share(name: str, hits: list[bool], goal: harness.Goal | None, how: str) -> harness.Figure:
    if not hits:
        return harness.Figure(name, None, goal=goal, reason="there was no such case")
    low, high = wilson(sum(hits), len(hits))
    return harness.Figure(name, sum(hits) / len(hits), low, high, goal, f"{sum(hits)} of {len(hits)}: {how}")


def _overheads(options: harness.Options) -> list[harness.Figure]:
    """CPU time of the same training with and without a watch, in turns."""
    found = []
    for name, program, most in (
        ("small-steps", replace(Program(), epochs=20), 1.08),
        ("large-steps", Program(width=512, depth=4, batch=128, epochs=20), 1.03),
    ):
        if options.quick:
            reason = "a quick run is too short for times"
            found.append(harness.Figure(f"overhead-{name}", None, goal=("<=", most), reason=reason))
            continue
        ratio, low, high = harness.paired(
            lambda program=program: run(program, options.seed).seconds,  # type: ignore[misc]
            lambda program=program: run(program, options.seed, watching=False).seconds,  # type: ignore[misc]
            TURNS,
        )
        how = f"median of {TURNS} pairs of trainings, in turns, with the interval of the sign test"
        found.append(harness.Figure(f"overhead-{name}", ratio, low, high, ("<=", most), how))
    return found


if __name__ == "__main__":
    harness.main(__doc__, figures)
