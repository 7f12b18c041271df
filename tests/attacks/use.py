"""Using a bundle as a person would: it answers rows by its graph and by its form, and tells what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from luban.bundle.bundle import rebuild_form
from luban.core.errors import BundleError
from luban.data.check import conform
from luban.data.open import open_dataset
from luban.verbs.bundle import Bundle

IRIS = {
    "sepal length (cm)": [5.1, 6.0],
    "sepal width (cm)": [3.5, 2.2],
    "petal length (cm)": [1.4, 4.0],
    "petal width (cm)": [0.2, 1.0],
}


def use(bundle: Bundle, patients: Path) -> list[float]:
    """Every probability that the bundle answers with, by graph and by form.

    Raises what luban raises; AssertionError where an answer is no probability.
    """
    frame = (
        pl.DataFrame(IRIS)
        if "sepal width (cm)" in {column.name for column in bundle.schema.inputs}
        else _frame(patients)
    )
    answers = [bundle.predict_proba(frame).to_numpy()]
    answerer = bundle.answerer
    try:
        form = rebuild_form(bundle.stored)
    except BundleError as error:
        raise BundleError(error.message, where=str(bundle.path), fix=error.fix) from None
    answers.append(form.outputs(answerer.preprocessor.transform(conform(frame, bundle.schema, where="rows"))))
    assert all(np.isfinite(each).all() for each in answers)
    assert all(((each >= -1e-6) & (each <= 1 + 1e-6)).all() for each in answers)
    bundle.to_json()
    bundle._repr_html_()
    return [float(value) for each in answers for value in each.ravel()]


def _frame(patients: Path) -> pl.DataFrame:
    return open_dataset(patients).frame.collect()
