"""Which programs are run: healthy ones, and each fault in three severities. What thresholds are chosen on, and what is
reported, are different programs, seeds and severities, fixed here.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from programs.data import absent
from programs.program import Program

TUNING = {
    "mlp digits": Program(),
    "tanh digits": Program(activation="tanh", depth=3),
    "cnn digits": Program(network="cnn"),
    "lstm digits": Program(network="lstm", rate=3e-3),
    "values": Program(data="diabetes", epochs=30),
    "cancer sgd": Program(data="cancer", epochs=15, optimizer="sgd", rate=0.05),
    "few cancer": Program(data="cancer", among=150, epochs=60, batch=16, rate=3e-3),
    "gru bbc": Program(data="bbc", network="gru", width=32, epochs=8, rate=5e-3),
    "cnn fashion": Program(data="fashion", network="cnn", epochs=6, rate=2e-3),
    "cnn gunpoint": Program(data="gunpoint", network="cnn", epochs=40, batch=16, rate=2e-3),
    "autoencoder cancer": Program(data="cancer", network="autoencoder", width=16, epochs=20),
    "batch norm cancer": Program(data="cancer", normalise="batch", depth=3, optimizer="sgd", rate=0.05, epochs=15),
    "batch norm wine": Program(data="wine", normalise="batch", depth=4, epochs=40, batch=16, rate=5e-3),
    "deep cancer": Program(data="cancer", depth=5, width=32, rate=2e-3, epochs=20),
    "gru gunpoint": Program(data="gunpoint", network="gru", width=24, epochs=40, batch=16, rate=5e-3),
    "transformer gunpoint": Program(data="gunpoint", network="transformer", width=16, epochs=20, batch=16, rate=2e-3),
    "transformer vowels": Program(data="vowels", network="transformer", width=24, epochs=15, batch=16, rate=2e-3),
    "transformer mnist": Program(data="mnist", network="transformer", width=32, epochs=6, rate=2e-3),
    "batch norm fashion": Program(data="fashion", normalise="batch", depth=3, optimizer="sgd", rate=0.05, epochs=8),
    "autoencoder mnist": Program(data="mnist", network="autoencoder", width=48, epochs=8),
    "autoencoder fashion": Program(data="fashion", network="autoencoder", width=32, epochs=8, rate=2e-3),
    "few german": Program(data="german", among=180, epochs=40, batch=16, rate=2e-3),
    "few titanic": Program(data="titanic", among=240, epochs=40, batch=16, rate=2e-3),
    "few vowels": Program(data="vowels", among=180, epochs=40, batch=16, rate=2e-3),
    "few fashion": Program(data="fashion", among=200, epochs=40, batch=16, rate=2e-3),
    "progression": Program(data="progression", epochs=40, batch=16, rate=2e-3),
    "silu cancer": Program(data="cancer", among=180, activation="silu", epochs=60, batch=16, rate=3e-3),
    "lstm vowels": Program(data="vowels", network="lstm", width=32, epochs=20, batch=16, rate=5e-3),
    "lstm motions": Program(data="motions", network="lstm", width=32, epochs=40, batch=16, rate=5e-3),
    "gru motions": Program(data="motions", network="gru", width=24, epochs=40, batch=16, rate=5e-3),
}
"""Programs that thresholds may be chosen on, with seeds from 1000 on.

