"""What every metric keeps to, whichever it is: a new one is tested by existing."""

from __future__ import annotations

import numpy as np
import pytest

from luban.batch import Answers, Array, Ragged
from luban.core import registry
from luban.core.fingerprint import of_json
from luban.protocols import Metric
from luban.spans import packed, pieces
from luban.training.measuring import measure

CASES = [(name, task) for name in registry.names("metrics") for task in sorted(registry.find("metrics", name).tasks)]
ROWS = 60
LANGUAGE = ("causal-lm", "chat", "masked-lm")
TAGS = ("B-LOC", "I-LOC", "B-PER", "I-PER", "O")
WORDS = ("the", "cat", "sat", "on", "an", "old", "mat", "today")


def example(task: str, seed: int = 0) -> tuple[Array, Answers]:
    """Answers that are mostly right."""
    random = np.random.default_rng(seed)
    if task in ("regression", "similarity"):
        target = random.normal(size=ROWS)
        return target, Answers(target + 0.3 * random.normal(size=ROWS))
    if task == "forecasting":
        target = np.concatenate([random.normal(size=(ROWS, 3)), random.random((ROWS, 1)) + 0.5], axis=1)
        said = target[:, :3] + 0.3 * random.normal(size=(ROWS, 3))
        return target, of_quantiles(said, np.array([-0.4, 0.0, 0.4]))
    if task == "sequence-to-sequence":
        words = [" ".join(WORDS[at] for at in random.integers(0, len(WORDS), 3 + i % 6)) for i in range(ROWS)]
        said = [text if i % 3 else text.replace("cat", "dog") + " then" for i, text in enumerate(words)]
        return Ragged.of_texts(words), Answers(Ragged.of_texts(said))
    if task == "question-answering":
        words = [" ".join(WORDS[at] for at in random.integers(0, len(WORDS), 1 + i % 4)) for i in range(ROWS)]
        said = [text if i % 3 else text.replace("cat", "dog") + " then" for i, text in enumerate(words)]
        return packed(words, [0] * ROWS, [1.0] * ROWS), Answers(Ragged.of_texts(said))
    if task == "tagging":
        lengths = 2 + random.integers(0, 7, ROWS)
        codes = random.integers(0, len(TAGS), lengths.sum())
        said = np.where(random.random(len(codes)) < 0.8, codes, random.integers(0, len(TAGS), len(codes)))
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return Ragged(codes, offsets), Answers(Ragged(said, offsets), names=TAGS)
    if task in LANGUAGE:
        tokens = 5 + random.integers(0, 40, ROWS).astype(np.float64)
        counted = np.stack([tokens * (1 + random.random(ROWS)), tokens, np.floor(tokens / 3)], axis=1)
        return 4 * tokens, Answers(np.exp(counted[:, 0] / tokens), counted=counted)
    if task == "preference":
        rejected = -5 - 9 * random.random(ROWS)
        counted = np.stack([rejected + random.normal(2.0, 2.0, ROWS), rejected], axis=1)
        return np.ones(ROWS), Answers(counted[:, 0] - counted[:, 1], counted=counted)
    if task == "multi-task":
        (codes, classes), (values, numbers) = example("multiclass", seed), example("regression", seed + 1)
        return np.stack([codes, values], axis=1), side_by_side(classes, numbers)
    if task == "multilabel":
        labels = random.integers(0, 2, (ROWS, 3))
        outputs = np.clip(0.25 + 0.5 * labels + 0.2 * random.normal(size=(ROWS, 3)), 0.01, 0.99)
        return labels, Answers((outputs >= 0.5).astype(np.int64), outputs)
    classes = 2 if task == "binary" else 3
    target = np.arange(ROWS) % classes
    raw = np.exp(random.normal(size=(ROWS, classes)) + 2 * np.eye(classes)[target])
    outputs = raw / raw.sum(axis=1, keepdims=True)
    return target, Answers(outputs.argmax(axis=1), outputs)


def of_quantiles(said: Array, apart: Array) -> Answers:
    """Forecasts with quantiles so far from what is said."""
    return Answers(said, quantiles=said[:, :, None] + apart, shares=(0.1, 0.5, 0.9))


def side_by_side(*parts: Answers) -> Answers:
    """The answers to several targets."""
    return Answers(np.stack([part.prediction for part in parts], axis=1), parts=parts)


