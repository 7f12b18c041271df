"""Faults planted into fits of real and generated tables, for `answers.py`: what they are, and how a fit is run.

Two fifths of a table are its test rows, which nothing that luban decides looks at: they say whether a fault did harm.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import honesty
from luban.core.console import SILENT
from luban.core.deadline import Deadline
from luban.data.open import open_dataset
from luban.training import candidates
from luban.training.simplest import baseline
from luban.training.unit import Unit
from luban.training.work_folder import WorkFolder
from luban.training.worker import fit_unit
from luban.verbs import asking, encoding, examine
from luban.verbs.mending import Mended, mend
from luban.verbs.preparing import prepare
from luban.verbs.repairing import Examined
from luban.verbs.searching import Ground, Searched, searched
from luban.verbs.stacking import Given

TRUTH = 0.4
"""Share of the rows that say what is true, and nothing else."""
MOST_DIGITS = 500
FAST = {"split.test": TRUTH, "split.folds": 3, "train.repeats": 1, "model.random-forest.trees": 60}
REAL = ("breast_cancer", "digits", "wine", "iris", "diabetes", "diabetes high")
GENERATED = ("two classes", "three classes", "values", "orders")
MODELS = ("linear", "random-forest", "gradient-boosting", "svm", "knn")


@dataclass(frozen=True)
class Case:
    """A fit. fault: what was planted, empty where nothing was; sound: the settings without the fault.

    plant: what is done to the table. group: the value of `part` whose rows were broken.
    """

    fault: str
    table: str
    model: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    sound: Mapping[str, Any] = field(default_factory=dict)
    plant: Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame] | None = None
    rows: int | None = None
    group: str | None = None

    @property
    def name(self) -> str:
        told = ", ".join(f"{path}={value}" for path, value in self.settings.items())
        planted = "" if self.plant is None else f" {self.plant.__name__}"
        return f"{self.fault or 'healthy'}: {self.model} on {self.table} {self.seed}{planted} {told}"

    def frame(self) -> pl.DataFrame:
        frame = table(self.table, self.seed)
        if self.plant is not None:
            frame = self.plant(frame, np.random.default_rng(honesty._seed(self.seed, self.fault, self.table)))
        return frame

    def asked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the fit; with few rows the others are left to say what is true."""
        few = {"split.test": 1 - self.rows / len(table(self.table, self.seed))} if self.rows is not None else {}
        return {**FAST, **few, **settings}


@dataclass(frozen=True, eq=False)
class Ran:
    """A fit. outputs: (truth rows, outputs) of the model; target, frame: of these rows. mended: where edits were tried;
    after: (truth rows, outputs) of the model with those that were kept. seconds: CPU.
    """

    found: Searched
    ground: Ground
    outputs: np.ndarray
    target: np.ndarray
    frame: pl.DataFrame
    seconds: float
    mended: Mended | None = None
    after: np.ndarray | None = None


class Here:
    """Fits units in this process, in the place of workers."""

    size = 1

    def __init__(self, folder: WorkFolder, training: Any) -> None:
        self._folder, self._training = folder, training

    def run(self, units: Iterable[Unit], until: Deadline, done: Callable[[Unit, float], None], seconds: Any = None) -> None:  # fmt: skip # noqa: E501
        for unit in units:
            if not self._folder.finished(unit):
                fit_unit(self._folder, self._training, unit, threads=1)


def run(case: Case, *, mending: bool = False) -> Ran:
    """The fit of a case, as `luban fit` makes it, without a bundle."""
    began = time.process_time()
    recipe = asking.recipe_of(None, case.asked(case.settings), target="y", model=case.model, seed=case.seed)
    prepared = prepare(open_dataset(case.frame()), Given(), recipe)
    examined = Examined(prepared, (), (), (), examine.examine(prepared))
    with tempfile.TemporaryDirectory() as place:
        folder = WorkFolder(Path(place))
        folder.claim({})
        training = encoding.encode(prepared, folder, "main")
        pool: Any = Here(folder, training)
        ground = Ground(
            examined, training, folder, pool,
            until=Deadline.NEVER, at_latest=Deadline.NEVER, look_until=Deadline.NEVER, console=SILENT,
        )  # fmt: skip
        simple = baseline(prepared.task, prepared.task.compared_by, training)
        asked = candidates.asked(recipe.model, training.work, simple)
        found = searched(ground, recipe, asked)
        inputs = training.batch.inputs[training.test]

        def outputs(of: Searched) -> np.ndarray:
            return np.asarray(of.chosen.form(ground.fitted).outputs(inputs), dtype=np.float64)

        told = outputs(found)
        mended = mend(ground, found) if mending else None
        after = outputs(mended.now) if mended is not None else None
        target = np.array(training.batch.target)[training.test]
    frame = prepared.frame.collect()[encoding.test_rows(prepared).tolist()]
    return Ran(found, ground, told, target, frame, time.process_time() - began, mended, after)


