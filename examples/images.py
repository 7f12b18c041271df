"""Pictures of clothes: a convolutional network on Fashion-MNIST, which came split into training and test images.

All 60,000 training images take some minutes; ROWS=2000 takes as many of them.
"""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:fashion-mnist",
        "label",
        model="cnn",
        set={"train.rows": int(os.environ.get("ROWS", "60000")), "train.epochs": int(os.environ.get("EPOCHS", "12"))},
        out=Path(folder) / "clothes.luban",
    )
    accuracy = bundle.measurements[0]
    print(f"{accuracy.metric} on {accuracy.rows:,} test images: {accuracy.value:.3f}")
    print(f"95% interval: {accuracy.low:.3f} to {accuracy.high:.3f}")
    print("chosen by the run:", dict(bundle.recipe.model.candidates[0].train))
