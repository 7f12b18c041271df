"""Spoken digits: learned from synthetic voices alone, and tested on takes that two people recorded.

Voices of a synthesizer say a word alike each time, people do not. So each sound is changed whenever it is learned
from: gaps in time and in pitch, noise, and a start that moves. And a voice that learns does not say when to stop: 60
speakers are split as whole speakers. The takes are 20, two of each digit, so the interval of the score is wide.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:spoken-digits-voices",
        "digit",
        test="sample:spoken-digits",
        model="cnn",
        set={
            "drop": ["language"],
            "train.augment": {"mask": 0.2, "shift": 0.2, "noise": 0.3},
            "train.rows": int(os.environ.get("ROWS", "3600")),
            "train.epochs": int(os.environ.get("EPOCHS", "20")),
        },
        out=Path(folder) / "digits.luban",
    )
    print("split:", bundle.stored.evidence["evaluation"]["split"]["reason"])
    accuracy = bundle.measurements[0]
    between = f"{accuracy.low:.2f} to {accuracy.high:.2f}"
    print(f"{accuracy.metric} on {accuracy.rows} recorded takes: {accuracy.value:.2f} ({between})")
