"""The classic networks of `examples/classics` learn: on a few rows the loss of the last epoch is below the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from luban.batch import Batch, Ragged, Tensors
from luban.protocols import Shape, Work
from luban.recipe.recipe import Candidate
from training.networks import decided, train

ROWS = 24


def images(channels: int, classes: int) -> tuple[Batch, Work]:
    """Pictures with a bright row whose place is the class."""
    random = np.random.default_rng(0)
    target = np.arange(ROWS) % classes
    pixels = random.integers(0, 120, (ROWS, channels, 28, 28)).astype(np.uint8)
    for row, code in enumerate(target):
        pixels[row, :, 2 * code + 2] = 255
    shape = Shape("image", (channels, 28, 28), center=(60.0,) * channels, spread=(50.0,) * channels)
    work = Work("multiclass", classes, ROWS, 0, shapes={"part": shape})
    return Batch(Tensors({"part": pixels}), target), work


def series(steps: int, channels: int, classes: int) -> tuple[Batch, Work]:
    """Series of unequal length whose level is the class."""
    random = np.random.default_rng(0)
    target = np.arange(ROWS) % classes
    rows = [
        (random.normal(size=(int(random.integers(steps // 2, steps + 1)), channels)) + code - classes / 2)
        for code in target
    ]
    shape = Shape("sequence", (channels,), longest=steps, center=(0.0,) * channels, spread=(2.0,) * channels)
    work = Work("multiclass", classes, ROWS, 0, shapes={"part": shape})
    return Batch(Tensors({"part": Ragged.of([row.astype(np.float32) for row in rows])}), target), work


ONE_WAY = {"bidirectional": False}
CLASSICS: dict[str, tuple[str, dict[str, Any], tuple[Batch, Work], dict[str, Any]]] = {
    "cnn of 32-64-128": ("cnn", {"channels": (32, 64, 128), "units": ()}, images(1, 10), {}),
    "cnn by momentum": ("cnn", {}, images(3, 10), {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.02}),
    "rnn of 2 x 256": ("rnn", {"units": 256, "layers": 2, **ONE_WAY}, series(24, 12, 9), {}),
    "lstm over (100, 64)": ("lstm", {"units": 64, **ONE_WAY}, series(100, 64, 3), {}),
    "2 lstms over (100, 10)": ("lstm", {"units": 64, "layers": 2, **ONE_WAY}, series(100, 10, 4), {}),
    "autoencoder": ("autoencoder", {"code": 32}, images(1, 10), {}),
}


@pytest.mark.parametrize("name", CLASSICS)
def test_a_classic_network_learns(name: str) -> None:
    model, settings, (batch, work), changes = CLASSICS[name]
    if model == "autoencoder":
        batch, work = Batch(batch.inputs, None), Work("anomaly", 1, ROWS, 0, shapes=work.shapes)
    torch.set_num_threads(1)
    told: list[Any] = []
    how = decided(**{"epochs": 8, "batch_size": 12, "learning_rate": 0.003, **changes})
    train(batch, work, how, candidate=Candidate(model=model, settings=settings), tell=told.append)
    losses = [line["train_loss"] for line in told if "epoch" in line and "train_loss" in line]
    assert len(losses) == 8 and losses[-1] < 0.9 * losses[0]
