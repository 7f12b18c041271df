"""Gradient boosting: trees that each correct the sum of the earlier ones (through LightGBM)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, Inputs, matrix
from luban.core import registry
from luban.core.seed import derive
from luban.models import _answering, _lightgbm
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

ENOUGH_TO_STOP = 400
"""Rows from which a part is held out to find how many rounds are best; below, all rounds are used."""
HELD_OUT = 6
"""One part in so many."""
PATIENCE = 30
MOST_STEPWISE = 5_000_000
"""Steps times columns times rows of windows up to which trees are tried without being asked for."""
ROUNDS_OF_FEW = 100
"""Rounds where too few rows are there to find a number."""


class Settings(Section):
    """What can be set about gradient boosting."""

    rounds: int | None = Field(None, ge=1, le=20_000)
    """How many rounds; where nothing is said, as many as help on rows held out, at most 500."""
    learning_rate: float = Field(0.05, gt=0, le=1)
    """How much of each tree is taken."""
    leaves: int = Field(31, ge=2, le=4_096)
    """Leaves of a tree, at most."""
    leaf: int | None = Field(None, ge=1)
    """Rows in a leaf, at least; a fortieth of the rows up to 20 where nothing is said."""
    columns: float = Field(0.8, gt=0, le=1)
    """The share of the columns that each tree looks at."""
    rows: float = Field(1.0, gt=0, le=1)
    """The share of the rows that each tree looks at."""
    l2: float = Field(1.0, ge=0, le=1e12)
    """The penalty of the squared leaf values."""


@final
class GradientBoosting:
    """Log loss for classes; squared, absolute or Huber loss for values (Friedman, 2001; Ke et al., 2017).

    Each step of a series, and each of its quantiles, gets trees of its own.
    """

    name: ClassVar[str] = "gradient-boosting"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.STEPWISE
    Settings = Settings
    staged: ClassVar[bool] = True

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse:
            return (Entry(20, Candidate(model=self.name, settings={"learning_rate": 0.1, "columns": 0.1})),)
        if work.task == "forecasting":
            # Each step costs as many trees as a table does.
            affordable = work.outputs * work.width * work.rows <= MOST_STEPWISE
            few = {"learning_rate": 0.1, "leaves": 7, "rounds": ROUNDS_OF_FEW}
            return (Entry(5, Candidate(model=self.name, settings=few)),) if affordable else ()
        # Each class costs as many trees as two do alone, so many classes take larger steps, after what is quicker.
        first, slow, slower = (2, 0.05, 0.03) if work.outputs <= 5 else (7, 0.1, 0.06)
        varied: dict[int, dict[str, Any]] = {
            first: {"learning_rate": slow},
            first + 5: {"learning_rate": slow, "leaves": 7, "columns": 0.5, "rows": 0.8},
            13: {"learning_rate": slower, "leaves": 63, "columns": 0.5},
        }
        return [Entry(order, Candidate(model=self.name, settings=settings)) for order, settings in varied.items()]

    def declines(self, work: Work) -> str | None:
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        grow = partial(_grow, settings=settings, seed=seed, threads=threads)
        regress = partial(_regress, grow=grow, work=work)
        if work.task == "forecasting":
            shares = work.quantiles or (None,)
            forms = [_answering.stepwise(batch, work, partial(regress, share=share)) for share in shares]
            steps: list[Form] = [member for form in forms for member in form.members]  # type: ignore[attr-defined]
            stack: Form = registry.find("forms", "stack")(tuple(steps))
            return stack
        return _answering.fitted(batch, work, partial(_classify, grow=grow), regress)


def _classify(inputs: Inputs, codes: Array, classes: int, weight: Array | None, *, grow: Any) -> Form:
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    text = grow(inputs, codes, weight, objective, codes)
    return _form(text, inputs, 1 if classes == 2 else classes, "binary" if classes == 2 else "softmax", 1.0, 0.0)


def _regress(
    inputs: Inputs, values: Array, weight: Array | None, *, grow: Any, work: Work, share: float | None = None
) -> Form:
    """share: of cases that should lie below, where a quantile is asked for."""
    loss: dict[str, Any] = {"objective": {"absolute": "regression_l1", "huber": "huber"}.get(work.loss, "regression")}
    if share is not None:
        loss = {"objective": "quantile", "alpha": share}
    middle, spread = float(np.average(values, weights=weight)), float(values.std()) or 1.0
    text = grow(inputs, (values - middle) / spread, weight, loss, np.zeros(len(values), dtype=np.int64))
    return _form(text, inputs, 1, "identity", spread, middle)


def _grow(
    inputs: Inputs,
    target: Array,
    weight: Array | None,
    objective: dict[str, Any],
    codes: Array,
    *,
    settings: Settings,
    seed: int,
    threads: int,
) -> str:
    """LightGBM's text of the fitted trees. codes: by which the rows that find the number of rounds are shared out."""
    rows = len(target)
    options = {**objective, **_options(settings, rows, seed, threads)}
    rounds = settings.rounds
    if rounds is None and rows < ENOUGH_TO_STOP:
        rounds = ROUNDS_OF_FEW
    if rounds is None:
        held_out = _answering.folds(codes, HELD_OUT, derive(seed, "rounds")) == 0
        rounds = _lightgbm.best_rounds(inputs, target, weight, held_out, options, 500, PATIENCE)
    return _lightgbm.train(inputs, target, weight, options, rounds)


def _options(settings: Settings, rows: int, seed: int, threads: int) -> dict[str, Any]:
    return {
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.leaf or int(np.clip(rows // 40, 2, 20)),
        "feature_fraction": settings.columns,
        "bagging_fraction": settings.rows,
        "bagging_freq": 1 if settings.rows < 1 else 0,
        "lambda_l2": settings.l2,
        "seed": seed,
        "num_threads": threads,
    }


def _form(text: str, inputs: Inputs, sums: int, link: str, scale: float, base: float) -> Form:
    width = int(matrix(inputs).shape[1])
    trees = _lightgbm.parse(text, width, sums)
    form: Form = registry.find("forms", "trees")(width, *trees, np.full(sums, base), np.full(sums, scale), link)
    return form


model = GradientBoosting()
