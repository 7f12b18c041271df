"""What every explainer keeps to, whichever it is, of every model and every data type: a new one is tested by existing.

Networks have the weights that they begin with, drawn anew: what is explained is their answers, whatever they are.
"""

from __future__ import annotations

import functools
import io
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import luban as package
from bundle.example import example
from luban.batch import Array, Batch
from luban.bundle import store
from luban.collate import TABLE
from luban.core import registry
from luban.core.errors import UsageError
from luban.data.encoders import shapes as shapes_of
from luban.data.preprocessor import Preprocessor
from luban.data.tensor_preprocessor import TensorPreprocessor
from luban.evidence.explanation import Explanation
from luban.forms.network import Network
from luban.protocols import Encoder, Explainer, Form, Shape, Work
from luban.recipe.recipe import Features, Recipe
from luban.schema.schema import Column, Schema
from models.networks import ANSWERING, NEEDED, SMALL, network
from models.networks import work as work_of
from models.tables import ESTIMATORS, fit

ROWS = 60
FEATURES = Features(longest=12, image_most=12, mel_bands=8, sample_rate=8_000)
CALLS = 128
WORDS = ["goal", "match", "bank", "trade", "rain", "sun", "team", "price", "a", "vote"]


def _sound(chance: np.random.Generator) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8_000)
        out.writeframes((chance.normal(size=2_400) * 4_000).astype("<i2").tobytes())
    return file.getvalue()


@functools.cache
def frame(kind: str) -> pl.DataFrame:
    """Rows with one column of a data type, or with a small table."""
    chance = np.random.default_rng(5)
    numbers = (chance.normal(size=(ROWS, 3)) + 6.0 * (np.arange(ROWS)[:, None] % 2)).round(3)
    if kind == "number":
        towns = chance.choice(["Ulm", "Bonn", "Kiel"], ROWS)
        return pl.DataFrame({"age": numbers[:, 0], "pulse": numbers[:, 1], "weight": numbers[:, 2], "town": towns})
    texts = [" ".join(chance.choice(WORDS, 7)) for _ in range(ROWS)]
    values: Mapping[str, Any] = {
        "text": lambda: pl.Series("x", texts),
        "words": lambda: pl.Series("x", [text.split() for text in texts]),
        "series": lambda: pl.Series("x", chance.normal(size=(ROWS, 9)).round(3).tolist()),
        "image": lambda: pl.Series("x", chance.integers(0, 255, (ROWS, 12, 12)).astype(np.uint8)),
        "audio": lambda: pl.Series("x", [_sound(chance) for _ in range(ROWS)]),
    }
    return pl.DataFrame({"x": values[kind]()})


SEEN = {
    "number": "vector",
    "text": "tokens",
    "words": "words",
    "series": "sequence",
    "audio": "sequence",
    "image": "image",
}
"""As what a network sees each data type."""
TASKS = ("binary", "multiclass", "regression", "multilabel", "anomaly", "clustering")


def _schema(kind: str) -> Schema:
    rows = frame(kind)
    kinds = dict.fromkeys(rows.columns, kind) | ({"town": "category"} if kind == "number" else {})
    return Schema(tuple(Column(name, kinds[name], "input", "", str(rows[name].dtype)) for name in rows.columns))


def _target(task: str, inputs: Any) -> tuple[Array | None, int, tuple[str, ...]]:
    sums = np.asarray(inputs[:, :3].sum(axis=1)).ravel() + 0.3 * np.asarray(inputs[:, :1].sum(axis=1)).ravel() ** 2
    if task == "regression":
        return sums.astype(np.float64), 1, ()
    if task in ("anomaly", "clustering"):
        return None, 1, ()
    cuts = [0.5] if task == "binary" else [0.34, 0.67]
    codes = np.digitize(sums, np.quantile(sums, cuts)).astype(np.int64)
    if task == "multilabel":
        return np.stack([codes > 0, codes > 1], axis=1).astype(np.int64), 2, ("some", "many")
    return codes, len(cuts) + 1, ("few", "some", "many")[: len(cuts) + 1]


def _of_estimator(name: str, kind: str) -> tuple[Encoder, Form, str, tuple[str, ...]]:
    encoder = Preprocessor.fit(frame(kind), _schema(kind), FEATURES)
    inputs = encoder.transform(frame(kind))
    task = next(task for task in TASKS if task in ESTIMATORS[name].tasks)
    target, outputs, classes = _target(task, inputs)
    work = Work(task, outputs, ROWS, encoder.width, encoder.sparse)
    form = fit(name, Batch(inputs, target), work)
    return encoder, form, task, classes or tuple("" for _ in range(0))


