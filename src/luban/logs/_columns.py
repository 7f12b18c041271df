"""Which column of a log says what, by the names that are usual."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Row = Mapping[str, float]
"""What a log says at one time: the numbers that it names then. A number that is not one is NaN."""
Kind = Literal["step", "epoch", "loss", "rate", "gradient", "metric", "time", "other"]

_HELD_OUT = frozenset({"val", "valid", "validation", "eval", "evaluation", "dev", "stopping", "test"})
_TRAINING = frozenset({"train", "training"})
_FILLERS = frozenset({"mean", "avg", "average", "running", "current"})
_NAMES: Mapping[Kind, frozenset[str]] = {
    "step": frozenset(
        {"step", "steps", "global step", "trainer global step", "iteration", "iterations", "iter", "update", "updates",
         "batch"}
    ),
    "epoch": frozenset({"epoch", "epochs"}),
    "loss": frozenset({"loss", "total loss", "losses", "cross entropy", "objective", "cost", "nll", "ce loss"}),
    "rate": frozenset({"lr", "learning rate", "rate"}),
    "gradient": frozenset(
        {"grad norm", "gradient norm", "gradient", "gnorm", "total norm", "global norm", "grad 2 0 norm total"}
    ),
    "time": frozenset({"time", "seconds", "wall time", "timestamp", "date", "runtime", "elapsed"}),
}  # fmt: skip
_METRICS = frozenset(
    {"accuracy", "acc", "f1", "auc", "auroc", "precision", "recall", "r2", "bleu", "rouge", "iou", "map", "mcc", "top1",
     "top5", "dice"}
)  # fmt: skip
"""Metrics of which more is better; a name that holds one of them is one."""


@dataclass(frozen=True)
class Meaning:
    """What a column says. held_out: of rows that are not learned from."""

    kind: Kind
    held_out: bool = False


def meaning(name: str) -> Meaning:
    """What the name of a column says.

    >>> meaning("eval_loss"), meaning("train/loss_step"), meaning("learning_rate").kind
    (Meaning(kind='loss', held_out=True), Meaning(kind='loss', held_out=False), 'rate')
    """
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    held_out = any(word in _HELD_OUT for word in words)
    rest = [word for word in words if word not in _HELD_OUT | _TRAINING | _FILLERS]
    # `loss_step` and `epoch_loss` say how often a loss was noted.
    noted = [word for word in rest if word not in ("step", "epoch")] if len(rest) > 1 else rest
    for kind, names in _NAMES.items():
        if " ".join(rest) in names or (noted and " ".join(noted) in names and kind not in ("step", "epoch")):
            return Meaning(kind, held_out)
    if rest and rest[0] == "lr":
        return Meaning("rate")
    if any(word in _METRICS or f"{word}{after}" in _METRICS for word, after in zip(rest, [*rest[1:], ""], strict=True)):
        return Meaning("metric", held_out)
    return Meaning("other", held_out)


def is_history(names: Iterable[str]) -> bool:
    """Whether columns are those of a history: steps or epochs are counted, and there is a loss or nothing unknown.

    >>> is_history(["epoch", "loss", "val_loss"]), is_history(["age", "income", "loss"])
    (True, False)
    """
    kinds = [meaning(name).kind for name in names]
    counted = "step" in kinds or "epoch" in kinds
    return counted and ("loss" in kinds or ("metric" in kinds and "other" not in kinds))


@dataclass(frozen=True)
class Columns:
    """The columns that a trace is made of; None where a log has none.

    metrics: those of rows that are held out, of which more is better.
    """

    step: str | None
    epoch: str | None
    loss: str | None
    held_out_loss: str | None
    rate: str | None
    gradient: str | None
    metrics: tuple[str, ...]


def columns(rows: Sequence[Row]) -> Columns:
    """The columns by their names; of several that fit, the one that has the most values, and of these the first."""
    many: dict[str, int] = {}
    for row in rows:
        for name in row:
            many[name] = many.get(name, 0) + 1
    said = {name: meaning(name) for name in many}

    def most(kind: Kind, held_out: bool = False) -> str | None:
        fitting = [name for name, one in said.items() if one == Meaning(kind, held_out)]
        return max(fitting, key=lambda name: many[name], default=None)

    return Columns(
        step=most("step"),
        epoch=most("epoch"),
        loss=most("loss"),
        held_out_loss=most("loss", held_out=True),
        rate=most("rate"),
        gradient=most("gradient"),
        metrics=tuple(name for name, one in said.items() if one == Meaning("metric", True)),
    )
