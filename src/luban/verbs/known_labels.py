"""A few known labels beside a model that chooses labels it was never taught: how often it is right, and probabilities
that come true.

Nothing of the choice is learned from them, so every one of them measures it honestly. What is learned is one number
that makes probabilities sharper or flatter, and only where that is shown to help on rows that it was not fitted on
(`training/calibration`). How labels are chosen is in `unlabelled` and `choosing_labels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from luban.batch import Answers, Array, Inputs, dense
from luban.core.console import Console
from luban.core.errors import DataError, UsageError
from luban.core.suggest import did_you_mean
from luban.data import loader
from luban.evidence.measurement import Measurement
from luban.schema.schema import Schema
from luban.training.calibration import Calibration, calibrate, held_out
from luban.verbs import measuring

if TYPE_CHECKING:
    from luban.data.dataset import Dataset
    from luban.verbs.answering import Answerer

FEWEST = 10
"""Known labels below which nothing is calibrated: each fifth of them would be one row."""


@dataclass(frozen=True)
class Known:
    """What known labels say of what answers.

    answerer: the same choices, with corrected probabilities. measurements: on the rows with a known label, of
    probabilities that were corrected by others of them, beside the commonest label.
    """

    answerer: Answerer
    measurements: tuple[Measurement, ...]
    calibration: Calibration


def unread(dataset: Dataset, target: str) -> Dataset:
    """The data without the column of known labels, so that it is not taken for a text to read.

    Raises UsageError with the near name where there is no such column.
    """
    if target not in dataset.schema.names:
        raise UsageError(
            f"there is no column '{target}'. {did_you_mean(target, dataset.schema.names)}",
            where="--target",
            fix=f"luban inspect {dataset.where}",
        )
    return replace(dataset, schema=Schema(tuple(c for c in dataset.schema.columns if c.name != target)))


def known(answerer: Answerer, dataset: Dataset, target: str, console: Console) -> Known:
    """What is known of `answerer` by the labels in the column `target`; an empty value is a row that nobody labelled.

    Raises DataError where no row has a label, and for one that is not among those to choose from, with its row.
    """
    codes, rows = _labelled(answerer.classes, dataset, target)
    outputs = np.concatenate(
        [
            dense(answerer.answers(part, where=dataset.where).probabilities)
            for part in loader.slices(rows, size=answerer.at_once)
        ]
    )
    one_fold = np.zeros(len(codes), np.int64)
    calibration = calibrate(outputs, codes, one_fold, "auto" if len(codes) >= FEWEST else "none", ways=("temperature",))
    if len(codes) < FEWEST:
        calibration = replace(calibration, reason=f"{len(codes)} known labels are too few; {FEWEST} are needed")
    corrected = held_out(calibration.method, outputs, codes, one_fold)
    shares = np.bincount(codes, minlength=len(answerer.classes)) / len(codes)
    simplest = Answers(np.full(len(codes), shares.argmax()), np.tile(shares, (len(codes), 1)))
    figures = measuring.figures(
        answerer.task, None, codes, answerer.task.answers(corrected), ("constant", simplest), "given"
    )
    _tell(figures, calibration, target, console)
    return Known(_corrected(answerer, calibration), tuple(figures), calibration)


def _labelled(classes: Sequence[str], dataset: Dataset, target: str) -> tuple[Array, pl.LazyFrame]:
    """The codes of the known labels, and the rows that have them."""
    said = dataset.frame.select(pl.col(target).cast(pl.String).str.strip_chars()).collect().to_series()
    there = (said.is_not_null() & (said != "")).fill_null(False)
    if not there.any():
        raise DataError("no row has a label.", where=f"{dataset.where}, column '{target}'", fix="leave out --target")
    strange = (there & ~said.is_in(list(classes))).arg_true()
    if len(strange):
        row = int(strange[0])
        raise DataError(
            f"'{said[row]:.60}' is none of the labels to choose from. {did_you_mean(said[row], classes)}",
            where=f"{dataset.where}, column '{target}', row {row}",
            fix="name it in --labels, or leave the value empty",
        )
    codes = {name: code for code, name in enumerate(classes)}
    numbers = np.flatnonzero(there.to_numpy())
    rows = dataset.frame.with_row_index("\x00row").filter(pl.col("\x00row").is_in(numbers)).drop("\x00row")
    return np.array([codes[said[int(row)]] for row in numbers], np.int64), rows


def _corrected(answerer: Answerer, calibration: Calibration) -> Answerer:
    if calibration.method == "none":
        return answerer
    plain = answerer.outputs

    def outputs(inputs: Inputs) -> Array:
        return dense(calibration.apply(plain(inputs)))

    return replace(answerer, outputs=outputs)


def _tell(figures: Sequence[Measurement], calibration: Calibration, target: str, console: Console) -> None:
    right = next(figure for figure in figures if figure.metric == "accuracy")
    assert right.baseline is not None, "the commonest label stands beside it"
    console.say(
        f"{right.rows:,} rows have a label in '{target}': accuracy {right.value:.3f} ({right.low:.3f} to "
        f"{right.high:.3f}); the commonest label {right.baseline.value:.3f}"
    )
    console.say(f"calibration: {calibration.method}: {calibration.reason}")
