"""A small neural network: fully connected layers, trained by Adam (through scikit-learn)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, Inputs
from luban.core import registry
from luban.models import _answering
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

WIDEST = 5_000
ENOUGH_TO_STOP = 1_000
"""Rows from which a tenth is held out to stop when it no longer improves."""


class Settings(Section):
    """What can be set about the network."""

    units: tuple[Annotated[int, Field(ge=1, le=10_000)], ...] = Field((64, 32), min_length=1, max_length=8)
    """The units of each hidden layer."""
    activation: Literal["relu", "tanh", "logistic"] = "relu"
    """What each unit makes of its sum."""
    l2: float = Field(1e-3, ge=0, le=1e12)
    """The penalty of the squared weights."""
    learning_rate: float = Field(1e-3, gt=0, le=1)
    """The step of Adam."""
    epochs: int = Field(200, ge=1, le=10_000)
    """Passes over the rows, at most."""


@final
class MultilayerPerceptron:
    """Log loss for classes, squared error of the standardised target for values (Rumelhart et al., 1986)."""

    name: ClassVar[str] = "mlp"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse or work.rows > 100_000 or work.width > 2_000:
            return ()
        return (Entry(10, Candidate(model=self.name, settings={})),)

    def declines(self, work: Work) -> str | None:
        if work.sparse:
            return "it takes no texts, which make columns so many and so empty; linear takes them."
        if work.width > WIDEST:
            return f"it takes at most {WIDEST:,} columns, here are {work.width:,}; linear takes them."
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        classify = partial(_classify, settings=settings, seed=seed)
        return _answering.fitted(batch, work, classify, partial(_regress, settings=settings, seed=seed))


def _classify(
    inputs: Inputs, codes: Array, classes: int, weight: Array | None, *, settings: Settings, seed: int
) -> Form:
    from sklearn.neural_network import MLPClassifier

    estimator = MLPClassifier(**_options(settings, seed, int(np.bincount(codes).min()), len(codes)))
    with _answering.unconverged():
        estimator.fit(np.asarray(inputs, dtype=np.float64), codes, sample_weight=weight)
    return _form(estimator, settings, "binary" if classes == 2 else "softmax")


def _regress(inputs: Inputs, values: Array, weight: Array | None, *, settings: Settings, seed: int) -> Form:
    from sklearn.neural_network import MLPRegressor

    middle, spread = float(np.average(values, weights=weight)), float(values.std()) or 1.0
    estimator = MLPRegressor(**_options(settings, seed, len(values), len(values)))
    with _answering.unconverged():
        estimator.fit(np.asarray(inputs, dtype=np.float64), (values - middle) / spread, sample_weight=weight)
    return _form(estimator, settings, "identity", spread, middle)


def _options(settings: Settings, seed: int, rarest: int, rows: int) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": settings.units,
        "activation": settings.activation,
        "alpha": settings.l2,
        "learning_rate_init": settings.learning_rate,
        "max_iter": settings.epochs,
        "early_stopping": rows >= ENOUGH_TO_STOP and rarest >= 20,
        "random_state": seed,
    }


def _form(estimator: Any, settings: Settings, link: str, scale: float = 1.0, offset: float = 0.0) -> Form:
    layers = tuple(
        (np.asarray(weights, dtype=np.float64), np.asarray(bias, dtype=np.float64))
        for weights, bias in zip(estimator.coefs_, estimator.intercepts_, strict=True)
    )
    form: Form = registry.find("forms", "dense")(layers, settings.activation, link, scale, offset)
    return form


model = MultilayerPerceptron()
