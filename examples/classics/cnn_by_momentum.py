"""A convolutional network of three channels and ten classes, trained by stochastic gradient descent with momentum 0.9.

The pictures are MNIST's digits, coloured here: each one gets a colour of its own on a ground of its own, so that colour
says nothing about the class.

Usually done wrong: a rate that suits Adam. Momentum wants about a hundred times as much, a warm-up before it, and a
falling rate behind it; and pixels that are standardised for each channel by the training rows alone.
"""

import gzip
import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import luban

ROWS, EPOCHS = int(os.environ.get("ROWS", "20000")), int(os.environ.get("EPOCHS", "10"))


def coloured(part: str, rows: int, seed: int) -> pl.DataFrame:
    folder, random = luban.sample("mnist").path, np.random.default_rng(seed)
    pixels = np.frombuffer(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    ink = pixels.reshape(-1, 28, 28, 1)[:rows] / 255
    digit, ground = random.integers(100, 256, (2, len(ink), 1, 1, 3)) * np.array([1.0, 0.35])[:, None, None, None, None]
    images = (ink * digit + (1 - ink) * ground).astype(np.uint8)
    return pl.DataFrame(
        {
            "image": pl.Series(images, dtype=pl.Array(pl.UInt8, (28, 28, 3))),
            "label": pl.Series(labels[:rows]).cast(pl.String),
        }
    )


with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        coloured("train", ROWS, seed=0),
        "label",
        test=coloured("t10k", max(ROWS // 4, 50), seed=1),
        model="cnn",
        set={
            "train.optimizer": "sgd",
            "train.momentum": 0.9,
            "train.weight_decay": 0.0005,
            "train.schedule": "cosine",
            "train.warmup": 0.05,
            "train.augment": {},
            "train.epochs": EPOCHS,
        },
        out=Path(folder) / "coloured.luban",
    )
    print(bundle.outline())
    score = bundle.measurements[0]
    print(f"{score.metric} on {score.rows:,} test images: {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
    print("found by the run:", bundle.recipe.model.candidates[0].train["learning_rate"], "as the largest rate")
