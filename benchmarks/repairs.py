"""Faults planted in recipes of networks: does `luban fit` repair their training, by how much, and at what cost?

Each program is a network on a table or on small images, with a recipe that suits it; each fault sets one or two keys of
that recipe wrong, in five severities, of which the ends are reported. A fault counts when it is harmful: on test rows,
which took no part in anything, the faulty training scores 3 points and more, and two standard errors of the paired
difference, below the sound one, or its loss is not finite. Scores are accuracy, or 1 less the error's share of the
variance. Repairs go the way of `luban fit`: looked at when a fifth is done, edits by trial, then trained to the end.

Which programs the thresholds of conditions were looked at on, and which are reported, is fixed here: seeds below 1000
run the reported ones, others the tuning ones.

Figures: repaired-with-effect (harmful faults whose repair was accepted and scores better on test rows, the paired 95%
interval above zero), median-gap-closed (of what separates the sound from the faulty training, over all harmful
faults), regressions-accepted (accepted repairs that score worse than the faulty training by more than a standard
error), random-repaired (the same with as many trials of edits drawn at random from all that any condition offers, and
the same terms), against-random (the difference in points), against-random-p (exact sign test of the pairs),
time-median and time-mean (CPU time until the repaired network is trained, over that of the sound one), healthy-touched
(sound programs whose recipe was changed), latent-repaired (faults without harm whose repair was accepted; no goal).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

import harness
from luban.batch import Batch, Tensors
from luban.core.errors import TrainingError
from luban.core.seed import derive
from luban.evidence.finding import Finding, Signal, Where
from luban.evidence.intervals import wilson
from luban.protocols import Form, Shape, Work
from luban.recipe.edit import RecipeEdit
from luban.recipe.recipe import Candidate, Train
from luban.training import treating, trying
from luban.training.network_fit import NetworkFit
from luban.training.unit import Training, Unit
from luban.training.work_folder import WorkFolder
from programs import data as programs

HARM = 0.03
TUNING_FROM = 1000
PARTS = 4
"""Training rows are cut into so many parts, of which one is held out for the proof."""


@dataclass(frozen=True)
class Program:
    """A network on a data set. settings, train: its recipe, of which the rest is what luban takes by itself."""

    data: str
    model: str = "mlp"
    settings: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)


SGD = {"optimizer": "sgd"}
TUNING = {
    "mlp digits": Program("digits"),
    "mlp cancer": Program("cancer"),
    "mlp digits sgd": Program("digits", train=SGD),
    "mlp diabetes": Program("diabetes"),
    "tanh cancer": Program("cancer", settings={"activation": "tanh", "units": [64, 32]}),
    "relu wine": Program("wine", settings={"units": [48, 24]}),
    "batch norm cancer": Program("cancer", settings={"normalisation": "batch", "units": [48, 48]}),
    "gelu diabetes": Program("diabetes", settings={"activation": "gelu", "units": [48]}),
    "dropout cancer": Program("cancer", settings={"dropout": 0.3, "units": [96]}),
    "cnn clothes": Program("fashion images", "cnn", {"channels": [8, 16], "units": [24]}),
    "silu clothes sgd": Program("fashion", settings={"activation": "silu", "units": [64, 64]}, train=SGD),
}
REPORTED = {
    "tanh digits": Program("digits", settings={"activation": "tanh", "units": [96, 48]}),
    "gelu wine": Program("wine", settings={"activation": "gelu", "units": [32]}),
    "batch norm digits": Program("digits", settings={"normalisation": "batch", "units": [64, 64, 64]}),
    "silu cancer sgd": Program("cancer", settings={"activation": "silu", "units": [48, 24]}, train=SGD),
    "wide digits sgd": Program("digits", settings={"units": [160]}, train=SGD),
    "cnn digits": Program("digits images", "cnn", {"channels": [8, 16], "units": [32]}),
    "tanh diabetes": Program("diabetes", settings={"activation": "tanh", "units": [32, 16]}),
    "dropout digits": Program("digits", settings={"dropout": 0.2, "units": [128, 64]}),
}


@dataclass(frozen=True)
class Fault:
    """severities: keys of the recipe, mild to strong; `*learning_rate` multiplies what a range test finds.

    optimizer: the only one it can be planted with; empty for all. model: likewise.
    """

    severities: tuple[dict[str, Any], ...]
    optimizer: str = ""
    model: str = ""


FAULTS = {
    "rate too high": Fault(tuple({"*learning_rate": times} for times in (30.0, 60.0, 100.0, 200.0, 400.0))),
    "rate too low": Fault(tuple({"*learning_rate": times} for times in (1e-3, 3e-4, 1e-4, 1e-5, 1e-6))),
    "deep sigmoid": Fault(
        tuple({"settings.activation": "sigmoid", "settings.units": [48] * n} for n in (5, 6, 6, 7, 8)), model="mlp"
    ),
    "decay too strong": Fault(tuple({"weight_decay": decay} for decay in (20.0, 30.0, 50.0, 70.0, 90.0)), "adamw"),
    "penalty too strong": Fault(tuple({"l1": penalty} for penalty in (0.05, 0.1, 0.2, 0.5, 1.0))),
    "most units off": Fault(tuple({"settings.dropout": share} for share in (0.9, 0.93, 0.95, 0.97, 0.98)), model="mlp"),
    "gradients cut away": Fault(tuple({"clip": norm} for norm in (3e-4, 2e-4, 1e-4, 1e-5, 1e-6)), "sgd"),
    "loss not finite": Fault(tuple({"learning_rate": rate, "clip": None} for rate in (1e4, 1e5, 1e6, 1e8, 1e9)), "sgd"),
}
FOR_TUNING, REPORTED_SEVERITIES = (1, 3), (0, 4)


@dataclass(frozen=True)
class Case:
    """A program with a fault, or without one (`fault` empty). severity: 0 is mild."""

    name: str
    program: Program
    fault: str
    severity: int
    seed: int


@dataclass(frozen=True)
class Data:
    """Rows to learn from and test rows."""

    batch: Batch
    test: Batch
    work: Work


@dataclass(frozen=True)
class Ran:
    """What came of a training. outcomes: (test rows,) what each adds to the score; None where it failed."""

    outcomes: np.ndarray | None
    seconds: float
    accepted: bool = False


@dataclass(frozen=True)
class Judged:
    """All runs of a case. random: repaired by edits drawn at random."""

    case: Case
    sound: Ran
    faulty: Ran
    treated: Ran
    random: Ran

    @property
    def harmful(self) -> bool:
        low = -_apart(self.faulty, self.sound)[1]
        return _score(self.sound) - _score(self.faulty) >= HARM and low > 0

    @property
    def closed(self) -> float:
        gap = _score(self.sound) - _score(self.faulty)
        return (_score(self.treated) - _score(self.faulty)) / gap


def _score(ran: Ran) -> float:
    return float("-inf") if ran.outcomes is None else max(float(ran.outcomes.mean()), -1.0)


def _known(ran: Ran, like: np.ndarray) -> np.ndarray:
    """The outcomes; of a training that failed, zeros: no row is answered."""
    return np.zeros_like(like) if ran.outcomes is None else ran.outcomes


def _apart(one: Ran, other: Ran) -> tuple[float, float, float]:
    """How much better the first is on the same test rows: low, high, standard error, of the paired difference."""
    like = one.outcomes if one.outcomes is not None else other.outcomes
    assert like is not None, "one of both has answers"
    each = _known(one, like) - _known(other, like)
    error = float(each.std(ddof=1) / np.sqrt(len(each)))
    value = float(each.mean())
    return value - 1.96 * error, value + 1.96 * error, error


def _better(one: Ran, other: Ran) -> bool:
    return one.accepted and _apart(one, other)[0] > 0


@cache
def data(name: str, seed: int) -> Data:
    """A data set of `programs`, shuffled, standardised by its training rows; a quarter is for tests.

    name: that of the data, with `images` behind it for pictures as such.
    """
    source, _, images = name.partition(" ")
    values, target = programs.rows(source)
    order = np.random.default_rng(derive(seed, "rows")).permutation(len(values))
    values, target = values[order], target[order]
    cut = len(values) * 3 // 4
    numbers = source == "diabetes"
    classes = 1 if numbers else int(target.max()) + 1
    target = target.astype(float) if numbers else target.astype(np.int64)
    task = "regression" if numbers else "binary" if classes == 2 else "multiclass"
    if images:
        pixels = values.reshape(-1, 1, *programs.IMAGES[source]).astype(np.float32)
        shape = Shape("image", pixels.shape[1:], center=(float(pixels.mean()),), spread=(float(pixels.std()),))
        kept: Any = Tensors({"picture": pixels})
        work = Work(task, classes, cut, values.shape[1], shapes={"picture": shape})
    else:
        center, spread = values[:cut].mean(axis=0), values[:cut].std(axis=0)
        kept = ((values - center) / np.where(spread > 0, spread, 1.0)).astype(np.float32)
        work = Work(task, classes, cut, kept.shape[1], shapes={"table": Shape("vector", (kept.shape[1],))})
    first, last = np.arange(cut), np.arange(cut, len(values))
    return Data(Batch(kept[first], target[:cut]), Batch(kept[last], target[cut:]), work)


class Bench:
    """The runs of programs, the sound ones made once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._count = 0
        self._rates: dict[tuple[str, int], float] = {}
        self._sound: dict[tuple[str, int], tuple[Ran, bool]] = {}

    def fit(self, case: Case, changes: dict[str, Any]) -> NetworkFit:
        """The fit of the program's recipe with these keys changed, in a folder of its own."""
        own = case.program
        settings = own.settings | {
            k.removeprefix("settings."): v for k, v in changes.items() if k[0] == "s" and "." in k
        }
        train = {"threads": 1, "precision": "float32", "augment": {}, "epochs": self._epochs(case), **own.train}
        train |= {key: value for key, value in changes.items() if "." not in key and key[0] != "*"}
        if "*learning_rate" in changes:
            train["learning_rate"] = changes["*learning_rate"] * self.rate(case)
        folder = WorkFolder(self._place / str(self._count))
        self._count += 1
        folder.claim({})
        rows = data(case.program.data, case.seed)
        folds = np.random.default_rng(derive(case.seed, "parts")).permutation(len(rows.batch)) % PARTS
        tensors = (rows.batch.inputs, rows.work) if isinstance(rows.batch.inputs, Tensors) else None
        training = Training(rows.batch, folds[None], rows.work, case.seed, Train(**train), tensors)  # type: ignore[arg-type]
        return NetworkFit(folder, training, Unit(Candidate(model=own.model, settings=settings), 0))

    @staticmethod
    def _epochs(case: Case) -> int:
        rows = len(data(case.program.data, case.seed).batch)
        return int(np.clip(500 / (rows * 0.75 / 32), 15, 60))

    def rate(self, case: Case) -> float:
        """The learning rate that a range test finds for the sound program."""
        if (case.name, case.seed) not in self._rates:
            chosen = self.fit(case, {}).choices().train.learning_rate
            assert isinstance(chosen, float), "it is decided"
            self._rates[case.name, case.seed] = chosen
        return self._rates[case.name, case.seed]

    def plain(self, case: Case, changes: dict[str, Any]) -> Ran:
        """Trained to its end, and nobody looks."""
        fit, began = self.fit(case, changes), time.process_time()
        try:
            form = fit.run(_never).form
        except TrainingError:
            return Ran(None, time.process_time() - began)
        return Ran(_outcomes(form, data(case.program.data, case.seed)), time.process_time() - began)

    def treated(self, case: Case, changes: dict[str, Any]) -> Ran:
        """Looked at, repaired where that is shown to help, and trained to its end."""
        fit, began = self.fit(case, changes), time.process_time()
        try:
            found = treating.treat(fit, _never, how="auto")
            done, trained = treating.follow(fit.of(found.candidate), _never, known=found.known, how="auto")
        except TrainingError:
            return Ran(None, time.process_time() - began)
        seconds = time.process_time() - began
        accepted = done.unit.candidate != fit.unit.candidate
        return Ran(_outcomes(trained.form, data(case.program.data, case.seed)), seconds, accepted)

    def random(self, case: Case, changes: dict[str, Any]) -> Ran:
        """As many trials as luban has, of edits drawn at random, under the same terms but that a signal goes."""
        fit, began = self.fit(case, changes), time.process_time()
        patient = trying.patient_of(fit, _never)
        now = trying.trained_to(patient, fit.unit.candidate, treating.FIRST)
        drawn = np.random.default_rng(derive(case.seed, "random", case.name, case.fault, case.severity))
        offered = _edits(fit)
        accepted = False
        for place in drawn.permutation(len(offered))[: treating.MOST_TRIES]:
            other = trying.trained_to(patient, trying.edited(now, offered[place]), treating.FIRST)
            if trying.judge(patient, now, other, _ANY, offered[place], further=treating.FIRST).accepted:
                now, accepted = other, True
        if now.error is not None:
            return Ran(None, time.process_time() - began)
        try:
            form = fit.of(now.candidate).run(_never).form
        except TrainingError:
            return Ran(None, time.process_time() - began)
        return Ran(_outcomes(form, data(case.program.data, case.seed)), time.process_time() - began, accepted)

    def judge(self, case: Case) -> Judged:
        changes = FAULTS[case.fault].severities[case.severity]
        sound, _ = self.sound(case)
        runs = (self.plain(case, changes), self.treated(case, changes), self.random(case, changes))
        return Judged(case, sound, *runs)

    def sound(self, case: Case) -> tuple[Ran, bool]:
        """The sound program, and whether a look at it changed its recipe."""
        key = (case.name, case.seed)
        if key not in self._sound:
            self._sound[key] = self.plain(case, {}), self.treated(case, {}).accepted
        return self._sound[key]


