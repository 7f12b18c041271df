"""An encoder-decoder transformer: what a package of software is, read in English and written in French.

Two blocks of 128 numbers and four heads on either side, with rotary positions. English and French share their tokens
and one embedding, so that names are copied.

Usually done wrong: a decoder that sees the token it shall say; here the target is moved by one, and attention looks
back alone. Padding counted in the loss. A softmax before the cross-entropy, which has its own. The vocabulary learned
of test rows too. A loss per batch shown as a score: here it is of texts written for held-out rows, with an interval.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:en-fr-titles",
        "french",
        model="encoder-decoder",
        set={
            "model.encoder-decoder": {"width": 128, "layers": 2, "heads": 4, "vocabulary": 4_000},
            "train.rows": int(os.environ.get("ROWS", "15000")),
            "train.epochs": int(os.environ.get("EPOCHS", "12")),
        },
        out=Path(folder) / "titles.luban",
    )
    print(bundle.outline())
    for score in bundle.measurements:
        if score.split == "test":
            print(
                f"{score.metric} on {score.rows:,} test pairs: {score.value:.1f} ({score.low:.1f} to {score.high:.1f})"
            )
    for english in ("history of France", "Perl module for the format of GnuPG"):
        print(f"{english}: {bundle.predict({'english': [english]})[0]}")
