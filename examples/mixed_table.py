"""A table of several kinds of columns: passengers with their names, which are texts, classes, ages and fares."""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:titanic",
        "survived",
        model=["linear", "cnn"],
        column={"name": "text"},
        set={"train.epochs": int(os.environ.get("EPOCHS", "20"))},
        out=Path(folder) / "titanic.luban",
    )
    evaluation = bundle.stored.evidence["evaluation"]
    for candidate in evaluation["candidates"]:
        print(f"{candidate['label']:10} {evaluation['metric']} on held-out passengers: {candidate['value']:.3f}")
    print("answers:", evaluation["chosen"]["label"])