def perfect(task: str, target: Array) -> Answers:
    if task == "forecasting":
        return of_quantiles(target[:, :-1], np.zeros(3))
    if task in ("regression", "similarity"):
        return Answers(target)
    if task == "question-answering":
        return Answers(pieces(target))
    if task in ("sequence-to-sequence", "tagging"):
        return Answers(target, names=TAGS)
    if task in LANGUAGE:
        tokens = target / 4
        return Answers(np.ones(len(target)), counted=np.stack([np.zeros(len(target)), tokens, tokens], axis=1))
    if task == "preference":
        return Answers(np.full(len(target), 99.0), counted=np.tile([0.0, -99.0], (len(target), 1)))
    if task == "multi-task":
        return side_by_side(perfect("multiclass", target[:, 0].astype(np.int64)), perfect("regression", target[:, 1]))
    if task == "multilabel":
        return Answers(target, target.astype(np.float64))
    return Answers(target, np.eye(2 if task == "binary" else 3)[target])


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request: pytest.FixtureRequest) -> tuple[Metric, str]:
    name, task = request.param
    return registry.find("metrics", name), task


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_it_says_what_it_is(name: str) -> None:
    metric: Metric = registry.find("metrics", name)
    assert metric.name == name
    assert metric.tasks <= set(registry.names("tasks"))
    assert metric.definition.endswith(".")
    assert metric.bounds[0] < metric.bounds[1]
    assert metric.interval != "wilson" or metric.each is not None


def test_tasks_name_metrics_that_know_them() -> None:
    for task in (registry.find("tasks", name) for name in registry.names("tasks")):
        for name in task.metrics:
            assert task.name in registry.find("metrics", name).tasks, (task.name, name)


def test_a_weight_of_two_counts_as_the_row_twice(case: tuple[Metric, str]) -> None:
    metric, task = case
    if metric.name == "expected-calibration-error":
        pytest.skip("its bins hold equal numbers of rows, and the row twice is two rows")
    target, answers = example(task)
    counts = np.random.default_rng(1).integers(0, 3, ROWS)
    repeated = np.repeat(np.arange(ROWS), counts)
    twice = metric.score(target[repeated], answers.take(repeated))
    assert metric.score(target, answers, counts.astype(np.float64)) == pytest.approx(twice)


def test_many_weightings_at_once_are_as_each_alone(case: tuple[Metric, str]) -> None:
    metric, task = case
    target, answers = example(task)
    weights = np.random.default_rng(2).random((7, ROWS))
    alone = [metric.score(target, answers, weight) for weight in weights]
    assert metric.scores(target, answers, weights) == pytest.approx(np.array(alone), rel=1e-12)


def test_the_order_of_rows_and_the_size_of_weights_change_nothing(case: tuple[Metric, str]) -> None:
    metric, task = case
    target, answers = example(task)
    weight = np.random.default_rng(3).random(ROWS) + 0.1
    value = metric.score(target, answers, weight)
    order = np.random.default_rng(4).permutation(ROWS)
    assert metric.score(target[order], answers.take(order), 10 * weight[order]) == pytest.approx(value)


def test_terms_average_to_the_score(case: tuple[Metric, str]) -> None:
    metric, task = case
    target, answers = example(task)
    weight = np.random.default_rng(5).random(ROWS)
    if metric.each is not None:
        mean = np.average(metric.each(target, answers), weights=weight)
        assert metric.score(target, answers, weight) == pytest.approx(mean)


def test_perfect_answers_are_better_and_reach_the_bound(case: tuple[Metric, str]) -> None:
    metric, task = case
    target, answers = example(task)
    value, best = metric.score(target, answers), metric.score(target, perfect(task, target))
    reachable = metric.bounds[1] if metric.direction == "higher" else metric.bounds[0]
    # A margin has no end.
    assert best == pytest.approx(reachable, abs=1e-12) or np.isinf(reachable)
    assert (best >= value) if metric.direction == "higher" else (best <= value)
    assert metric.bounds[0] <= value <= metric.bounds[1]


def test_nothing_to_weigh_is_undefined(case: tuple[Metric, str]) -> None:
    metric, task = case
    target, answers = example(task)
    assert np.isnan(metric.score(target, answers, np.zeros(ROWS)))


@pytest.mark.parametrize("kind", ["mostly right", "perfect", "one answer"])
def test_intervals_hold_the_value_within_the_bounds_and_have_a_width(case: tuple[Metric, str], kind: str) -> None:
    metric, task = case
    target, answers = example(task)
    if kind == "perfect":
        answers = perfect(task, target)
    if kind == "one answer":
        answers = answers.take(np.zeros(ROWS, dtype=np.int64))
    simplest = answers.take(np.zeros(ROWS, dtype=np.int64))
    for groups in (None, np.arange(ROWS) // 4):
        found = measure(metric, target, answers, groups=groups, split="test", baseline=("constant", simplest))
        assert metric.bounds[0] <= found.low <= found.value <= found.high <= metric.bounds[1]
        assert found.low < found.high
        assert found.baseline is not None and found.difference is not None
        assert found.difference.low <= found.difference.value <= found.difference.high
        assert found.difference.low < found.difference.high
        assert found.difference.value == pytest.approx(found.value - found.baseline.value)


def test_measuring_again_gives_the_same(case: tuple[Metric, str]) -> None:
    metric, task = case
    target, answers = example(task)
    first, again = (measure(metric, target, answers, split="test", seed=3).to_json() for _ in range(2))
    assert of_json(first) == of_json(again)
