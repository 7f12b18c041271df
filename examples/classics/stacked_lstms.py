"""Two LSTMs of 64 units, one on the other, over (100, 10): what somebody does who wears a watch, from 40 recordings.

A recording has three axes of acceleration and three of rotation; four more channels are made of them here: how strong
both are, and how both change from step to step.

Usually done wrong: channels of different units go in as they are, and the largest drowns the others; here each one is
standardised, by the training rows alone. And the second LSTM gets only the last state of the first, where it should
read all of them. Between both there is dropout, and 40 recordings are compared by cross-validation.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import luban

CHANNELS = 6


def recordings(part: str) -> pl.DataFrame:
    """The series of a file of the UEA archive, (100, 10) each, and their labels."""
    lines = (luban.sample("basic-motions").path / f"BasicMotions_{part}.ts").read_text(encoding="utf-8").splitlines()
    cells = [line.split(":") for line in lines[lines.index("@data") + 1 :] if line]
    measured = np.array([[channel.split(",") for channel in row[:CHANNELS]] for row in cells], float).swapaxes(1, 2)
    both = measured.reshape(len(cells), -1, 2, 3)
    strength = np.linalg.norm(both, axis=3)
    change = np.diff(strength, axis=1, prepend=strength[:, :1])
    series = np.concatenate([measured, strength, change], axis=2)
    return pl.DataFrame({"series": series.tolist(), "label": [row[CHANNELS] for row in cells]})


with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        recordings("TRAIN"),
        "label",
        test=recordings("TEST"),
        model="lstm",
        set={
            "model.lstm.units": 64,
            "model.lstm.layers": 2,
            "model.lstm.bidirectional": False,
            "train.epochs": int(os.environ.get("EPOCHS", "60")),
            "train.rows": int(os.environ.get("ROWS", "40")),
            "train.repeats": 1,
        },
        out=Path(folder) / "motions.luban",
    )
    print(bundle.outline())
    score = bundle.measurements[0]
    print(f"{score.metric} on {score.rows:,} test recordings: {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
