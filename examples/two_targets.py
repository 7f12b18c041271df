"""Two targets, one model: who survived the Titanic, and how old a passenger was. Each keeps its own figures."""

import os
import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:titanic",
        ["survived", "age"],
        model=["linear", "gradient-boosting"],
        set={"train.rows": int(os.environ.get("ROWS", "1000"))},
        out=Path(folder) / "passengers.luban",
    )
    for figure in bundle.measurements:
        if figure.split == "test" and figure.metric in ("skill", "accuracy", "mae"):
            simplest = "" if figure.baseline is None else f", the simplest model {figure.baseline.value:.3f}"
            print(f"{figure.name}: {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f}{simplest})")
    passenger = {"class": ["1st"], "name": ["Smith, Miss Anna"], "sex": ["female"]}
    print("a passenger:", bundle.predict(passenger))
