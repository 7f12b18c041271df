"""Small tables, sound and faulty, and what conditions see of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from luban.core import registry
from luban.data.open import open_dataset
from luban.evidence.finding import Finding
from luban.protocols import Condition, Examination
from luban.recipe.edit import changed
from luban.recipe.recipe import Recipe
from luban.verbs.examine import examine
from luban.verbs.preparing import prepare
from luban.verbs.stacking import Given

ROWS = 240


def condition(name: str) -> Condition:
    found: Condition = registry.find("conditions", name)
    return found


def look(frame: pl.DataFrame, test: pl.DataFrame | None = None, **settings: Any) -> Examination:
    """What conditions see of a table whose target is `y`. settings: of the recipe, `__` for a dot."""
    return seen(frame, changed(Recipe(target="y"), {path.replace("__", "."): v for path, v in settings.items()}), test)


def seen(frame: pl.DataFrame, recipe: Recipe, test: pl.DataFrame | None = None) -> Examination:
    """What conditions see of a table under a recipe. test: rows that the test is to be made of."""
    dataset = open_dataset(frame)
    given = Given(test=None if test is None else open_dataset(test, like=dataset.schema))
    return examine(prepare(dataset, given, recipe))


def find(name: str, frame: pl.DataFrame, test: pl.DataFrame | None = None, **settings: Any) -> list[Finding]:
    """What one condition finds in a table whose target is `y`."""
    return condition(name).examine(look(frame, test, **settings))


def cured(finding: Finding, frame: pl.DataFrame, **settings: Any) -> list[Finding]:
    """What is still found above a note when the first edit was made."""
    recipe = changed(Recipe(target="y"), {path.replace("__", "."): value for path, value in settings.items()})
    after = finding.edits[0].apply(recipe)
    left = condition(finding.condition).examine(seen(frame, after))
    return [found for found in left if found.severity != "note"]


def numbers(rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """Four columns of numbers on one scale, and no target."""
    values = np.random.default_rng(seed).normal(size=(rows, 4))
    return pl.DataFrame({f"x{place}": values[:, place] for place in range(4)})


def classes(rows: int = ROWS, seed: int = 0, overlap: float = 0.5) -> pl.DataFrame:
    """A sound table of two classes, between which the columns tell all but `overlap`."""
    frame = numbers(rows, seed)
    noise = np.random.default_rng(seed + 1).normal(size=rows) * overlap
    signal = frame["x0"].to_numpy() + frame["x1"].to_numpy() + noise
    return frame.with_columns(y=pl.Series(np.where(signal > 0, "late", "early")))


def values(rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """A sound table with a number to predict."""
    frame = numbers(rows, seed)
    noise = np.random.default_rng(seed + 1).normal(size=rows) * 0.5
    return frame.with_columns(y=2 * frame["x0"] - frame["x1"] + pl.Series(noise))
