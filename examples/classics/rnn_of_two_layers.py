"""Two recurrent layers of 256 units: which of nine men said two vowels, from twelve channels of 7 to 29 steps.

Usually done wrong: series are filled up to the longest, and the state is read behind the filling; here each row has its
length, and its states end with it. And gradients of a plain recurrence explode: their norm is cut to 1, and the weights
of the states begin orthogonal.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:japanese-vowels",
        "label",
        model="rnn",
        set={
            "model.rnn.units": 256,
            "model.rnn.layers": 2,
            "model.rnn.bidirectional": False,
            "train.clip": 1.0,
            "train.rows": int(os.environ.get("ROWS", "270")),
            "train.epochs": int(os.environ.get("EPOCHS", "60")),
            "train.repeats": 1,
        },
        out=Path(folder) / "vowels.luban",
    )
    print(bundle.outline())
    score = bundle.measurements[0]
    print(f"{score.metric} on {score.rows:,} test utterances: {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