def _of_network(name: str, kind: str) -> tuple[Encoder, Form, str, tuple[str, ...]]:
    table = kind == "number"
    encoder: Encoder = (Preprocessor if table else TensorPreprocessor).fit(frame(kind), _schema(kind), FEATURES)
    shapes = {TABLE: Shape("vector", (encoder.width,))} if table else dict(shapes_of(encoder) or {})
    task = next(task for task in (*TASKS, "tagging") if task in ANSWERING[name].tasks)
    if kind == "words":
        task = "tagging"
    outputs = 1 if task == "anomaly" else 3
    settings = SMALL.get(name, {}) | NEEDED.get(name, {})
    module = network(name, shapes, outputs, task=task)
    weights = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    model = ANSWERING[name]
    asked = model.Settings(**settings).model_dump(mode="json")
    link = "identity" if task in ("anomaly", "regression") else "softmax" if task != "multilabel" else "sigmoid"
    work = work_of(shapes, outputs, task=task)
    return encoder, Network(name, asked, work, weights, link), task, ("few", "some", "many") if outputs == 3 else ()


def _bundle(encoder: Encoder, form: Form, task: str, classes: tuple[str, ...], kind: str) -> package.Bundle:
    facts = {"task": task, "classes": list(classes), "target": None}
    stored = example(
        recipe=Recipe(), schema=_schema(kind), preprocessor=encoder.state(), form_kind=form.kind, form=form.state(),
        facts=facts, runtime=None,
    )  # fmt: skip
    return package.Bundle(stored, None)


CASES = [
    *((name, "number") for name in ESTIMATORS if set(ESTIMATORS[name].tasks) & set(TASKS)),
    *((name, kind) for name in ("linear", "gradient-boosting", "svm") for kind in ("text", "image", "series", "audio")),
    *((name, kind) for name, model in ANSWERING.items() for kind, seen in SEEN.items() if seen in model.takes),
]
# They read rows as what they begin from did: by its tokenizer, its frames of sounds, or its preprocessing.
CASES = [case for case in CASES if case[0] not in ("pretrained-codes", "pretrained-sound", "pretrained-text")]
CONSTANT = {"constant"}
"""Models that answer every row alike."""


@functools.cache
def bundle(name: str, kind: str) -> package.Bundle:
    made = _of_estimator if name in ESTIMATORS else _of_network
    return _bundle(*made(name, kind), kind)


def explained(of: package.Bundle, kind: str, method: str = "auto", rows: int = 2) -> list[Explanation]:
    return list(of.explain(frame(kind)[:rows], method=method, calls=CALLS, units=12))


@pytest.mark.parametrize(("name", "kind"), CASES, ids=lambda part: part)
def test_what_is_explained_after_reload_is_what_was_explained_before(name: str, kind: str, tmp_path: Path) -> None:
    before = explained(bundle(name, kind), kind)
    store.write(bundle(name, kind).stored, tmp_path / "some.luban")
    after = explained(package.load(tmp_path / "some.luban"), kind)
    told: list[float] = []
    for one, other in zip(before, after, strict=True):
        values, again = ({each.unit: each.attribution for each in found.attributions} for found in (one, other))
        assert again == pytest.approx(values, rel=1e-6, abs=1e-12)
        assert other.value == pytest.approx(one.value, rel=1e-6)
        told += values.values()
    # A row may be answered as one about which nothing is known is.
    assert (np.ptp(told) == 0) if name in CONSTANT else (np.ptp(told) > 0)


SUBJECTS = [("linear", "number"), ("gradient-boosting", "number"), ("random-forest", "number"), ("mlp", "number"),
            ("linear", "text"), ("transformer", "text"), ("cnn", "image"), ("resnet", "image"), ("lstm", "series"),
            ("gru", "audio"), ("vision-transformer", "image")]  # fmt: skip


@pytest.mark.parametrize("method", registry.names("explainers"))
@pytest.mark.parametrize(("name", "kind"), SUBJECTS, ids=lambda part: part)
def test_it_explains_each_row_or_says_why_not(method: str, name: str, kind: str) -> None:
    of = bundle(name, kind)
    try:
        found = explained(of, kind, method)
    except UsageError as problem:
        assert problem.where == f"--method {method}" and "can" in str(problem.fix)
        assert "shap" in str(problem.fix), "asking works for every model"
        return
    assert [each.row for each in found] == [0, 1]
    assert found == explained(of, kind, method), "nothing is left to chance"
    for each in found:
        values = np.array([one.attribution for one in each.attributions])
        assert np.isfinite(values).all() and np.isfinite([each.value, each.base_value]).all()
        assert each.method == method and each.calls >= 0
        assert len({one.unit for one in each.attributions}) == len(each.attributions)
        if each.completeness_error is not None:
            reach = max(abs(each.value), abs(each.base_value), abs(each.value - each.base_value))
            assert each.completeness_error <= 0.05 * reach + 1e-9
        document = each.to_json()
        assert document["attributions"] == [one.to_json() for one in each.attributions]


@pytest.mark.parametrize("name", registry.names("explainers"))
def test_it_says_what_it_is(name: str) -> None:
    explainer: Explainer = registry.find("explainers", name)
    assert explainer.name == name
    assert registry.summary("explainers", name).endswith(".")
