"""One fit, and the rows that fits are of: which of them a fit learns from, and which it then answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from luban.batch import Array, Batch, Tensors
from luban.core import fingerprint, registry
from luban.core.seed import derive
from luban.protocols import Model, NetworkModel, Work
from luban.recipe.recipe import Candidate, Train

Repairing = Literal["auto", "ask", "off"]
Ask = Callable[[str], bool]
"""`ask(question)`: whether an edit may be tried."""
WHOLE = -1
"""The part of a unit that fits on all training rows."""
EVERYTHING = -2
"""The part of a unit that fits on training and test rows; only with `train.refit=all`."""
OPEN = Train()
"""A recipe's part in which everything is left open."""
COMPARED = 100_000
"""Held-out rows by which models are compared, calibrated and measured, at most: more hardly narrow an interval."""
HELD_BACK = -2
"""In the array of folds: a test row. (-1 marks a row that only ever trains.)"""


@dataclass(frozen=True)
class Unit:
    """One fit: a candidate on the rows outside a fold, or on all of them."""

    candidate: Candidate
    part: int
    repeat: int = 0

    @property
    def name(self) -> str:
        part = {WHOLE: "whole", EVERYTHING: "everything"}.get(self.part, f"fold{self.part}")
        return f"{self.candidate.model}-{digest(self.candidate)}-{self.repeat}-{part}"

    def to_json(self) -> dict[str, Any]:
        return {"candidate": self.candidate.model_dump(mode="json"), "part": self.part, "repeat": self.repeat}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Unit:
        return cls(Candidate.model_validate(document["candidate"]), document["part"], document["repeat"])


@dataclass(frozen=True, eq=False)
class Training:
    """The rows of a run as numbers: training rows first, then test rows. Equal only to itself.

    folds: (repeats, rows) int64; the fold that holds a row out, -1 for rows that only train, HELD_BACK for test rows.
    train: the recipe's part, for what is trained by gradients.
    repair: what happens to problems that are found while it trains.
    reach: (rows,) int64, the last fold into which the target of a row reaches; None where it is that of the row itself.
    tensors: the same rows as networks see them, and their work; None where they see the matrix.
    """

    batch: Batch
    folds: Array
    work: Work
    seed: int
    train: Train = OPEN
    tensors: tuple[Tensors, Work] | None = None
    reach: Array | None = None
    repair: Repairing = "off"

    def seen_by(self, candidate: Candidate) -> Training:
        """The training as a candidate sees it: with the matrix, or with tensors."""
        if self.tensors is None or self.view(candidate) == "matrix":
            return self
        inputs, work = self.tensors
        return replace(self, batch=replace(self.batch, inputs=inputs), work=work)

    def view(self, candidate: Candidate) -> str:
        """How a candidate sees rows: `matrix` or `tensors`."""
        sees = sees_tensors(registry.find("models", candidate.model))
        return "tensors" if self.tensors is not None and sees else "matrix"

    @property
    def tensor_work(self) -> Work | None:
        """The work as networks see it; None where they see the matrix."""
        return None if self.tensors is None else self.tensors[1]

    @property
    def one_part(self) -> bool:
        """Whether one part of the training rows is held out, and not each part in turn."""
        return bool((self.folds[0] == -1).any()) and int(self.folds[0].max()) == 0

    @property
    def one_fit(self) -> bool:
        """Whether a network is fitted once, beside one part that is held out or beside none."""
        return self.one_part or int(self.folds[0].max()) < 0

    def ships(self, candidate: Candidate) -> int:
        """The part whose fit is the candidate's model.

        A network that was trained beside one held-out part is it: what is measured there is what answers later, and a
        second training would take as long as the first.
        """
        return 0 if self.one_part and by_gradient(candidate) else WHOLE

    def rows(self, unit: Unit) -> tuple[Array, Array]:
        """(rows,) masks of what the unit fits on, and of what it then answers."""
        folds = self.folds[unit.repeat]
        if unit.part == EVERYTHING:
            return np.ones(len(folds), bool), np.zeros(len(folds), bool)
        train = folds != HELD_BACK
        if unit.part == WHOLE:
            return train, np.zeros(len(folds), bool)
        held_out = folds == unit.part
        # Forward folds train on what lies before them: rows of later folds must not be seen.
        return train & ~held_out & self._before(unit), held_out

    def held_out(self, repeat: int) -> Array:
        """Numbers of the rows that some fold holds out, by which models are compared; of very many a sample."""
        rows = np.flatnonzero(self.folds[repeat] >= 0)
        if len(rows) <= COMPARED:
            return rows
        return np.sort(np.random.default_rng(derive(self.seed, "compared")).choice(rows, COMPARED, replace=False))

    @property
    def test(self) -> Array:
        """Numbers of the test rows."""
        return np.flatnonzero(self.folds[0] == HELD_BACK)

    def _before(self, unit: Unit) -> Array:
        folds = self.folds[unit.repeat]
        if self.reach is not None:
            return np.asarray(self.reach < unit.part)
        forward = bool((folds == -1).any())
        return folds < unit.part if forward else np.ones(len(folds), bool)


def by_gradient(candidate: Candidate) -> bool:
    """Whether the candidate is a network that the training loop trains."""
    return bool(registry.find("models", candidate.model).trainer == "gradient")


def sees_tensors(model: Model | NetworkModel) -> bool:
    """Whether a model reads rows as tensors, where they are that: networks do, and those that say so."""
    return model.trainer == "gradient" or getattr(model, "sees", "matrix") == "tensors"


def digest(candidate: Candidate) -> str:
    return fingerprint.of_json(candidate.model_dump(mode="json"))[:16]
