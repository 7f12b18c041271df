"""Passengers of the next twelve months, beside the seasonal naive model: does a model beat repeating the last year?"""

import csv
import tempfile
from pathlib import Path

import luban
from luban.verbs.predict import predict

with tempfile.TemporaryDirectory() as folder:
    place = Path(folder)
    bundle = luban.fit(
        "sample:air-passengers", "passengers", task="forecasting", order="month", set={"forecast.horizon": 12},
        out=place / "air.luban",
    )  # fmt: skip
    chosen = bundle.stored.evidence["evaluation"]["chosen"]["label"]
    error = next(m for m in bundle.measurements if m.metric == "mase" and m.split == "test")
    assert error.baseline is not None
    print(f"{chosen}: MASE {error.value:.2f} ({error.low:.2f} to {error.high:.2f}), "
          f"the seasonal naive model's {error.baseline.value:.2f}")  # fmt: skip

    predict(bundle, "sample:air-passengers", out=place / "next.csv")
    with (place / "next.csv").open() as file:
        for row in csv.DictReader(file):
            print(f"{row['month']}  {float(row['prediction']):.0f}  "
                  f"({float(row['low']):.0f} to {float(row['high']):.0f})")  # fmt: skip
