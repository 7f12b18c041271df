"""Series of unequal length: which of nine speakers said two vowels, from twelve channels of 7 to 29 steps."""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:japanese-vowels",
        "label",
        model=["cnn", "gru"],
        set={"train.epochs": int(os.environ.get("EPOCHS", "60"))},
        out=Path(folder) / "vowels.luban",
    )
    accuracy = bundle.measurements[0]
    print(f"{accuracy.metric} on {accuracy.rows:,} test utterances: {accuracy.value:.3f}")
    print("answers:", bundle.stored.evidence["evaluation"]["chosen"]["label"])
