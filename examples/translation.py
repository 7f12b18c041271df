"""Sequence to sequence: English titles, and the same in French. A memory of titles and a network that writes compete.

Titles come in families, and 19,000 of them are few for a language, so the memory of similar titles is the better one;
model="encoder-decoder" tries the network alone, ROWS=2000 takes as many titles.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:en-fr-titles",
        "french",
        set={"train.rows": int(os.environ.get("ROWS", "15000")), "train.epochs": int(os.environ.get("EPOCHS", "20"))},
        out=Path(folder) / "titles.luban",
    )
    for figure in bundle.measurements:
        if figure.split == "test":
            simplest = f"{figure.baseline.value:.1f}" if figure.baseline else "unknown"
            print(
                f"{figure.metric}: {figure.value:.1f} ({figure.low:.1f} to {figure.high:.1f}), the simplest {simplest}"
            )
    print("history of France:", bundle.predict({"english": ["history of France"]})[0])