_ANY = Finding("replica-drift", "severe", Where(), Signal("nothing", 1.0, 0.0, 1), "nothing is looked for")
"""Stands for a finding that no single process has, so that its signal is never still seen."""


def _never() -> bool:
    return False


def _edits(fit: NetworkFit) -> list[RecipeEdit]:
    """All that conditions offer for a training, in any circumstances, as far as it changes this recipe."""
    from luban.training import tracing

    there = tracing.settings(fit.unit.candidate, fit.choices())
    model = f"model.{fit.unit.candidate.model}"
    offered = [
        ("train.learning_rate", "auto"), ("train.clip", 1.0), ("train.clip", 0.5), ("train.weight_decay", 0.01),
        ("train.weight_decay", 0.1), ("train.l1", 0.0), ("train.label_smoothing", 0.0), ("train.ema", 0.0),
        ("train.warmup", 0.05), ("train.momentum", 0.9), ("train.schedule", "cosine"), ("train.stopping", "auto"),
        (f"{model}.activation", "relu"), (f"{model}.activation", "gelu"), (f"{model}.normalisation", "batch"),
        (f"{model}.dropout", 0.1), (f"{model}.dropout", 0.3),
    ]  # fmt: skip
    return [RecipeEdit(p, there[p], v, "drawn at random") for p, v in offered if p in there and there[p] != v]


