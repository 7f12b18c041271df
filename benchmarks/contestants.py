"""Other libraries on one table, each in a process of its own: `PYTHON contestants.py NAME TRAIN TEST TARGET SECONDS`.

Reads CSV, prints one JSON line: predictions for the test rows, CPU seconds and wall seconds of fitting and answering.
It needs pandas and the contestant's own library only, so that a peer can live in an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time


def scikit_learn(name, train, test, target, seconds, kind):
    """Defaults; categories one-hot, missing values filled, and scaled for the SVC."""
    del seconds
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.svm import SVC, SVR

    models = {
        "hist-gradient-boosting": (HistGradientBoostingClassifier, HistGradientBoostingRegressor),
        "random-forest": (RandomForestClassifier, RandomForestRegressor),
        "svc": (SVC, SVR),
    }
    make = models[name][kind == "regression"]
    model = make(random_state=0) if name != "svc" else make()
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    rest = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (rest, make_column_selector(dtype_exclude="number")),
        sparse_threshold=0.0,
    )
    fitted = make_pipeline(columns, model).fit(train.drop(columns=target), train[target])
    return fitted.predict(test.drop(columns=target))


def autogluon(name, train, test, target, seconds, kind):
    """AutoGluon tabular with its defaults."""
    del name, kind
    from autogluon.tabular import TabularPredictor

    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(label=target, path=folder, verbosity=0).fit(train, time_limit=seconds)
        return predictor.predict(test.drop(columns=target)).to_numpy()


def flaml(name, train, test, target, seconds, kind):
    """FLAML with its defaults."""
    del name
    from flaml import AutoML

    automl = AutoML()
    task = "regression" if kind == "regression" else "classification"
    automl.fit(
        dataframe=train, label=target, task=task, time_budget=seconds, verbose=0, seed=0, log_file_name=os.devnull
    )
    return automl.predict(test.drop(columns=target))


def main(name, train_path, test_path, target, seconds, kind):
    import pandas

    train, test = pandas.read_csv(train_path), pandas.read_csv(test_path)
    run = {"autogluon": autogluon, "flaml": flaml}.get(name, scikit_learn)
    started, began = time.monotonic(), _cpu()
    # Whatever a library prints must not mix with the answer.
    with contextlib.redirect_stdout(sys.stderr):
        predictions = run(name, train, test, target, float(seconds), kind)
    used = {"cpu_seconds": _cpu() - began, "wall_seconds": time.monotonic() - started}
    print(json.dumps({"predictions": [str(p) if kind != "regression" else float(p) for p in predictions], **used}))


def _cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main(*sys.argv[1:])
