"""Faults planted in training programs: are they named, early, and are healthy programs left alone?

Programs and faults are in `programs/`; `luban.watch` looks on while each is trained by a plain loop. A fault counts
when it is structural (wrong by construction) or harmful: the score on held-out rows is 3 points and more, and 2
standard errors, below that of the sound program, or the loss is not finite. Others are latent: an alarm there is
neither right nor wrong. Thresholds may be looked at on the tuning programs (`--seed 1000`); those reported are others.

Figures: alarm-recall (harmful and structural), named-first (of these, the right condition is the primary finding),
worst-condition (the smallest share named, of faults with at least four cases), precision (of all alarms raised on
programs with a fault that counts), false-alarms (healthy runs with an alarm above a note), own-program-named (faults
that only the person's code can cure), detection-share (median step of the primary finding over the run's steps),
overhead-<program> (CPU time of a loop that is watched over one that is not), latent-alarms (without a goal),
repaired-with-effect and regressions-accepted (null: a training is not repaired by itself yet).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

import harness
from luban.evidence.intervals import wilson
from programs.cases import FAULTS, REPORTED, TUNING, Case, faulty, fingerprint, healthy
from programs.program import Program, Ran, run

HARM = 0.03
SOUND_SEEDS = 3
TUNING_FROM = 1000


@dataclass(frozen=True)
class Judged:
    """A case with what was found. truth: structural, harmful, latent or healthy."""

    case: Case
    ran: Ran
    truth: str

    @property
    def alarms(self) -> list[Any]:
        return [finding for finding in self.ran.findings if finding.severity != "note"]

    @property
    def named(self) -> bool:
        return bool(self.alarms) and self.alarms[0].condition in FAULTS[self.case.fault].named


class Reference:
    """The scores of sound programs over seeds, each run once."""

    def __init__(self) -> None:
        self._scores: dict[Program, list[float]] = {}

    def of(self, program: Program, seed: int) -> list[float]:
        if program not in self._scores:
            seeds = range(seed, seed + SOUND_SEEDS)
            self._scores[program] = [run(program, each, watching=False).score for each in seeds]
        return self._scores[program]


def judge(case: Case, reference: Reference) -> Judged:
    ran = run(case.program, case.seed)
    if not case.fault:
        return Judged(case, ran, "healthy")
    if FAULTS[case.fault].structural:
        return Judged(case, ran, "structural")
    assert case.sound is not None, "a faulty program has a sound one"
    sound = reference.of(case.sound, case.seed)
    error = float(np.std(sound, ddof=1)) / np.sqrt(len(sound))
    worse = not ran.finite or np.mean(sound) - ran.score > max(HARM, 2 * error)
    return Judged(case, ran, "harmful" if worse else "latent")


def figures(options: harness.Options) -> list[harness.Figure]:
    import torch

    torch.set_num_threads(1)
    programs = TUNING if options.seed >= TUNING_FROM else REPORTED
    if options.quick:
        programs = dict(list(programs.items())[:3])
    severities = (0, 2) if options.seed >= TUNING_FROM else (1, 0, 2)
    harness.say(f"the split of programs, seeds and severities: {fingerprint()}")
    reference = Reference()
    seeds = range(options.seed, options.seed + (1 if options.quick else 5))
    cases = [*faulty(programs, options.seed, severities), *healthy(programs, seeds)]
    judged = []
    for number, case in enumerate(cases):
        one = judge(case, reference)
        judged.append(one)
        primary = one.alarms[0].condition if one.alarms else "nothing"
        wrong = (one.truth == "healthy") == bool(one.alarms) or (case.fault and not one.named)
        if wrong and one.truth != "latent":
            harness.say(f"{case.fault or 'healthy'} in {case.name} (severity {case.severity}): found {primary}")
        if number % 50 == 49:
            harness.say(f"{number + 1} of {len(cases)} programs")
    return [*_detection(judged), *_overheads(options), *_repairs()]


def _detection(judged: list[Judged]) -> list[harness.Figure]:
    counted = [one for one in judged if one.truth in ("structural", "harmful")]
    sound = [one for one in judged if one.truth == "healthy"]
    latent = [one for one in judged if one.truth == "latent"]
    own = [one for one in counted if FAULTS[one.case.fault].own]
    by_fault = defaultdict(list)
    for one in counted:
        by_fault[one.case.fault].append(one.named)
    shares = {name: sum(each) / len(each) for name, each in by_fault.items() if len(each) >= 4}
    worst = min(shares, key=lambda name: shares[name])
    raised = [(one, alarm) for one in counted for alarm in one.alarms]
    right = [alarm.condition in FAULTS[one.case.fault].named for one, alarm in raised]
    steps = [(one.alarms[0].where.step or 0) / max(one.ran.steps, 1) for one in counted if one.alarms]
    return [
        _share("alarm-recall", [bool(one.alarms) for one in counted], (">=", 0.97), "harmful and structural faults"),
        _share("named-first", [one.named for one in counted], (">=", 0.90), "the primary finding is the fault"),
        harness.Figure("worst-condition", shares[worst], goal=(">=", 0.75), how=f"'{worst}'"),
        _share("precision", right, (">=", 0.95), "findings of faulty programs that name the fault"),
        _share("false-alarms", [bool(one.alarms) for one in sound], ("<=", 0.005), "healthy programs"),
        _share("own-program-named", [one.named for one in own], (">=", 0.90), "faults of the person's own code"),
        harness.Figure("detection-share", median(steps), goal=("<=", 0.05), how="median step of the primary finding"),
        _share("latent-alarms", [bool(one.alarms) for one in latent], None, "faults that did no harm"),
    ]


def _share(name: str, hits: list[bool], goal: harness.Goal | None, how: str) -> harness.Figure:
    if not hits:
        return harness.Figure(name, None, goal=goal, reason="there was no such case")
    low, high = wilson(sum(hits), len(hits))
    return harness.Figure(name, sum(hits) / len(hits), low, high, goal, f"{sum(hits)} of {len(hits)}: {how}")


def _overheads(options: harness.Options) -> list[harness.Figure]:
    """CPU time of the same training with and without a watch, in turn."""
    found = []
    for name, program, most in (
        ("small-steps", replace(Program(), epochs=20), 1.08),
        ("large-steps", Program(width=512, depth=4, batch=128, epochs=20), 1.03),
    ):
        ratios = []
        for seed in range(3 if options.quick else 11):
            times = [run(program, seed, watching=watching).seconds for watching in (True, False)]
            ratios.append(times[0] / times[1])
        low, high = np.quantile(ratios, (0.1, 0.9))
        found.append(
            harness.Figure(
                f"overhead-{name}", median(ratios), float(low), float(high), ("<=", most), "median of the runs"
            )
        )
    return found


def _repairs() -> list[harness.Figure]:
    reason = "a training is not repaired by itself yet"
    return [
        harness.Figure("repaired-with-effect", None, goal=(">=", 0.92), reason=reason),
        harness.Figure("regressions-accepted", None, goal=("<=", 0), reason=reason),
    ]


if __name__ == "__main__":
    harness.main(__doc__, figures)
