"""An autoencoder: pictures of clothes said in 32 numbers, and drawn again from them.

Usually done wrong: the error is told of the pictures it was trained on, and beside nothing. Here it is that of test
pictures, with an interval, beside what as many principal components leave, which no training is needed for. And it is
trained for too few steps: components are exact after one look at 200 pictures, a network has then taken 25 steps and
leaves nearly all. On 20,000 pictures, in 30 epochs, it leaves .099 where as many components leave .122; on 3,000, in
12 epochs, still .180 against .121.
"""

import gzip
import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import luban

ROWS, EPOCHS, CODE = int(os.environ.get("ROWS", "20000")), int(os.environ.get("EPOCHS", "30")), 32


def clothes(part: str, rows: int) -> np.ndarray:
    """(rows, 28, 28) uint8."""
    path = luban.sample("fashion-mnist").path / f"{part}-images-idx3-ubyte.gz"
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)[:rows]


def table(pixels: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (28, 28)))})


def interval(errors: np.ndarray) -> str:
    half = 1.96 * errors.std(ddof=1) / len(errors) ** 0.5
    return f"{errors.mean():.3f} ({errors.mean() - half:.3f} to {errors.mean() + half:.3f})"


train, test = clothes("train", ROWS), clothes("t10k", max(ROWS // 4, 50))
with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        table(train),
        task="anomaly",
        model="autoencoder",
        set={
            "model.autoencoder.code": CODE,
            "model.autoencoder.channels": [16, 32],
            "train.augment": {},
            "train.epochs": EPOCHS,
        },
        out=Path(folder) / "drawn.luban",
    )
    print(bundle.outline())
    # What the bundle answers is how badly a row is drawn: the mean squared difference of standardised pixels.
    print(f"error on {len(test):,} test images: {interval(bundle.predict(table(test)).to_numpy())}")

    mean, spread = train.mean(), train.std()
    rows, others = ((pixels.reshape(len(pixels), -1) - mean) / spread for pixels in (train, test))
    middle = rows.mean(axis=0)
    axes = np.linalg.eigh(np.cov(rows.T))[1][:, -CODE:]
    left = (others - middle) - (others - middle) @ axes @ axes.T
    print(f"error of {CODE} principal components: {interval((left**2).mean(axis=1))}")