def _outcomes(form: Form, rows: Data) -> np.ndarray:
    """(test rows,) 1 for a right class; of values 1 less the squared error's share of the variance."""
    outputs = np.asarray(form.outputs(rows.test.inputs))
    target = np.asarray(rows.test.target)
    if rows.work.task == "regression":
        return 1.0 - (outputs[:, 0] - target) ** 2 / target.var()
    return (outputs.argmax(axis=1) == target).astype(float)


def cases(programs: dict[str, Program], seed: int, severities: tuple[int, ...]) -> Iterator[Case]:
    """Every fault in every program that has room for it."""
    for name, program in programs.items():
        for fault, how in FAULTS.items():
            optimizer = program.train.get("optimizer", "adamw")
            if how.optimizer in ("", optimizer) and how.model in ("", program.model):
                for severity in severities:
                    yield Case(name, program, fault, severity, seed)


def fingerprint() -> str:
    """Of the programs and faults that are reported, so that they are seen to stay."""
    return hashlib.sha256(repr((TUNING, REPORTED, FAULTS)).encode()).hexdigest()[:16]


def figures(options: harness.Options) -> list[harness.Figure]:
    programs = TUNING if options.seed >= TUNING_FROM else REPORTED
    severities: tuple[int, ...] = FOR_TUNING if options.seed >= TUNING_FROM else REPORTED_SEVERITIES
    if options.quick:
        programs, severities = dict(list(programs.items())[:2]), (2,)
    harness.say(f"the split of programs and faults: {fingerprint()}")
    # Those of a program follow each other, so that its sound training is made once.
    asked = [list(cases({name: program}, options.seed, severities)) for name, program in programs.items()]
    judged: list[Judged] = []
    touched: list[bool] = []
    processes = 1 if options.quick else min(os.cpu_count() or 1, 2)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for several, own in pool.map(_of_program, asked):
            judged += several
            touched += own
            for one in several:
                _tell(one)
            harness.say(f"{len(judged)} of {sum(map(len, asked))} cases")
    return _told(judged, touched)


