"""Chinese reviews, which have no spaces: the tokens are learned from the training rows."""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:chinese-reviews",
        "sentiment",
        model=["linear", "cnn"],
        set={"train.rows": int(os.environ.get("ROWS", "14000")), "train.epochs": int(os.environ.get("EPOCHS", "6"))},
        out=Path(folder) / "reviews.luban",
    )
    accuracy = bundle.measurements[0]
    print(f"{accuracy.metric} on {accuracy.rows:,} test reviews: {accuracy.value:.3f}")
    print("酒店非常干净，服务员很友好:", bundle.predict({"review": ["酒店非常干净，服务员很友好。"]})[0])
