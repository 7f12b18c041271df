"""A support vector machine with an RBF kernel, C=1 and gamma=0.1, on iris: named settings, nothing searched."""

import tempfile
from pathlib import Path

import luban

with tempfile.TemporaryDirectory() as folder:
    bundle = luban.fit(
        "sample:iris",
        "species",
        model="svm",
        set={"model.svm.kernel": "rbf", "model.svm.C": 1.0, "model.svm.gamma": 0.1},
        out=Path(folder) / "iris.luban",
    )
    for measurement in bundle.measurements:
        if measurement.metric == "accuracy":
            print(f"accuracy on {measurement.split} rows: {measurement.value:.3f}"
                  f" ({measurement.low:.3f} to {measurement.high:.3f})")  # fmt: skip
    flower = {
        "sepal length (cm)": [5.1],
        "sepal width (cm)": [3.5],
        "petal length (cm)": [1.4],
        "petal width (cm)": [0.2],
    }
    print("a flower with short petals:", bundle.predict(flower)[0])