def _of_program(asked: list[Case]) -> tuple[list[Judged], list[bool]]:
    """All cases of a program, and whether its sound recipe was changed, with two seeds."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place))
        # The first training of a process imports what all later ones find.
        bench.plain(asked[0], {})
        judged = [bench.judge(case) for case in asked]
        first = asked[0]
        seeds = (first.seed, first.seed + 1)
        return judged, [bench.sound(Case(first.name, first.program, "", 0, seed))[1] for seed in seeds]


def _tell(one: Judged) -> None:
    """Says of a harmful fault that it was not repaired."""
    if one.harmful and not _better(one.treated, one.faulty):
        told = f"{_score(one.sound):.3f} sound, {_score(one.faulty):.3f} faulty, {_score(one.treated):.3f} treated"
        harness.say(f"not repaired: {one.case.fault} (severity {one.case.severity}) in {one.case.name}: {told}")


def _told(judged: list[Judged], touched: list[bool]) -> list[harness.Figure]:
    harmful = [one for one in judged if one.harmful]
    latent = [one for one in judged if not one.harmful]
    won = [_better(one.treated, one.faulty) for one in harmful]
    drawn = [_better(one.random, one.faulty) for one in harmful]
    accepted = [one for one in judged if one.treated.accepted and one.faulty.outcomes is not None]
    worse = [one for one in accepted if _apart(one.treated, one.faulty)[1] < _apart(one.treated, one.faulty)[2]]
    for one in worse:
        harness.say(f"worse by a repair: {one.case.fault} (severity {one.case.severity}) in {one.case.name}")
    closed = [one.closed if np.isfinite(one.closed) else float(one.treated.accepted) for one in harmful]
    times = [one.treated.seconds / one.sound.seconds for one in harmful if one.treated.accepted]
    only_luban = sum(a and not b for a, b in zip(won, drawn, strict=True))
    only_random = sum(b and not a for a, b in zip(won, drawn, strict=True))
    return [
        _share("repaired-with-effect", won, (">=", 0.92), "harmful faults"),
        harness.Figure("median-gap-closed", median(closed), goal=(">=", 0.90), how=f"{len(closed)} harmful faults"),
        harness.Figure("regressions-accepted", float(len(worse)), goal=("<=", 0), how=f"of {len(accepted)} accepted"),
        _share("random-repaired", drawn, None, "harmful faults"),
        harness.Figure("against-random", 100 * (mean(won) - mean(drawn)), goal=(">=", 25), how="points"),
        harness.Figure("against-random-p", _sign_test(only_luban, only_random), goal=("<=", 0.01),
                       how=f"{only_luban} repaired by luban alone, {only_random} by random edits alone"),
        harness.Figure("time-median", median(times), goal=("<=", 1.6), how="CPU time over that of the sound training"),
        harness.Figure("time-mean", mean(times), goal=("<=", 2.0), how="CPU time over that of the sound training"),
        _share("healthy-touched", touched, ("<=", 0.005), "sound programs whose recipe was changed"),
        _share("latent-repaired", [one.treated.accepted for one in latent], None, "faults that did no harm"),
    ]  # fmt: skip


def _sign_test(wins: int, losses: int) -> float:
    """The probability of so uneven a split, or a more uneven one, of pairs that differ."""
    from scipy.stats import binomtest

    return float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0


def _share(name: str, hits: list[bool], goal: harness.Goal | None, how: str) -> harness.Figure:
    if not hits:
        return harness.Figure(name, None, goal=goal, reason="there was no such case")
    low, high = wilson(sum(hits), len(hits))
    return harness.Figure(name, sum(hits) / len(hits), low, high, goal, f"{sum(hits)} of {len(hits)}: {how}")


if __name__ == "__main__":
    harness.main(__doc__, figures)
