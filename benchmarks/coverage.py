"""Coverage: how often the 95% intervals of luban hold the truth.

A set is one life of a model: it is fitted on fresh training rows, measured on n fresh test rows, and the truth is that
very model's score on 200,000 rows of the population. Of 400 sets the interval should hold the truth in 92 to 98%.

Figures: coverage-<what>-<n> for n = 30, 114 and 500, and what = accuracy-80, accuracy-97 (models that are right that
often), roc-auc, rmse. Without a goal, for they are as good as they are: log-loss, f1, rmse-heavy-tails (errors of
Student's t with 5 degrees of freedom), accuracy-groups (five rows a group, alike), accuracy-difference (to the
baseline). And width-<what>-<n>: the mean width of these intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import harness
from luban.batch import Answers
from luban.core import registry
from luban.core.seed import derive
from luban.evidence.intervals import wilson
from luban.evidence.measurement import Measurement
from luban.training.measuring import measure

SIZES = (30, 114, 500)
SETS, QUICK_SETS = 400, 150
POPULATION, QUICK_POPULATION = 200_000, 20_000
TRAINED = 300
GOAL = (0.92, 0.98)
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """inputs: (rows, columns). target: codes or values. groups: (rows,) codes, where rows share one."""

    inputs: Array
    target: Array
    groups: Array | None = None


@dataclass(frozen=True)
class Case:
    """What is measured: `draw(random, rows)` from a population, by which metric.

    difference: whether the interval of the difference to the baseline is meant.
    """

    name: str
    metric: str
    draw: Callable[[np.random.Generator, int], Rows]
    goal: bool = True
    difference: bool = False

    @property
    def regression(self) -> bool:
        return self.metric == "rmse"


def two_classes(distance: float, share: float = 0.5) -> Callable[[np.random.Generator, int], Rows]:
    """Two normal classes in five dimensions whose means are this far apart."""

    def draw(random: np.random.Generator, rows: int) -> Rows:
        target = (random.random(rows) < share).astype(np.int64)
        return Rows(random.normal(size=(rows, 5)) + target[:, None] * distance / np.sqrt(5), target)

    return draw


def groups_of_five(random: np.random.Generator, rows: int) -> Rows:
    """Rows of a group have the same class and nearly the same inputs."""
    group = np.arange(rows) // 5
    target = (random.random(group[-1] + 1) < 0.5).astype(np.int64)[group]
    middle = random.normal(size=(group[-1] + 1, 5))[group]
    inputs = 0.9 * middle + 0.44 * random.normal(size=(rows, 5)) + target[:, None] * 2.0 / np.sqrt(5)
    return Rows(inputs, target, group)


def curved(errors: Callable[[np.random.Generator, int], Array]) -> Callable[[np.random.Generator, int], Rows]:
    """A slightly curved function of five inputs, plus errors: a linear model is nearly right."""

    def draw(random: np.random.Generator, rows: int) -> Rows:
        inputs = random.normal(size=(rows, 5))
        target = inputs @ np.arange(1.0, 6.0) + 0.5 * np.sin(2 * inputs[:, 0]) + errors(random, rows)
        return Rows(inputs, target)

    return draw


CASES = (
    Case("accuracy-80", "accuracy", two_classes(1.72)),
    Case("accuracy-97", "accuracy", two_classes(3.85)),
    Case("roc-auc", "roc-auc", two_classes(1.72, share=0.4)),
    Case("rmse", "rmse", curved(lambda random, rows: random.normal(size=rows))),
    Case("log-loss", "log-loss", two_classes(1.72), goal=False),
    Case("f1", "f1", two_classes(1.72, share=0.4), goal=False),
    Case("rmse-heavy-tails", "rmse", curved(lambda random, rows: random.standard_t(5, rows)), goal=False),
    Case("accuracy-groups", "accuracy", groups_of_five, goal=False),
    Case("accuracy-difference", "accuracy", two_classes(1.72, share=0.4), goal=False, difference=True),
)


def figures(options: harness.Options) -> list[harness.Figure]:
    sets, size = (QUICK_SETS, QUICK_POPULATION) if options.quick else (SETS, POPULATION)
    found = []
    for case in CASES:
        population = case.draw(np.random.default_rng(derive(options.seed, case.name, "population")), size)
        for rows in SIZES:
            seeds = [derive(options.seed, case.name, rows, number) for number in range(sets)]
            found += _of(case, rows, [_one(case, rows, population, seed) for seed in seeds])
    return found


def _of(case: Case, rows: int, held: list[tuple[bool, float]]) -> list[harness.Figure]:
    hits, sets = sum(hit for hit, _ in held), len(held)
    low, high = wilson(hits, sets)
    how = f"{hits} of {sets} intervals of the {case.metric} of {rows} rows hold the truth"
    width = float(np.mean([width for _, width in held]))
    return [
        harness.Figure(
            f"coverage-{case.name}-{rows}", hits / sets, low, high, ("within", GOAL) if case.goal else None, how
        ),
        harness.Figure(f"width-{case.name}-{rows}", width, how=f"mean of {sets} intervals"),
    ]


def _one(case: Case, rows: int, population: Rows, seed: int) -> tuple[bool, float]:
    """Whether one model's interval holds the truth about it, and the width of the interval."""
    random = np.random.default_rng(seed)
    train, test = case.draw(random, TRAINED), case.draw(random, rows)
    answer, simplest = _fitted(case, train), _simplest(case, train)
    measured = _measured(case, test, answer, simplest, seed)
    metric = registry.find("metrics", case.metric)
    truth = metric.score(population.target, answer(population.inputs))
    if not case.difference:
        return measured.low <= truth <= measured.high, measured.high - measured.low
    difference = measured.difference
    assert difference is not None, "the baseline was given"
    truth -= metric.score(population.target, simplest(population.inputs))
    return difference.low <= truth <= difference.high, difference.high - difference.low


def _measured(case: Case, test: Rows, answer: Any, simplest: Any, seed: int) -> Measurement:
    return measure(
        registry.find("metrics", case.metric),
        test.target,
        answer(test.inputs),
        groups=test.groups,
        split="test",
        baseline=("constant", simplest(test.inputs)) if case.difference else None,
        seed=seed,
    )


def _fitted(case: Case, train: Rows) -> Callable[[Array], Answers]:
    """A linear model of the training rows."""
    from sklearn.linear_model import LogisticRegression, Ridge

    if case.regression:
        model = Ridge().fit(train.inputs, train.target)
        return lambda inputs: Answers(model.predict(inputs))
    model = LogisticRegression().fit(train.inputs, train.target)
    return lambda inputs: _classes(model.predict_proba(inputs))


def _simplest(case: Case, train: Rows) -> Callable[[Array], Answers]:
    """Answers the same to every row."""
    mean = float(train.target.mean())
    if case.regression:
        return lambda inputs: Answers(np.full(len(inputs), mean))
    return lambda inputs: _classes(np.tile([1.0 - mean, mean], (len(inputs), 1)))


def _classes(probabilities: Array) -> Answers:
    return Answers((probabilities[:, 1] >= 0.5).astype(np.int64), probabilities)


if __name__ == "__main__":
    harness.main(__doc__, figures)
