"""How far diabetes comes in a year: a value with the interval in which 90 of 100 true values lie."""

import csv
import tempfile
from pathlib import Path

import luban
from luban.verbs.predict import predict

with tempfile.TemporaryDirectory() as folder:
    place = Path(folder)
    bundle = luban.fit(
        "sample:diabetes", "progression", model=["linear", "random-forest"], metric="mae", out=place / "diabetes.luban"
    )
    error = next(measurement for measurement in bundle.measurements if measurement.metric == "mae")
    assert error.baseline is not None
    print(f"mean absolute error {error.value:.1f} ({error.low:.1f} to {error.high:.1f}), "
          f"the simplest model's {error.baseline.value:.1f}")  # fmt: skip

    predict(bundle, "sample:diabetes", out=place / "answers.csv")
    with (place / "answers.csv").open() as file:
        for row in list(csv.DictReader(file))[:3]:
            print(f"row {row['row']}: {float(row['prediction']):.0f}, "
                  f"between {float(row['low']):.0f} and {float(row['high']):.0f}")  # fmt: skip
