"""Which programs are run: healthy ones, and each fault in three severities. What thresholds are chosen on, and what is
reported, are different programs, seeds and severities, fixed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from programs.program import Program

TUNING = {
    "mlp digits": Program(),
    "tanh digits": Program(activation="tanh", depth=3),
    "cnn digits": Program(network="cnn"),
    "lstm digits": Program(network="lstm", rate=3e-3),
    "values": Program(data="diabetes", epochs=30),
    "cancer sgd": Program(data="cancer", epochs=15, optimizer="sgd", rate=0.05),
}
"""Programs that thresholds may be chosen on, with seeds from 1000 on."""

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
}
"""What makes a program unusual and leaves it sound; `rate` multiplies."""


@dataclass(frozen=True)
class Fault:
    """named: the conditions that name it, any of which is right. severities: changes of the program, mild to strong.

    structural: wrong by construction, whatever it costs. own: only the person's code can cure it, no recipe.
    networks, data: where it can be planted; empty for all. needs: changes that make room for it, in the sound one too.
    """

    named: tuple[str, ...]
    severities: tuple[dict[str, Any], ...]
    structural: bool = False
    own: bool = False
    networks: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    needs: tuple[tuple[str, Any], ...] = ()


CLASSES = ("digits", "cancer", "wine", "iris")
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
    "missing values": Fault(("nonfinite-data",), ({"missing": 1e-4}, {"missing": 1e-3}, {"missing": 1e-2}), True),
    "softmax twice": Fault(("wrong-loss-or-activation",), ({"final": "softmax"},), True, True, data=CLASSES),
    "sigmoid before cross-entropy": Fault(
        ("wrong-loss-or-activation",), ({"final": "sigmoid"},), True, True, data=CLASSES
    ),
    "relu on scores": Fault(("wrong-loss-or-activation",), ({"final": "relu"},), True, True, data=CLASSES),
    "nll of scores": Fault(("wrong-loss-or-activation",), ({"loss": "nll"},), True, True, data=CLASSES),
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
    "rows sorted": Fault(
        ("shuffle-error",), ({"shuffled": False},), True, True, data=("digits", "cancer", "wine", "iris")
    ),
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
    """A run to judge. fault: its name, or empty for a healthy one. sound: the program without the fault."""

    name: str
    program: Program
    seed: int
    fault: str = ""
    severity: int = 0
    sound: Program | None = None


def healthy(programs: dict[str, Program], seeds: range) -> Iterator[Case]:
    for name, program in programs.items():
        for seed in seeds:
            yield Case(name, program, seed)
        for kind, change in UNUSUAL.items():
            wanted = dict(change)
            if "rate" in wanted:
                wanted["rate"] = program.rate * wanted["rate"]
            if program.data != "digits" and kind in ("few rows", "small batches"):
                continue
            yield Case(f"{name}, {kind}", replace(program, **wanted), seeds[0])


def faulty(programs: dict[str, Program], seed: int, severities: tuple[int, ...]) -> Iterator[Case]:
    """Each fault once in each program that it can be planted in, its severity in turn."""
    turn = 0
    for fault_name, fault in FAULTS.items():
        for name, program in programs.items():
            if fault.networks and program.network not in fault.networks:
                continue
            if (fault.data and program.data not in fault.data) or (fault.data and program.network == "autoencoder"):
                continue
            sound = replace(program, **dict(fault.needs))
            turn += 1
            severity = severities[turn % len(severities)]
            change = dict(fault.severities[min(severity, len(fault.severities) - 1)])
            if "rate" in change:
                change["rate"] = sound.rate * change["rate"]
            yield Case(name, replace(sound, **change), seed, fault_name, severity, sound)


def fingerprint() -> str:
    """The hash of this file: what was fixed before the first scored run."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
