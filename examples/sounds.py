"""Sounds: is a telephone prompt English or French? The same prompt in both languages stays on one side of the split.

Each language has one speaker here, so a network may as well tell the two voices apart: the score is of them alone.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:spoken-language",
        "language",
        model="cnn",
        set={"train.rows": int(os.environ.get("ROWS", "900")), "train.epochs": int(os.environ.get("EPOCHS", "15"))},
        out=Path(folder) / "prompts.luban",
    )
    print("split:", bundle.stored.evidence["evaluation"]["split"]["reason"])
    accuracy = bundle.measurements[0]
    print(f"{accuracy.metric} on {accuracy.rows:,} test prompts: {accuracy.value:.3f}")
