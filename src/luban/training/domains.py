"""The domain classifier: can newer rows be told from older ones, how well, by which columns, and what each row weighs.

Rows are told apart by learners that did not see them (cross-fitted; Lopez-Paz and Oquab, 2017). Their odds are the
ratio of the densities of both sides (Sugiyama et al., 2012): the weight by which older rows stand for newer ones.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban.batch import Array
from luban.core.seed import derive
from luban.evidence.intervals import NORMAL
from luban.protocols import Sides
from luban.training import probing

FOLDS = 5
WIDEST = 16
"""Outputs of one column that are kept as they are; of more, such as words or pixels, so many directions are."""
ROUNDS = 60
TREES = {
    "objective": "binary", "num_leaves": 8, "min_data_in_leaf": 10, "learning_rate": 0.08, "feature_fraction": 0.5,
    "lambda_l2": 5.0, "deterministic": True, "verbose": -1,
}  # fmt: skip
PENALTY = 0.02
FARTHEST = 4.0
"""Standard deviations beyond which a component is no farther out."""
SHUFFLED = 30
"""Columns whose part is looked at, at most: those that the trees use most."""
CLIP = 10.0
"""The largest weight, in means."""


@dataclass(frozen=True, eq=False)
class Narrowed:
    """How encoded rows become few numbers. blocks: the outputs of each column, with the directions that are kept."""

    blocks: tuple[tuple[str, Array, Any], ...]
    mean: Array
    scale: Array

    @property
    def sources(self) -> tuple[str, ...]:
        """The column from which each number comes."""
        return tuple(
            name for name, outputs, found in self.blocks for _ in range(len(outputs) if found is None else WIDEST)
        )

    def __call__(self, inputs: Any) -> Array:
        """(rows, numbers) float64."""
        return np.asarray((_told(self.blocks, inputs) - self.mean) / self.scale)


def narrowed(inputs: Any, sources: Sequence[str], seed: int) -> Narrowed:
    """How rows like these become few numbers, of mean 0 and standard deviation 1: wide columns by singular vectors.

    sources: the column of each output.
    """
    from sklearn.decomposition import TruncatedSVD

    blocks = []
    for name in dict.fromkeys(sources):
        outputs = np.flatnonzero([source == name for source in sources])
        found = None
        if len(outputs) > WIDEST:
            found = TruncatedSVD(WIDEST, random_state=derive(seed, "directions")).fit(inputs[:, outputs])
        blocks.append((name, outputs, found))
    told = _told(blocks, inputs)
    scale = told.std(axis=0)
    return Narrowed(tuple(blocks), told.mean(axis=0), np.where(scale > 1e-9, scale, 1.0))


def _told(blocks: Sequence[tuple[str, Array, Any]], inputs: Any) -> Array:
    from scipy.sparse import issparse

    found = []
    for _, outputs, directions in blocks:
        part = inputs[:, outputs]
        part = part if directions is None else directions.transform(part)
        found.append(np.asarray(part.toarray() if issparse(part) else part, dtype=np.float64))
    return np.asarray(np.clip(np.nan_to_num(np.concatenate(found, axis=1)), -1e30, 1e30))


@dataclass(frozen=True, eq=False)
class Domains:
    """What came of telling rows apart.

    auc, low, high: the area under the ROC curve on rows that were held out, and its 95% interval (DeLong et al., 1988).
    p: of an area as large by chance (Mann and Whitney, 1947).
    odds: (rows,) the calibrated log-odds of being new, each from learners that had not seen the row.
    carriers: columns, and by how much the area falls when one is shuffled among held-out rows, most first; those that
        lower it beyond chance.
    """

    auc: float
    low: float
    high: float
    p: float
    odds: Array
    carriers: tuple[tuple[str, float], ...]
    learners: tuple[_Learner, ...]
    scale: tuple[float, float]

    def weights(self, inputs: Array) -> Array:
        """(rows,) the density ratios of older rows that no learner has seen, up to a factor."""
        said = np.mean([learner.odds(inputs) for learner in self.learners], axis=0)
        return np.asarray(np.exp(self.scale[0] + self.scale[1] * said))


@functools.lru_cache(maxsize=2)
def of_sides(sides: Sides, seed: int) -> Domains:
    """How well the newer rows are told from the older ones; computed once for all that ask."""
    return told_apart(sides.inputs, sides.newer, sides.sources, seed)


def told_apart(inputs: Array, newer: Array, sources: Sequence[str], seed: int) -> Domains:
    """How well newer rows are told from older ones.

    inputs: (rows, numbers) standardised. newer: (rows,) boolean. sources: the column of each number.
    """
    # Equal rows lie in one fold, or those that a learner saw would answer for them.
    _, first, equal = np.unique(inputs, axis=0, return_index=True, return_inverse=True)
    fold = probing.folds(newer[first].astype(np.int64), FOLDS, derive(seed, "domains", "folds"))[equal.ravel()]
    said = np.zeros(len(newer))
    learners = []
    for held_out in range(FOLDS):
        rest, asked = fold != held_out, fold == held_out
        learners.append(_fitted(inputs[rest], newer[rest], derive(seed, "domains", held_out)))
        said[asked] = learners[-1].odds(inputs[asked])
    value, low, high, p = area(said, newer)
    intercept, slope = _calibrated(said, newer)
    carriers = _carriers(inputs, newer, sources, fold, learners, value, seed)
    odds = intercept + slope * said
    return Domains(value, low, high, p, odds, carriers, tuple(learners), (intercept, slope))


def area(said: Array, newer: Array) -> tuple[float, float, float, float]:
    """The area under the ROC curve, its 95% interval (DeLong et al., 1988), and the one-sided p of chance.

    >>> [round(each, 3) for each in area(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))]
    [0.75, 0.057, 1.0, 0.219]
    """
    from scipy.special import ndtr
    from scipy.stats import rankdata

    positive, negative = said[newer], said[~newer]
    m, n = len(positive), len(negative)
    both = rankdata(np.concatenate([positive, negative]))
    of_positive = (both[:m] - rankdata(positive)) / n
    of_negative = 1 - (both[m:] - rankdata(negative)) / m
    value = float(of_positive.mean())
    error = float(np.sqrt(of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n))
    chance = float(np.sqrt((m + n + 1) / (12 * m * n)))
    half = NORMAL * max(error, 1e-9)
    return value, max(value - half, 0.0), min(value + half, 1.0), float(ndtr(-(value - 0.5) / chance))


def clipped(ratio: Array) -> tuple[Array, float]:
    """(rows,) weights of mean 1, none above `CLIP` means; and how many equal rows they are worth (Kish, 1965).

    >>> weights, worth = clipped(np.array([1.0, 1.0, 2.0]))
    >>> weights.tolist(), round(worth, 2)
    ([0.75, 0.75, 1.5], 2.67)
    """
    weight = ratio / ratio.mean()
    for _ in range(ROUNDS):
        # What is cut off lowers the mean, by which the others then rise.
        weight = np.minimum(weight, CLIP)
        weight = weight / weight.mean()
    return weight, float(weight.sum() ** 2 / (weight**2).sum())


@dataclass(frozen=True, eq=False)
class _Learner:
    """Trees and a linear learner that see the numbers and their principal components, of mean 0 and deviation 1.

    Rows whose columns go together otherwise lie far out where none lay: the linear learner sees squares.
    """

    mean: Array
    directions: Array
    centre: Array
    scale: Array
    trees: Any
    linear: Any

    def odds(self, inputs: Array) -> Array:
        """(rows,) the mean log-odds of the learners."""
        components = _components(inputs, self.mean, self.directions)
        seen = np.concatenate([inputs, components], axis=1)
        found = [self.trees.predict(seen, num_threads=1, raw_score=True)]
        found.append(self.linear.decision_function((_squared(seen, components) - self.centre) / self.scale))
        return np.asarray(np.mean(found, axis=0))

    @property
    def used(self) -> Array:
        """(numbers,) how much the trees use each number, by itself and in components."""
        gain = self.trees.feature_importance("gain")
        width = len(self.mean)
        share = self.directions**2 / np.maximum((self.directions**2).sum(axis=0), 1e-300)
        return np.asarray(gain[:width] + share @ gain[width:])


def _fitted(inputs: Array, newer: Array, seed: int) -> _Learner:
    import lightgbm
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    weight = np.where(newer, 0.5 / newer.mean(), 0.5 / (1 - newer.mean()))
    with threadpool_limits(1):
        mean = inputs.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(inputs - mean, rowvar=False).reshape(len(mean), -1))
        kept = values > max(values.max(), 0.0) * 1e-6
        directions = vectors[:, kept] / np.sqrt(values[kept])
        components = _components(inputs, mean, directions)
        seen = np.concatenate([inputs, components], axis=1)
        squared = _squared(seen, components)
        centre, scale = squared.mean(axis=0), squared.std(axis=0)
        scale = np.where(scale > 1e-9, scale, 1.0)
        linear = LogisticRegression(C=PENALTY, max_iter=200).fit(
            (squared - centre) / scale, newer, sample_weight=weight
        )
        trees = lightgbm.train(
            {**TREES, "seed": seed % 2**31, "num_threads": 1},
            lightgbm.Dataset(seen, newer.astype(np.float64), weight=weight),
            ROUNDS,
        )
    return _Learner(mean, directions, centre, scale, trees, linear)


def _components(inputs: Array, mean: Array, directions: Array) -> Array:
    return np.clip((inputs - mean) @ directions, -FARTHEST, FARTHEST)


def _squared(seen: Array, components: Array) -> Array:
    return np.concatenate([seen, components**2], axis=1)


def _calibrated(said: Array, newer: Array) -> tuple[float, float]:
    """The line by which what was said of held-out rows is the log of the ratio of densities (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(C=1e6, class_weight="balanced").fit(said[:, None], newer)
    return float(line.intercept_[0]), max(float(line.coef_[0, 0]), 0.0)


def _carriers(
    inputs: Array,
    newer: Array,
    sources: Sequence[str],
    fold: Array,
    learners: Sequence[_Learner],
    whole: float,
    seed: int,
) -> tuple[tuple[str, float], ...]:
    importance: dict[str, float] = {}
    used = np.mean([learner.used for learner in learners], axis=0)
    for name, share in zip(sources, used, strict=True):
        importance[name] = importance.get(name, 0.0) + float(share)
    names = sorted(importance, key=lambda name: -importance[name])[:SHUFFLED]
    random = np.random.default_rng(derive(seed, "domains", "shuffled"))
    found = []
    for name in names:
        said = np.zeros(len(newer))
        own = np.flatnonzero([source == name for source in sources])
        for held_out, learner in enumerate(learners):
            asked = np.flatnonzero(fold == held_out)
            shuffled = inputs[asked].copy()
            shuffled[:, own] = shuffled[random.permutation(len(asked))][:, own]
            said[asked] = learner.odds(shuffled)
        found.append((name, whole - area(said, newer)[0]))
    return tuple(sorted((each for each in found if each[1] > 0), key=lambda each: -each[1]))
