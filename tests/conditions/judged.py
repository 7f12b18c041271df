"""Answers to held-out rows, sound and faulty, and what conditions see of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from luban.core import registry
from luban.evidence.finding import Finding
from luban.evidence.judgement import Beside, Judgement, Runs, Slice, Told
from luban.protocols import Condition

ROWS = 1_000
CLASSES = ("early", "late")


def find(name: str, judgement: Judgement) -> list[Finding]:
    """What one condition finds."""
    condition: Condition = registry.find("conditions", name)
    return condition.examine(judgement)


def binary(rows: int = ROWS, seed: int = 0, sharpness: float = 1.0) -> Told:
    """Classes drawn from probabilities, which are told sharpened: with 1 they are true."""
    random = np.random.default_rng(seed)
    evidence = random.normal(size=rows) * 2
    target = (random.random(rows) < 1 / (1 + np.exp(-evidence))).astype(np.int64)
    said = 1 / (1 + np.exp(-sharpness * evidence))
    return Told(target, np.stack([1 - said, said], axis=1))


def values(rows: int = ROWS, seed: int = 0, error: float = 0.3) -> Told:
    """Values, and answers that miss them by `error`."""
    random = np.random.default_rng(seed)
    target = random.normal(size=rows)
    return Told(target, (target + random.normal(size=rows) * error)[:, None])


def judgement(held_out: Told, task: str = "binary", **parts: Any) -> Judgement:
    classes = CLASSES if task == "binary" else ()
    return Judgement(task=task, classes=classes, model="linear", held_out=held_out, **parts)


def sound(task: str = "binary") -> Judgement:
    """All of it known, and nothing wrong."""
    make = binary if task == "binary" else values
    held_out = make()
    random = np.random.default_rng(5)
    return judgement(
        held_out,
        task,
        settings={"train.calibration": "auto", "model.names": ["linear"]},
        folds=np.arange(ROWS) % 5,
        uncorrected=held_out.outputs,
        train=make(seed=1),
        beside=Beside(np.arange(ROWS), held_out.outputs),
        slices=(Slice("town", "'town' is 'Ulm'", random.random(ROWS) < 0.3),),
        runs=Runs("accuracy" if task == "binary" else "r2", (0.80, 0.81, 0.80), 0.5),
    )
