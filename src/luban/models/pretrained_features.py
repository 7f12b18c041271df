"""Frozen features: a text, image or sound is what a pretrained model makes of it; a linear model learns from that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, dense
from luban.core import registry
from luban.models import _answering, _networks, _pretrained
from luban.origins import pictures
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Section

TAKES = frozenset({"tokens", "image", "sequence"})
SMALLEST = 1e-6
"""A number of the vectors that varies less says nothing."""
IMPOSSIBLE = 30.0
"""The logarithm of the odds against what no row has."""
MOST_STEPS = 1_000


class Settings(_pretrained.Beginning):
    """What can be set about frozen features."""

    C: float = Field(10.0, gt=0, le=1e12)
    """The inverse of the penalty of the linear model: larger follows the rows more closely."""
    side: int | None = Field(None, ge=pictures.SMALLEST_SIDE, le=pictures.LARGEST_SIDE)
    """Pixels of the longer side at which images are seen; where nothing is said as `pretrained-image` has it."""


@final
class PretrainedFeatures:
    """A linear model on the vectors of a pretrained model, each number of which is standardised; of a pair of texts on
    the cosine of their vectors.

    What it learned is the head of the same network that is fine-tuned otherwise, whose body stays as it was.
    """

    name: ClassVar[str] = "pretrained-features"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    sees: ClassVar[Literal["tensors"]] = "tensors"
    tasks: ClassVar[frozenset[str]] = _networks.PREDICTED | {_networks.PAIRS}
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()

    def declines(self, work: Work) -> str | None:
        reason = _networks.declines(TAKES, work)
        several = len(work.shapes) > 1 and not _networks.pairs(work)
        if reason is None and (not _networks.kinds(work) <= TAKES or several):
            return "it reads one column alone; pretrained-text, -image or -sound takes other columns beside it."
        return reason

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        import torch

        torch.set_num_threads(threads)
        assert settings.origin is not None
        model = registry.find("models", _pretrained.fine_tuner(settings.origin.config))
        shape = next(iter(work.shapes.values()))
        _pretrained.reads(settings.origin.config, shape.kind)
        # Below its last layer it tells more of how an image looks, and less of the classes that it learned.
        levels = {"levels": "all", "side": settings.side} if shape.kind == "image" else {}
        own = model.Settings(origin=settings.origin, tune="head", **levels)
        module = model.build(work, own)
        model.begin(module, own)
        weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
        bare: Any = registry.find("forms", "network")(
            model.name, own.model_dump(mode="json"), work, weights, "identity"
        )
        head = _head(bare.vectors(batch.inputs), batch, work, settings.C, seed)
        learned = {"head.weight": head.weights.astype(np.float32), "head.bias": head.bias.astype(np.float32)}
        form: Form = replace(bare, weights=weights | learned, link=head.link, scale=head.scale, offset=head.offset)
        return form


@dataclass(frozen=True, eq=False)
class _Head:
    """What follows the vectors: weights (outputs, width), bias (outputs,), and what is made of the sums."""

    weights: Array
    bias: Array
    link: str
    scale: float = 1.0
    offset: float = 0.0


def _head(vectors: Array, batch: Batch, work: Work, C: float, seed: int) -> _Head:
    """The linear model on standardised vectors, written so that it takes them as they are."""
    center, spread = vectors.mean(axis=0), vectors.std(axis=0)
    spread = np.where(spread > SMALLEST, spread, 1.0)
    target = dense(batch.target)
    standard = (vectors - center) / spread
    scale, offset, link = 1.0, 0.0, "softmax"
    if work.task in ("regression", _networks.PAIRS):
        weights, bias, scale, offset = _values(standard, target, batch.weight, C)
        link = "identity"
    elif work.task in ("binary", "multiclass"):
        weight = _answering.balanced(target, batch.weight, work)
        weights, bias = _classes(standard, target, work.outputs, weight, C, seed)
    else:
        labels, link = target.T.astype(np.int64), "sigmoid"
        each = [_label(standard, own, _answering.balanced(own, batch.weight, work), C, seed) for own in labels]
        weights, bias = np.stack([w for w, _ in each]), np.array([b for _, b in each])
    return _Head(weights / spread, bias - (weights / spread) @ center, link, scale, offset)


def _classes(
    standard: Array, target: Array, outputs: int, weight: Array | None, C: float, seed: int
) -> tuple[Array, Array]:
    """Of several classes; one that no row has is next to impossible."""
    present = np.unique(target)
    weights, bias = np.zeros((outputs, standard.shape[1])), np.full(outputs, -IMPOSSIBLE)
    bias[present] = 0.0
    if len(present) == 2:
        own, shift = _label(standard, (target == present[1]).astype(np.int64), weight, C, seed)
        weights[present[1]], bias[present[1]] = own, shift
    elif len(present) > 2:
        fitted = _logistic(standard, target, weight, C, seed)
        weights[present], bias[present] = fitted.coef_, fitted.intercept_
    return weights, bias


def _label(standard: Array, own: Array, weight: Array | None, C: float, seed: int) -> tuple[Array, float]:
    """Of one label that a row has or has not."""
    if len(np.unique(own)) == 1:
        return np.zeros(standard.shape[1]), IMPOSSIBLE if own[0] else -IMPOSSIBLE
    fitted = _logistic(standard, own, weight, C, seed)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _logistic(standard: Array, codes: Array, weight: Array | None, C: float, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    # The strength of the penalty is for a number of the vector: wider ones are not followed more closely.
    estimator = LogisticRegression(C=C / standard.shape[1], max_iter=MOST_STEPS, random_state=seed)
    with _answering.iterated(estimator):
        estimator.fit(standard, codes, sample_weight=weight)
    return estimator


def _values(standard: Array, target: Array, weight: Array | None, C: float) -> tuple[Array, Array, float, float]:
    from sklearn.linear_model import Ridge

    offset = float(np.average(target, weights=weight))
    scale = float(np.sqrt(np.average((target - offset) ** 2, weights=weight))) or 1.0
    fitted = Ridge(alpha=standard.shape[1] / C).fit(standard, (target - offset) / scale, sample_weight=weight)
    return fitted.coef_.reshape(1, -1), np.atleast_1d(fitted.intercept_), scale, offset


model = PretrainedFeatures()