Of every kind of network that is reported there is one here, on other data.
"""

REPORTED = {
    "gelu digits": Program(activation="gelu", width=96, batch=48),
    "deep digits": Program(depth=5, width=48, rate=2e-3),
    "batch norm digits": Program(normalise="batch", depth=3, optimizer="sgd", rate=0.05),
    "dropout digits": Program(dropout=0.3, width=128, epochs=12, weight_decay=1e-4, optimizer="adamw"),
    "tanh cancer": Program(data="cancer", activation="tanh", epochs=20, width=32),
    "relu wine": Program(data="wine", epochs=40, batch=16, rate=2e-3),
    "silu iris": Program(data="iris", activation="silu", epochs=60, batch=16, rate=3e-3),
    "cnn gelu": Program(network="cnn", activation="gelu", optimizer="adamw", rate=2e-3, epochs=8),
    "gru digits": Program(network="gru", rate=3e-3, width=48),
    "transformer digits": Program(network="transformer", width=32, epochs=6, rate=2e-3),
    "values tanh": Program(data="diabetes", activation="tanh", epochs=40, rate=3e-3, width=32),
    "autoencoder": Program(network="autoencoder", width=48, epochs=8),
    "transformer bbc": Program(data="bbc", network="transformer", width=32, epochs=7, rate=2e-3),
    "mlp fashion": Program(data="fashion", width=96, epochs=8),
    "lstm gunpoint": Program(data="gunpoint", network="lstm", width=32, epochs=40, batch=16, rate=5e-3),
}
"""Programs that figures are reported on, with seeds below 100."""

UNUSUAL = {
    "frozen, declared": {"frozen": "off first"},
    "accumulation": {"accumulation": 2, "batch": 16},
    "small batches": {"batch": 8, "epochs": 5},
    "imbalance 3:1": {"rarer": 0.3},
    "long": {"epochs": 40},
    "third of the rate": {"rate": 1 / 3},
    "three times the rate": {"rate": 3.0},
    "cosine": {"schedule": "cosine"},
    "warm-up": {"schedule": "warm"},
    "clipped": {"clip": 1.0},
    "few rows": {"rows": 120},
    "weight decay": {"weight_decay": 1e-3},
    "fine-tuned": {"start": "other", "frozen": "off first", "rate": 1 / 3},
    "late": {"start": "trained", "rate": 1 / 3},
    "norms frozen": {"normalise": "batch", "start": "trained", "frozen": "norms", "rate": 1 / 3},
}
"""What makes a program unusual and leaves it sound; `rate` multiplies. fine-tuned: from weights learned on other rows,
with a new last layer, the first one frozen and declared so. late: from its own weights, as a resumed training.
"""


@dataclass(frozen=True)
class Fault:
    """named: the conditions that name it, any of which is right. severities: changes of the program, mild to strong.

    structural: wrong by construction, whatever it costs. own: only the person's code can cure it, no recipe.
    networks, data: where it can be planted; empty for all. classes: only where classes are learned.
    needs: changes that make room for it, in the sound one too.
    """

    named: tuple[str, ...]
    severities: tuple[dict[str, Any], ...]
    structural: bool = False
    own: bool = False
    networks: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    classes: bool = False
    needs: tuple[tuple[str, Any], ...] = ()

    def fits(self, program: Program) -> bool:
        """Whether it can be planted in the program."""
        return (
            (not self.networks or program.network in self.networks)
            and (not self.data or program.data in self.data)
            and (program.classes or not self.classes)
        )

    def sound(self, program: Program) -> Program:
        return replace(program, **dict(self.needs))

    def change(self, program: Program, severity: int) -> dict[str, Any]:
        """The fields that it changes, with their values."""
        change = dict(self.severities[min(severity, len(self.severities) - 1)])
        return {**change, "rate": program.rate * change["rate"]} if "rate" in change else change


NUMBERS = (
    "digits", "cancer", "wine", "iris", "fashion", "gunpoint", "diabetes", "mnist", "vowels", "motions", "titanic",
    "german", "progression",
)  # fmt: skip
DENSE = ("mlp",)
FAULTS = {
    "rate too high": Fault(("learning-rate-too-high",), ({"rate": 100.0}, {"rate": 300.0}, {"rate": 1000.0})),
    "rate too low": Fault(("learning-rate-too-low",), ({"rate": 1e-2}, {"rate": 1e-3}, {"rate": 1e-4})),
    "inputs unscaled": Fault(
        ("unscaled-features",), ({"inputs": "times50"}, {"inputs": "times300"}, {"inputs": "times2000"}), networks=DENSE
    ),
    "a column unscaled": Fault(
        ("unscaled-features",),
        ({"inputs": "column300"}, {"inputs": "column3000"}, {"inputs": "column30000"}),
        networks=DENSE,
    ),
    "weights too large": Fault(
        ("bad-initial-loss", "saturated-activation", "exploding-gradient"),
        ({"initial": 5.0}, {"initial": 10.0}, {"initial": 25.0}),
        networks=("mlp", "cnn"),
    ),
    "weights constant": Fault(
        ("constant-or-symmetric-init",), ({"initial": "constant"},) * 3, structural=True, networks=("mlp", "cnn")
    ),
    "deep sigmoid": Fault(
        ("vanishing-gradient",),
        (
            {"activation": "sigmoid", "depth": 6},
            {"activation": "sigmoid", "depth": 9},
            {"activation": "sigmoid", "depth": 14},
        ),
        networks=DENSE,
    ),
    "units dead": Fault(
        ("dying-relu",),
        (
            {"activation": "relu", "bias": -3.0},
            {"activation": "relu", "bias": -6.0},
            {"activation": "relu", "bias": -12.0},
        ),
        networks=DENSE,
        needs=(("activation", "relu"), ("normalise", "none")),
    ),
    "saturated": Fault(
        ("saturated-activation", "bad-initial-loss"),
        (
            {"activation": "tanh", "initial": 8.0},
            {"activation": "tanh", "initial": 16.0},
            {"activation": "tanh", "initial": 40.0},
        ),
        networks=DENSE,
        needs=(("activation", "tanh"), ("normalise", "none")),
    ),
    "missing values": Fault(
        ("nonfinite-data",), ({"missing": 1e-4}, {"missing": 1e-3}, {"missing": 1e-2}), structural=True, data=NUMBERS
    ),
    "softmax twice": Fault(("wrong-loss-or-activation",), ({"final": "softmax"},), True, True, classes=True),
    "sigmoid before cross-entropy": Fault(
        ("wrong-loss-or-activation",), ({"final": "sigmoid"},), True, True, classes=True
    ),
    "relu on scores": Fault(("wrong-loss-or-activation",), ({"final": "relu"},), True, True, classes=True),
    "nll of scores": Fault(("wrong-loss-or-activation",), ({"loss": "nll"},), True, True, classes=True),
    "shapes broadcast": Fault(("wrong-loss-or-activation",), ({"shape": "flat"},), True, True, data=("diabetes",)),
    "gradients kept": Fault(("stale-gradient",), ({"zero_gradients": False},), True, True),
    "not in the optimiser": Fault(
        ("frozen-or-unused-parameter",), ({"frozen": "outside first"}, {"frozen": "outside most"}), True, True
    ),
    "switched off": Fault(
        ("frozen-or-unused-parameter",),
        ({"frozen": "off first", "declared": False}, {"frozen": "off most", "declared": False}),
        True,
        True,
    ),
    "trained in evaluation": Fault(
        ("train-eval-mode-error",), ({"training_mode": False},), True, True, networks=DENSE, needs=(("dropout", 0.3),)
    ),
    "judged in training": Fault(
        ("train-eval-mode-error",), ({"evaluation_mode": False},), True, True, networks=DENSE, needs=(("dropout", 0.3),)
    ),
    "rows mixed": Fault(
        ("batch-dependence",), ({"mixes_rows": True},), True, True, networks=("mlp", "cnn", "transformer")
    ),
    "rows sorted": Fault(("shuffle-error",), ({"shuffled": False},), True, True, classes=True),
    "clipped after the step": Fault(("clipping-ineffective",), ({"clip": 0.01, "clips": False},), True, True),
    "decay in no group": Fault(("weight-decay-ineffective",), ({"weight_decay": 0.01, "decays": False},), True, True),
    "schedule not stepped": Fault(
        ("scheduler-never-steps",), ({"schedule": "cosine", "steps_schedule": False},), True, True
    ),
    "half-precision weights": Fault(
        ("master-weight-precision",), ({"storage": "bfloat16"},), True, True, networks=DENSE
    ),
}


@dataclass(frozen=True)
class Case:
    """A run to judge. faults: their names, none for a healthy one. sound: the program without them.

    alone: of two faults, the program with each of them alone.
    """

    name: str
    program: Program
    seed: int
    faults: tuple[str, ...] = ()
    severity: int = 0
    sound: Program | None = None
    alone: tuple[Program, ...] = ()


def present(programs: dict[str, Program]) -> dict[str, Program]:
    """Those whose data are here."""
    return {name: program for name, program in programs.items() if absent(program.data) is None}


def healthy(programs: dict[str, Program], seeds: range) -> Iterator[Case]:
    """Each program under each seed, and once in each way that is unusual."""
    for name, program in programs.items():
        for seed in seeds:
            yield Case(name, program, seed)
        for kind, change in UNUSUAL.items():
            wanted = dict(change)
            if "rate" in wanted:
                wanted["rate"] = program.rate * wanted["rate"]
            if program.data != "digits" and kind in ("few rows", "small batches"):
                continue
            if kind == "norms frozen" and program.network not in ("mlp", "cnn"):
                continue
            yield Case(f"{name}, {kind}", replace(program, **wanted), seeds[0])


def faulty(programs: dict[str, Program], seed: int, severities: tuple[int, ...]) -> Iterator[Case]:
    """Each fault once in each program that it can be planted in, its severity in turn."""
    turn = 0
    for fault_name, fault in FAULTS.items():
        for name, program in programs.items():
            if not fault.fits(program):
                continue
            turn += 1
            severity, sound = severities[turn % len(severities)], fault.sound(program)
            yield Case(name, replace(sound, **fault.change(sound, severity)), seed, (fault_name,), severity, sound)


def combined(programs: dict[str, Program], seed: int, count: int) -> Iterator[Case]:
    """Pairs of faults that change different things, drawn, each in one of the programs that both can be planted in.

    Both are of medium severity. Faults that one condition names are not paired.
    """
    random = np.random.default_rng(seed)
    pairs = list(itertools.combinations(FAULTS, 2))
    found = 0
    for at in random.permutation(len(pairs)):
        first, second = (FAULTS[name] for name in pairs[at])
        fitting = [
            name for name, program in programs.items()
            if first.fits(program) and second.fits(program) and _apart(first, second, program)
        ]  # fmt: skip
        if not fitting or set(first.named) & set(second.named):
            continue
        name = fitting[int(random.integers(len(fitting)))]
        sound = second.sound(first.sound(programs[name]))
        changes = first.change(sound, 1), second.change(sound, 1)
        alone = tuple(replace(sound, **change) for change in changes)
        yield Case(name, replace(sound, **changes[0], **changes[1]), seed, pairs[at], 1, sound, alone)
        found += 1
        if found == count:
            return


def _apart(first: Fault, second: Fault, program: Program) -> bool:
    """Whether neither changes what the other changes or needs."""
    fields = [{*fault.change(program, 1), *dict(fault.needs)} for fault in (first, second)]
    return not fields[0] & fields[1]


def fingerprint() -> str:
    """The hash of what is fixed before the first scored run: every file beside this one but the rivals' rules."""
    fixed = [path for path in sorted(Path(__file__).parent.glob("*.py")) if path.stem not in ("log", "rivals")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in fixed)).hexdigest()[:16]
