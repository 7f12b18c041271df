"""Trains a small network on real rows and writes what came of it: alone, or as one of several processes.

    python trained_together.py OUT CASE...
    python -m torch.distributed.run --standalone --nproc-per-node 2 trained_together.py OUT CASE...

Cases whose name begins with `normed` train a convolutional network with batch normalisation and dropout on digits, from
the seed that the name ends with, and tell its log loss on digits that it was not trained on.

For each case it writes `OUT/<case>-<number of the process>.json`. A case whose name begins with `killed` ends the
second process in its middle, once.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from luban.batch import Batch, Tensors, dense
from luban.protocols import Form, Shape, Work
from luban.recipe.recipe import Candidate, Train
from luban.training import gradient
from luban.training.distributed import ALONE, Team, together
from luban.training.request import Asked

EPOCHS = 4
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulated": {"accumulate": 3, "l1": 0.001, "clip": 0.1},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.05, "clip": None},
    "stopping": {"stopping": 0.4, "ema": 0.9},
    "weighed": {"accumulate": 2, "l1": 0.001},
    "tiny-batches": {"batch_size": 3},
    "sharded": {"shard": "always", "accumulate": 2, "stopping": 0.4},
    "killed": {},
    "killed-sharded": {"shard": "always"},
    **{f"normed-{seed}": {"batch_size": 32, "learning_rate": 0.003} for seed in (1, 2, 3)},
}
PERCEPTRON = Candidate(model="mlp", settings={"units": [8, 4]})
NORMED = Candidate(model="cnn", settings={"channels": [8, 16], "units": [], "dropout": 0.2, "normalisation": "batch"})


def rows() -> tuple[Batch, Work]:
    """Iris: two of its three species, standardised; 100 rows."""
    from sklearn.datasets import load_iris

    data = load_iris()
    inputs = (data.data[50:] - data.data[50:].mean(0)) / data.data[50:].std(0)
    work = Work("binary", 2, 100, 4, shapes={"table": Shape("vector", (4,))})
    return Batch(inputs.astype(np.float32), (data.target[50:] - 1).astype(np.int64), None), work


def digits() -> tuple[Batch, Work]:
    """1,797 digits of 8 x 8, of which the first 1,200 are for training."""
    from sklearn.datasets import load_digits

    data = load_digits()
    shape = Shape("image", (1, 8, 8), center=(78.0,), spread=(96.0,))
    pixels = (data.images[:, None] * 16).clip(0, 255).astype(np.uint8)
    return Batch(Tensors({"part": pixels}), data.target.astype(np.int64)), Work(
        "multiclass", 10, 1200, 0, shapes={"part": shape}
    )


def train(case: str, folder: Path, team: Team) -> dict[str, Any]:
    normed = case.startswith("normed")
    every, work = digits() if normed else rows()
    batch = every.take(np.arange(1200)) if normed else every
    if case == "weighed":
        batch = Batch(batch.inputs, batch.target, np.linspace(0.1, 2.0, 100))
    lines: list[Mapping[str, Any]] = []

    def tell(line: Mapping[str, Any]) -> None:
        lines.append(line)
        marker = folder / f"{case}-was-killed"
        if case.startswith("killed") and team.rank == 1 and line.get("epoch") == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    # Every step of a network without chance of its own is the same however many processes take it.
    usual = {"epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.01, "patience": 9, "precision": "float32"}
    how = {**usual, "device": "cpu", "augment": {}, "tokens": 1, "stopping": 0.0, "checkpoint_seconds": 0.001}
    found = gradient.fit(
        batch,
        work,
        NORMED if normed else PERCEPTRON,
        Asked(
            Train.model_validate({**how, **CASES[case]}),
            seed=int(case[-1]) if normed else 3,
            folder=folder / f"{case}-{team.size}",
            tell=tell,
            team=team,
        ),
    )
    weights = found.form.weights
    return {
        "score": _log_loss(found.form, every.take(np.arange(1200, 1797))) if normed else None,
        "epochs": [line["train_loss"] for line in lines if "train_loss" in line],
        "stopping": [line["stopping_loss"] for line in lines if "stopping_loss" in line],
        "steps": [(line["step"], line["loss"]) for line in lines if "loss" in line],
        "continues": [line["continues"] for line in lines if "continues" in line],
        "how": [line["how"] for line in lines if "how" in line],
        "weights": {name: np.asarray(values).ravel().tolist() for name, values in weights.items()},
        "digest": hashlib.sha256(b"".join(values.tobytes() for values in weights.values())).hexdigest(),
    }


def _log_loss(form: Form, unseen: Batch) -> float:
    right = dense(form.outputs(unseen.inputs))[np.arange(len(unseen.target)), unseen.target]
    return float(-np.log(right).mean())


def main(out: str, *cases: str) -> None:
    torch.set_num_threads(1)
    with together() if "RANK" in os.environ else nullcontext(ALONE) as team:
        for case in cases:
            place = Path(out) / f"{case}-{team.rank if team.size > 1 else 'alone'}.json"
            if not place.exists():
                place.write_text(json.dumps(train(case, Path(out), team)))


if __name__ == "__main__":
    main(*sys.argv[1:])
