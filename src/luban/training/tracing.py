"""The trace of luban's own training loop: what conditions want to know of it, bounded in size, kept in checkpoints.

What is looked at, and when, depends on the numbers of the steps alone, so a training that was killed and goes on is
judged by the same trace. What a trace means is for conditions to say.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, final

from luban.evidence.trace import Check, Told, Trace
from luban.training import optimizing, program
from luban.training.settings import settings
from luban.training.signals import Recorder

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from luban.protocols import Work
    from luban.recipe.recipe import Candidate, Train
    from luban.training.choices import Choices
    from luban.training.gathering import Part

MOST_LOSSES = 4_096
"""Losses that a trace holds; of more, each is the mean of several steps."""
TARGETS = 5
"""Batches whose targets say what a constant answer would cost."""


def editable(candidate: Candidate, choices: Choices) -> dict[str, Any]:
    """What an edit can change of a candidate: JSON values of the recipe by path, those of the defaults included.

    What was open is `auto`, whatever was decided: to leave it open would change nothing.
    """
    own = settings(candidate).model_dump(mode="json")
    told = {f"model.{candidate.model}.{name}": value for name, value in own.items()}
    train = optimizing.at(choices.train).model_dump(mode="json") | dict.fromkeys(choices.reasons, "auto")
    return told | {f"train.{name}": value for name, value in train.items()}


@final
class Tracing:
    """Makes a trace grow beside the loop. Final."""

    def __init__(
        self,
        trace: Trace,
        module: nn.Module,
        optimiser: Optimizer,
        work: Work,
        train: Train,
        *,
        steps: int,
        recipe: Mapping[str, Any],
    ) -> None:
        """steps: how many are planned. recipe: what an edit can change."""
        self.trace = trace
        trace.losses, trace.numbers, trace.watched, trace.checks = [], [], [], []
        trace.told = Told(clip=train.clip, accumulation=train.accumulate, steps=steps, settings=dict(recipe))
        # Nothing here switches a parameter off, or lets it begin later, but a setting: it is meant.
        parameters = module.named_parameters()
        meant = [name for name, own in parameters if not own.requires_grad or bool(getattr(own, "begins", 0.0))]
        trace.parameters = program.parameters(module, [optimiser], meant)
        trace.loss_function = loss_function(work, train)
        trace.decay = train.weight_decay
        self._targets: list[Any] = []
        self._width = 1
        self._sum, self._count, self._number = 0.0, 0, 0
        self._since = 0.0, 0

    def restore(self, document: Mapping[str, Any]) -> None:
        """Goes on where `to_json` stopped."""
        before = from_json(document["trace"])
        for name in ("losses", "numbers", "watched", "checks", "layers", "arriving", "constant_loss"):
            setattr(self.trace, name, getattr(before, name))
        self._width, self._sum, self._count, self._number = document["width"]
        self._since = tuple(document["since"])

    def to_json(self) -> dict[str, Any]:
        return {
            "trace": to_json(self.trace, exclude={"parameters", "told"}),
            "width": [self._width, self._sum, self._count, self._number],
            "since": list(self._since),
        }

    def step(
        self, number: int, value: float, rate: float, gradient: float, parts: Sequence[Part], seen: Recorder | None
    ) -> None:
        """Tells of a step. seen: the recorder, where the step was looked at and the trace is to hold it."""
        self._loss(number, value)
        self._since = self._since[0] + value, self._since[1] + 1
        if number < TARGETS:
            self._targets += [part.target for part in parts]
            self.trace.constant_loss = program.constant_loss(self.trace.loss_function, self._targets)
        if seen is not None:
            observer = seen.observer
            self.trace.arriving = self.trace.arriving or observer.arriving
            self.trace.layers = tuple(observer.order)
            self.trace.watched.append(seen.step(number, value, rate, gradient))

    def check(self, step: int, value: float, plain: float | None = None) -> None:
        """Tells what the rows that say when to stop cost after so many steps. plain: see `Check`."""
        total, count = self._since
        self._since = 0.0, 0
        if math.isfinite(value):
            self.trace.checks.append(Check(step, value, total / count if count else math.nan, plain=plain))

    def failed(self, number: int, value: float) -> None:
        """Tells that the loss, or a gradient, of a step was not finite."""
        self.trace.numbers.append(number)
        self.trace.losses.append(value if not math.isfinite(value) else math.nan)

    def _loss(self, number: int, value: float) -> None:
        trace = self.trace
        if not self._count:
            self._number = number
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count < self._width:
            return
        trace.losses.append(self._sum / self._count)
        trace.numbers.append(self._number)
        self._sum, self._count = 0.0, 0
        if len(trace.losses) == MOST_LOSSES:
            trace.losses[:] = [(a + b) / 2 for a, b in zip(trace.losses[::2], trace.losses[1::2], strict=True)]
            trace.numbers[:] = trace.numbers[::2]
            self._width *= 2


def loss_function(work: Work, train: Train) -> str:
    """What a network of luban minimises, as a trace names it; empty where no constant answer compares with it."""
    if work.targets or work.task not in ("binary", "multiclass", "multilabel", "regression"):
        return ""
    if work.task == "regression":
        return {"auto": "squared", "squared": "squared", "absolute": "absolute"}.get(train.loss, "")
    return "binary-cross-entropy-with-logits" if work.task == "multilabel" else "cross-entropy"


def to_json(trace: Trace, exclude: set[str] | None = None) -> dict[str, Any]:
    """A trace as JSON values, without some of its fields."""
    return dict(json.loads(_kind().dump_json(trace, exclude=exclude)))


def from_json(document: Mapping[str, Any]) -> Trace:
    """The trace that `to_json` wrote."""
    found: Trace = _kind().validate_json(json.dumps(document))
    return found


@cache
def _kind() -> Any:
    """How a trace becomes JSON and comes back; what is not finite is written as a word."""
    from dataclasses import dataclass

    from pydantic import ConfigDict, TypeAdapter

    @dataclass
    class Kept(Trace):
        __pydantic_config__ = ConfigDict(ser_json_inf_nan="strings")

    return TypeAdapter(Kept)
