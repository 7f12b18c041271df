"""Support vector machines: the widest margin between classes, or a tube around values.

Probabilities are made of their decisions in `probabilities`. Beyond `MOST_EXACT` rows the kernel is approximated by its
values at some rows (Nystroem; Williams and Seeger, 2001), and the weights are those of a linear machine on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import combinations
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field

from luban.batch import Array, Batch, Inputs, matrix
from luban.core import registry
from luban.core.seed import derive
from luban.models import _answering
from luban.models.svm import probabilities
from luban.protocols import Entry, Form, Work
from luban.recipe.recipe import Candidate, Section

MOST_EXACT = 20_000
"""Rows up to which the exact machine is fitted; its time grows with their square and more."""
LANDMARKS = 400
"""Rows at which the kernel is evaluated beyond that."""


class Settings(Section):
    """What can be set about support vector machines."""

    kernel: Literal["rbf", "linear"] = "rbf"
    """`rbf` bends the boundary around single rows, `linear` keeps it straight."""
    C: float = Field(1.0, gt=0, le=1e12)
    """How much a row on the wrong side costs."""
    gamma: Literal["scale", "auto"] | Annotated[float, Field(gt=0, le=1e12)] = "scale"
    """How fast a row's influence falls with distance: a number, 1 / (columns * variance), or 1 / columns."""
    epsilon: float = Field(0.1, ge=0, le=1e12)
    """Half the width of the tube around values, in standard deviations of the target."""
    iterations: int | None = Field(None, ge=1, le=1_000_000)
    """Steps of the solver of a straight boundary, at most; as many as usually do where nothing is said."""


@final
class SupportVectorMachine:
    """Hinge loss and its margin (Cortes and Vapnik, 1995), through libsvm and liblinear; one class against one."""

    name: ClassVar[str] = "svm"
    trainer: ClassVar[Literal["estimator"]] = "estimator"
    tasks: ClassVar[frozenset[str]] = _answering.PREDICTED
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        if work.sparse:
            candidates = {2: {"kernel": "linear", "C": 1.0}, 4: {"kernel": "linear", "C": 0.2}}
        elif work.rows > MOST_EXACT or work.width > 1_000:
            candidates = {14: {}}
        else:
            candidates = {3: {}, 5: {"C": 10.0}}
        return [Entry(order, Candidate(model=self.name, settings=given)) for order, given in candidates.items()]

    def declines(self, work: Work) -> str | None:
        if work.sparse and work.rows > MOST_EXACT * 10:
            return f"of {work.rows:,} texts linear makes as much in a tenth of the time."
        return None

    def fit(self, batch: Batch, work: Work, settings: Section, *, seed: int, threads: int) -> Form:
        assert isinstance(settings, Settings)
        return _answering.fitted(
            batch,
            work,
            partial(_classify, settings=settings, seed=seed),
            partial(_regress, settings=settings, seed=seed),
        )


def _classify(
    inputs: Inputs, codes: Array, classes: int, weight: Array | None, *, settings: Settings, seed: int
) -> Form:
    if settings.kernel == "linear":
        return _straight(inputs, codes, classes, weight, settings, seed)
    dense = _dense(inputs)
    gamma = _gamma(dense, settings)
    if len(codes) > MOST_EXACT:
        return _approximate(dense, codes, classes, weight, settings, gamma, seed)

    def machine(rows: Array) -> Any:
        return _machine(dense[rows], codes[rows], classes, None if weight is None else weight[rows], settings, gamma)

    def decide(seen: Array, asked: Array) -> Array:
        return np.asarray(machine(seen).decisions(dense[asked]))

    decisions = 1 if classes == 2 else classes * (classes - 1) // 2
    held_out = probabilities.held_out(decide, codes, classes, decisions, seed)
    form: Any = machine(np.arange(len(codes)))
    if classes == 2:
        factor = probabilities.sigmoid_factor(held_out, codes)
        return _kernel(form.support, form.coefficients * factor, form.bias * factor, gamma, "binary")
    votes = probabilities.vote_weights(held_out, codes)
    return _kernel(form.support, form.coefficients, form.bias, gamma, "votes", votes)


def _machine(inputs: Array, codes: Array, classes: int, weight: Array | None, settings: Settings, gamma: float) -> Any:
    """The fitted machine as a kernel form whose link is still to be chosen."""
    from sklearn.svm import SVC

    machine = SVC(C=settings.C, kernel="rbf", gamma=gamma, cache_size=300)
    machine.fit(inputs, codes, sample_weight=weight)
    support = machine.support_vectors_.astype(np.float32)
    if classes == 2:
        return _kernel(support, machine.dual_coef_.T, machine.intercept_, gamma, "identity")
    return _kernel(support, _pairs(machine, classes), machine.intercept_, gamma, "identity")


