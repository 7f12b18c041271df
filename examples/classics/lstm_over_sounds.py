"""An LSTM of 64 units over (100, 64): a second of sound, as 100 frames of 64 frequency bands. English or French?

Usually done wrong: the same prompt, spoken in both languages, lies on both sides of the split; here a prompt stays on
one side. And the forget gate begins closed, so nothing is remembered; its bias begins at 1. Each language has one
speaker in these data: the score is about two voices.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:spoken-language",
        "language",
        group="prompt_id",
        model="lstm",
        set={
            "features.mel_bands": 64,
            "features.longest": 100,
            "model.lstm.units": 64,
            "model.lstm.bidirectional": False,
            "train.rows": int(os.environ.get("ROWS", "900")),
            "train.epochs": int(os.environ.get("EPOCHS", "15")),
            "train.repeats": 1,
            "split.folds": 3,
        },
        out=Path(folder) / "prompts.luban",
    )
    print(bundle.outline())
    score = bundle.measurements[0]
    print(f"{score.metric} on {score.rows:,} test prompts: {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