# Tables


@lru_cache(maxsize=64)
def table(name: str, seed: int) -> pl.DataFrame:
    """A real or a generated table with its target `y`, its rows in another order for each seed."""
    if name == "diabetes high":
        frame = honesty.real("diabetes", seed)
        median = float(np.median(frame["y"].to_numpy()))
        return frame.with_columns(y=pl.when(pl.col("y") > median).then(pl.lit("high")).otherwise(pl.lit("low")))
    if name in GENERATED:
        return honesty.generated(name, seed)
    return honesty.real(name, seed)[:MOST_DIGITS]


def rare(share: float) -> Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]:
    """Thins one class of two to a share of the rows."""

    def thinned(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        few = (frame["y"] == frame["y"].unique().sort()[0]).to_numpy()
        count = int(share / (1 - share) * (~few).sum())
        kept = np.sort([*np.flatnonzero(~few), *random.permutation(np.flatnonzero(few))[:count]])
        return frame[kept.tolist()]

    return thinned


def mislabelled(share: float) -> Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]:
    """Gives a share of the rows another class, so that there is something to learn by heart."""
    return honesty.label_noise(share)


def parted(share: float, broken: str) -> Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]:
    """Adds a column that parts the rows; in part `b`, so many of them, the columns or the target are shuffled."""

    def shuffled(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        inside = random.random(len(frame)) < share
        order = random.permutation(np.flatnonzero(inside))
        names = ["y"] if broken == "target" else [name for name in frame.columns if name != "y"]
        told = {}
        for name in names:
            values = frame[name].to_numpy().copy()
            values[inside] = values[order]
            told[name] = pl.Series(values)
        return frame.with_columns(**told, part=pl.Series(np.where(inside, "b", np.where(random.random(len(frame)) < 0.5, "a", "c"))))  # fmt: skip # noqa: E501

    return shuffled


def copied(error: float) -> Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]:
    """Adds a column that is the sum of two others, but for an error in standard deviations."""

    def summed(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        first, second = [frame[name].to_numpy() for name in _numbers(frame)[:2]]
        both = first / first.std() + second / second.std()
        return frame.with_columns(both=pl.Series(both + random.normal(size=len(both)) * error * both.std()))

    return summed


def separating(frame: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Adds two columns of which neither says the class alone, and whose difference says it always."""
    classes = frame["y"].rank("dense").to_numpy().astype(float)
    noise = random.normal(size=len(classes)) * 8
    side = 2 * (classes > np.median(np.unique(classes)) - 0.1) - 1
    return frame.with_columns(
        early=pl.Series(noise), late=pl.Series(noise + side * (0.4 + random.random(len(classes))))
    )


def _numbers(frame: pl.DataFrame) -> list[str]:
    return [name for name, kind in frame.schema.items() if kind.is_float() and name != "y"]


# Cases


def faulty(seed: int) -> Iterator[Case]:
    """Every fault, by table, model and severity."""
    yield from _stiff(seed)
    yield from _by_heart(seed)
    yield from _untrue(seed)
    yield from _groups(seed)
    yield from _unstable(seed)
    yield from _unfinished(seed)
    yield from _linear(seed)


def _stiff(seed: int) -> Iterator[Case]:
    for name in ("breast_cancer", "digits", "wine", "diabetes", "two classes"):
        # Of values the penalty is relative to the sum over rows.
        for strength in (1e-5, 1e-4):
            yield Case("underfitting", name, "linear", seed, {"model.linear.C": strength}, {"model.linear.C": 1.0})
    for name in ("digits", "wine", "three classes"):
        yield Case("underfitting", name, "random-forest", seed, {"model.random-forest.depth": 1})
        yield Case("underfitting", name, "gradient-boosting", seed,
                   {"model.gradient-boosting.leaves": 2, "model.gradient-boosting.rounds": 4})  # fmt: skip
    for name in ("digits", "three classes"):
        yield Case("underfitting", name, "knn", seed,
                   {"model.knn.neighbours": 150, "model.knn.weighting": "uniform"}, {"model.knn.neighbours": 15})  # fmt: skip # noqa: E501


def _by_heart(seed: int) -> Iterator[Case]:
    noisy = (("two classes", 0.2), ("breast_cancer", 0.2), ("orders", 0.1))
    for leaves, rounds in ((31, 600), (15, 300)):
        wild = {"leaves": leaves, "rounds": rounds, "leaf": 1, "l2": 0.0, "learning_rate": 0.2}
        settings = {f"model.gradient-boosting.{key}": value for key, value in wild.items()}
        # What corrects probabilities would hide a part of the harm, and leave the model as it is.
        settings["train.calibration"] = "none"
        calm = {"model.gradient-boosting.rounds": 30, "model.gradient-boosting.leaves": 7}
        for name in ("diabetes high", "diabetes", "values"):
            yield Case("overfitting", name, "gradient-boosting", seed, settings, calm)
        for name, share in noisy:
            yield Case("overfitting", name, "gradient-boosting", seed, settings, calm, plant=mislabelled(share))
        yield Case("overfitting", "orders", "gradient-boosting", seed, settings, calm, rows=150)


def _untrue(seed: int) -> Iterator[Case]:
    balanced = {"train.class_weight": "balanced", "train.calibration": "none"}
    for name in ("two classes", "orders", "diabetes high", "breast_cancer"):
        for share in (0.1, 0.2):
            yield Case("miscalibration", name, "linear", seed, balanced, plant=rare(share))
    for name in ("digits", "three classes", "orders"):
        yield Case("miscalibration", name, "knn", seed, {"train.calibration": "none", "model.knn.neighbours": 2})
        yield Case("miscalibration", name, "random-forest", seed,
                   {"train.calibration": "none", "model.random-forest.leaf": 20})  # fmt: skip


def _groups(seed: int) -> Iterator[Case]:
    for name in ("breast_cancer", "digits", "wine", "two classes", "values"):
        for share in (0.2, 0.35):
            for broken in ("columns", "target"):
                model = "linear" if share == 0.2 else "random-forest"
                yield Case("underperforming-group", name, model, seed, plant=parted(share, broken), group="b")


def _unstable(seed: int) -> Iterator[Case]:
    several = {"train.repeats": 5, "train.metric": "accuracy"}
    for name in ("diabetes high", "orders", "breast_cancer"):
        for rows in (30, 60):
            wild = {**several, "model.random-forest.trees": 1, "model.random-forest.depth": 2}
            yield Case("seed-instability", name, "random-forest", seed, wild, rows=rows)
            yield Case("seed-instability", name, "knn", seed, {**several, "model.knn.neighbours": 1}, rows=rows)


def _unfinished(seed: int) -> Iterator[Case]:
    for name in ("breast_cancer", "digits", "wine", "two classes"):
        for steps in (1, 3):
            yield Case("estimator-not-converged", name, "linear", seed, {"model.linear.iterations": steps})
    for name in ("digits", "two classes", "values", "diabetes", "breast_cancer"):
        rounds = {"model.gradient-boosting.rounds": 15}
        yield Case("estimator-not-converged", name, "gradient-boosting", seed, rounds)


def _linear(seed: int) -> Iterator[Case]:
    free = {"model.linear.penalty": "none"}
    for name in ("diabetes", "diabetes high", "values", "two classes", "orders"):
        for error in (0.0, 1e-4):
            yield Case("collinear-features", name, "linear", seed, free, plant=copied(error))
    for name in ("diabetes high", "two classes", "orders", "wine", "iris"):
        yield Case("separable-classes", name, "linear", seed, free, plant=separating)


def healthy(seed: int, few: bool) -> Iterator[Case]:
    """Sound fits: every table by every model, or by few."""
    for name in (*REAL, *GENERATED):
        for model in MODELS[::2] if few else MODELS:
            yield Case("", name, model, seed, {"train.repeats": 3} if model == "linear" else {})