def _pairs(machine: Any, classes: int) -> Array:
    """(support, pairs) the coefficients of each pair of classes, as libsvm packs them: by class, against the others."""
    ends = np.concatenate([[0], np.cumsum(machine.n_support_)])
    coefficients = np.zeros((ends[-1], classes * (classes - 1) // 2))
    for pair, (first, second) in enumerate(combinations(range(classes), 2)):
        of_first, of_second = slice(ends[first], ends[first + 1]), slice(ends[second], ends[second + 1])
        coefficients[of_first, pair] = machine.dual_coef_[second - 1, of_first]
        coefficients[of_second, pair] = machine.dual_coef_[first, of_second]
    return coefficients


def _straight(inputs: Inputs, codes: Array, classes: int, weight: Array | None, settings: Settings, seed: int) -> Form:
    """The linear machine, one class against the rest; its sums are scaled so that their link gives probabilities."""
    from sklearn.svm import LinearSVC

    def machine(rows: Array) -> tuple[Array, Array]:
        estimator = LinearSVC(C=settings.C, random_state=seed, max_iter=settings.iterations or 5_000)
        with _answering.iterated(estimator):
            estimator.fit(
                matrix(inputs)[rows].astype(np.float64), codes[rows], None if weight is None else weight[rows]
            )
        return estimator.coef_.T.astype(np.float64), estimator.intercept_.astype(np.float64)

    def decide(seen: Array, asked: Array) -> Array:
        weights, bias = machine(seen)
        return np.asarray(inputs[asked] @ weights) + bias

    sums = probabilities.held_out(decide, codes, classes, 1 if classes == 2 else classes, seed)
    of_sums = probabilities.sigmoid_factor if classes == 2 else probabilities.softmax_factor
    factor = of_sums(sums, codes)
    weights, bias = machine(np.arange(len(codes)))
    form: Form = registry.find("forms", "affine")(
        weights * factor, bias * factor, "binary" if classes == 2 else "softmax"
    )
    return form


def _approximate(
    inputs: Array, codes: Array, classes: int, weight: Array | None, settings: Settings, gamma: float, seed: int
) -> Form:
    support, whitening, mapped = _mapped(inputs, gamma, seed)
    form: Any = _straight(mapped, codes, classes, weight, settings, seed)
    return _kernel(support, whitening @ form.weights, form.bias, gamma, form.link)


def _mapped(inputs: Array, gamma: float, seed: int) -> tuple[Array, Array, Array]:
    """The landmarks, the whitening of the kernel between them, and the rows as this map has them."""
    random = np.random.default_rng(derive(seed, "landmarks"))
    landmarks = inputs[np.sort(random.choice(len(inputs), min(LANDMARKS, len(inputs)), replace=False))].astype(
        np.float32
    )
    near: Any = _kernel(landmarks, np.eye(len(landmarks)), np.zeros(len(landmarks)), gamma, "identity")
    values, vectors = np.linalg.eigh(near.decisions(landmarks))
    kept = values > 1e-10 * values.max()
    whitening = vectors[:, kept] / np.sqrt(values[kept])
    pieces = [near.decisions(inputs[start : start + 8192]) @ whitening for start in range(0, len(inputs), 8192)]
    return landmarks, whitening, np.concatenate(pieces)


def _regress(inputs: Inputs, values: Array, weight: Array | None, *, settings: Settings, seed: int) -> Form:
    from sklearn.svm import SVR, LinearSVR

    middle, spread = float(np.average(values, weights=weight)), float(values.std()) or 1.0
    target = (values - middle) / spread
    linear = partial(
        LinearSVR, C=settings.C, epsilon=settings.epsilon, random_state=seed, max_iter=settings.iterations or 10_000
    )
    if settings.kernel == "linear":
        estimator = linear()
        with _answering.iterated(estimator):
            estimator.fit(matrix(inputs).astype(np.float64), target, weight)
        weights = estimator.coef_.reshape(-1, 1).astype(np.float64) * spread
        bias = np.array([float(np.ravel(estimator.intercept_)[0]) * spread + middle])
        straight: Form = registry.find("forms", "affine")(weights, bias, "identity")
        return straight
    dense = _dense(inputs)
    gamma = _gamma(dense, settings)
    if len(values) > MOST_EXACT:
        support, whitening, mapped = _mapped(dense, gamma, seed)
        estimator = linear()
        with _answering.iterated(estimator):
            estimator.fit(mapped, target, weight)
        coefficients = whitening @ estimator.coef_.reshape(-1, 1)
        bias = np.array([float(np.ravel(estimator.intercept_)[0])])
        return _kernel(support, coefficients * spread, bias * spread + middle, gamma, "identity")
    machine = SVR(C=settings.C, epsilon=settings.epsilon, kernel="rbf", gamma=gamma, cache_size=300)
    machine.fit(dense, target, sample_weight=weight)
    support = machine.support_vectors_.astype(np.float32)
    if not len(support):
        # Every value lies within the tube: no row bends it, and one answer is left.
        constant: Form = registry.find("forms", "constant")(machine.intercept_ * spread + middle, dense.shape[1])
        return constant
    return _kernel(support, machine.dual_coef_.T * spread, machine.intercept_ * spread + middle, gamma, "identity")


def _kernel(
    support: Array, coefficients: Array, bias: Array, gamma: float, link: str, weights: tuple[float, float] = (1.0, 1.0)
) -> Form:
    kind = registry.find("forms", "kernel")
    form: Form = kind(
        np.ascontiguousarray(support, dtype=np.float32),
        np.ascontiguousarray(coefficients, dtype=np.float64),
        np.asarray(bias, dtype=np.float64),
        gamma,
        link,
        weights,
    )
    return form


def _gamma(inputs: Array, settings: Settings) -> float:
    if isinstance(settings.gamma, float | int):
        return float(settings.gamma)
    if settings.gamma == "auto":
        return 1.0 / inputs.shape[1]
    variance = float(inputs.astype(np.float64).var())
    return 1.0 / (inputs.shape[1] * variance) if variance > 0 else 1.0


def _dense(inputs: Inputs) -> Array:
    return inputs.toarray() if hasattr(inputs, "toarray") else np.asarray(inputs)


model = SupportVectorMachine()
