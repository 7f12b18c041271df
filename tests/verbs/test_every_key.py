"""Every key of a recipe does something: each is changed once, and a difference is seen in what is prepared or trained.

`CASES` and `DECISIONS` have a case for each key, and a key without one fails a test. Keys that only networks read are
held by the tests of networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import BaseModel

import luban
from luban.batch import Array, Batch
from luban.data import loader
from luban.data.dataset import Dataset
from luban.data.open import open_dataset
from luban.recipe.edit import changed
from luban.recipe.forecast import Forecast
from luban.recipe.optimisation import Optimisation
from luban.recipe.recipe import Candidate, Recipe
from luban.training.candidates import asked
from luban.training.fitting import fit_candidate
from luban.verbs import encoding, proving, repairing
from luban.verbs.preparing import Prepared, prepare
from luban.verbs.stacking import Given
from verbs import program

OF_NETWORKS = (
    {f"train.{name}" for name in Optimisation.model_fields}
    | {"train.quantiles"}
    | {f"forecast.{name}" for name in Forecast.model_fields}
    | {
        f"features.{name}"
        for name in (
            "unreadable",
            "tokenizer",
            "template",
            "vocabulary",
            "words",
            "longest",
            "image_size",
            "image_most",
            "color",
            "sample_rate",
            "mel_bands",
            "spectrogram",
        )
    }
)


@cache
def visits() -> Dataset:
    return open_dataset(pl.read_csv(program.visits().encode(), try_parse_dates=True))


@cache
def twice() -> Dataset:
    """Every visit stands there twice."""
    frame = visits().frame.collect()
    return open_dataset(pl.concat([frame, frame]))


@cache
def notes() -> Dataset:
    """A text column of many different words."""
    texts = [" ".join(f"word{(i * j) % 400}" for j in range(1, 12)) for i in range(100)]
    return open_dataset({"note": texts, "stage": ["early" if i % 3 else "late" for i in range(100)]})


def prepared(recipe: Recipe, dataset: Dataset | None = None) -> Prepared:
    return prepare(dataset or visits(), Given(), recipe)


def inputs(recipe: Recipe, dataset: Dataset | None = None) -> Array:
    """(training rows, width) the rows as numbers."""
    ready = prepared(recipe, dataset)
    values = ready.preprocessor.transform(loader.take(ready.frame, ready.division.train))
    return values if isinstance(values, np.ndarray) else values.toarray()


def answers(recipe: Recipe) -> Array:
    """What a linear model says about its own training rows."""
    ready = prepared(recipe)
    rows = inputs(recipe)
    assert ready.target is not None
    weight = None if ready.weight is None else ready.weight[ready.division.train]
    batch = Batch(rows, ready.target[ready.division.train], weight)
    form = fit_candidate(batch, encoding.work(ready), Candidate(model="linear"), seed=0, threads=1)
    return form.outputs(rows)


def candidates(recipe: Recipe) -> list[Candidate]:
    return asked(recipe.model, encoding.work(prepared(recipe)))


def folds(recipe: Recipe) -> Array:
    return encoding.folds(prepared(recipe), 0)


def repairs(recipe: Recipe) -> int:
    return len(repairing.examine_and_repair(visits(), Given(), recipe, effect=proving.effect).repairs)


@dataclass(frozen=True)
class Case:
    """A change of a recipe in which `look` must see a difference. within: the recipe that is changed."""

    value: Any
    look: Callable[[Recipe], Any]
    within: dict[str, Any]


def case(value: Any, look: Callable[[Recipe], Any], **within: Any) -> Case:
    return Case(value, look, {"target": "stage", **{key.replace("__", "."): each for key, each in within.items()}})


CASES = {
    "target": case("grade", lambda recipe: prepared(recipe).task.name),
    "task": case("regression", lambda recipe: prepared(recipe).task.name, target="grade"),
    "positive": case("early", lambda recipe: prepared(recipe).classes),
    "columns": case({"grade": "category"}, lambda recipe: inputs(recipe).shape),
    "also": case(["grade"], lambda recipe: prepared(recipe).task.name),
    "drop": case(["town"], lambda recipe: [column.name for column in prepared(recipe).schema.inputs]),
    "weight": case("heavy", lambda recipe: prepared(recipe).weight),
    "train.prior": case({"early": 0.9, "late": 0.1}, lambda recipe: prepared(recipe).weight),
    "split.kind": case("random", lambda recipe: prepared(recipe).division.split),
    "split.group": case("town", lambda recipe: prepared(recipe).division.groups, split__group="patient"),
    "split.order": case("age", lambda recipe: prepared(recipe).division.test, split__kind="time", split__order="seen"),
    "split.test": case(0.4, lambda recipe: len(prepared(recipe).division.test)),
    "split.folds": case(3, lambda recipe: folds(recipe).max()),
    "split.duplicates": case("drop", lambda recipe: prepared(recipe, twice()).division.dropped, split__kind="random"),
    "features.scale": case("none", inputs),
    "features.category_floor": case(50, inputs),
    "features.category_limit": case(2, inputs, columns={"heavy": "category"}),
    "features.text_terms": case(100, lambda recipe: inputs(recipe, notes()).shape),
    "model.names": case(["svm", "knn"], candidates),
    "model.candidates": case([{"model": "knn", "settings": {"neighbours": 3}}], candidates),
    "train.loss": case("absolute", answers, target="value"),
    "train.class_weight": case("balanced", answers, split__kind="random", drop=["age", "value", "dose"]),
    "train.rows": case(20, lambda recipe: len(prepared(recipe).division.train)),
    "train.repeats": case(2, lambda recipe: len(folds(recipe))),
    "repair": case("off", repairs, target="value", features__scale="none"),
    "seed": case(1, lambda recipe: prepared(recipe).division.test, split__kind="random"),
}


@pytest.mark.parametrize("key", CASES)
def test_a_key_makes_a_difference(key: str) -> None:
    given = CASES[key]
    before = changed(Recipe(), given.within)
    assert not same(given.look(before), given.look(changed(before, {key: given.value})))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize("key", CASES)
def test_the_same_recipe_makes_no_difference(key: str) -> None:
    given = CASES[key]
    recipe = changed(Recipe(), given.within)
    assert same(given.look(recipe), given.look(recipe))


def test_settings_of_a_model_reach_its_candidates() -> None:
    recipe = changed(Recipe(), {"target": "stage", "model.names": ["svm"], "model.svm": {"C": 3.0}})
    assert [candidate.label for candidate in candidates(recipe)] == ["svm(C=3.0)"]


def fitted(path: str, **changes: Any) -> dict[str, Any]:
    bundle = luban.fit(
        pl.read_csv(program.visits().encode(), try_parse_dates=True), "stage", model="linear", out=path, threads=1,
        set={key.replace("__", "."): value for key, value in {"drop": ["age", "value"], **changes}.items()},
    )  # fmt: skip
    return {**bundle.stored.evidence["evaluation"], "card": bundle.stored.card, "content": bundle.content_sha256}


@pytest.mark.slow
def test_keys_that_decide_after_the_search(tmp_path: Any) -> None:
    """The decisions on held-out rows: what candidates are compared by, calibration, threshold, cost, the last fit."""
    base = fitted(tmp_path / "base.luban")
    for key, changes in DECISIONS.items():
        other = fitted(tmp_path / f"{key}.luban", **changes)
        for name, value in SEEN[key].items():
            assert other.get(name) != base.get(name), key
            assert value is None or value(other[name]), key


DECISIONS: dict[str, dict[str, Any]] = {
    "train.metric": {"train__metric": "f1"},
    "train.calibration": {"train__calibration": "temperature"},
    "train.threshold": {"train__threshold": 0.3},
    "train.cost": {"train__threshold": "cost", "train__cost": {"false-negative": 9.0}},
    "train.refit": {"train__refit": "all"},
}
SEEN: dict[str, dict[str, Callable[[Any], bool] | None]] = {
    "train.metric": {"metric": lambda metric: metric == "f1"},
    "train.calibration": {"calibration": None},
    "train.threshold": {"threshold": lambda told: told["value"] == 0.3},
    "train.cost": {"threshold": lambda told: told["value"] < 0.3 and "a false negative 9" in told["reason"]},
    "train.refit": {"refit": None, "card": lambda card: "fitted on the test rows" in card},
}


def leaves(section: type[BaseModel] = Recipe, before: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{before}{name}.")
        else:
            yield before + name


def without_case(keys: set[str]) -> list[str]:
    """The keys that no case changes."""
    return sorted(keys - {*CASES, *DECISIONS} - OF_NETWORKS)


def test_every_key_of_the_recipe_has_a_case() -> None:
    known = set(leaves())
    assert without_case(known) == []
    assert sorted({*CASES, *DECISIONS, *OF_NETWORKS} - known) == [], "these keys are gone"


def test_the_test_above_sees_a_key_without_a_case() -> None:
    assert without_case({"seed", "train.brand_new"}) == ["train.brand_new"]
