"""What other tools' rules read of a training, noted while a plain loop runs: gradients, weights, outputs, accuracies.

The rules are in `rivals.py`. Each of the first steps is looked at, and every tenth later.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from programs.data import IMAGES

FIRST, EVERY = 5, 10
NAMES = {nn.ReLU: "relu", nn.LeakyReLU: "leaky", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.Softmax: "softmax"}


@dataclass
class Layer:
    """A layer with weights at a step. gradient: norm; gradient_mean: of absolute values; zeros: entries that are 0.

    weight_mean: of absolute values. moved: mean absolute change of the weights over it.
    """

    gradient: float
    gradient_mean: float
    zeros: int
    entries: int
    finite: bool
    weight_mean: float
    moved: float = 0.0


@dataclass
class Activation:
    """What an activation function did at a step.

    positive: (units,) share of rows above 0. negative_share: values that are 0 or less. beyond_5: share of what it was
    given beyond -5 and 5. units_saturated: units that are given what SageMaker takes for saturated in most rows.
    """

    kind: str
    positive: Tensor
    negative_share: float
    beyond_5: float
    units_saturated: float


@dataclass
class Step:
    """A step that was looked at. outputs: of each layer with weights the mean, and that of absolute values."""

    loss: float
    rate: float = 0.0
    layers: list[Layer] = field(default_factory=list)
    outputs: list[tuple[float, float]] = field(default_factory=list)
    activations: dict[str, Activation] = field(default_factory=dict)


@dataclass
class Epoch:
    """accuracy: of the training rows as they went by, and of held-out rows; None without classes."""

    train_loss: float
    loss: float
    train_accuracy: float | None
    accuracy: float | None


class Log:
    """What was noted of one training.

    losses, accuracies: of every step. inputs: the largest absolute value, and the mean. whole: they are token ids.
    final: the activation behind the last layer. sum_of_probabilities: of an answer, as the loss takes it.
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.steps: list[Step] = []
        self.epochs: list[Epoch] = []
        self.accuracies: list[float] = []
        self.inputs = (0.0, 0.0)
        self.image = self.whole = self.finite_inputs = False
        self.dropout = 0.0
        self.final: str | None = None
        self.sum_of_probabilities = 1.0
        self._outputs: list[tuple[float, float]] = []
        self._activations: dict[str, Activation] = {}
        self._now: Step | None = None
        self._loss = 0.0
        self._since = 0

    @contextmanager
    def reading(self, model: nn.Module, classes: bool, logarithms: bool, x: Tensor, data: str) -> Iterator[Self]:
        """logarithms: whether the loss takes answers for logarithms of probabilities."""
        self._model, self._classes, self._logarithms = model, classes, logarithms
        self.whole = not x.is_floating_point()
        values = x.float()
        self.inputs = (float(values.abs().max()), float(values.mean()))
        self.finite_inputs = bool(torch.isfinite(values).all())
        self.image = data in IMAGES
        self.dropout = max((layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)), default=0.0)
        self.final = NAMES.get(type(list(model.children())[-1])) or (
            "log-softmax" if isinstance(list(model.children())[-1], nn.LogSoftmax) else None
        )
        plain = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d)]
        hooks = [layer.register_forward_hook(self._output) for layer in plain]
        for name, layer in model.named_modules():
            if type(layer) in NAMES:
                hooks.append(
                    layer.register_forward_hook(lambda _, given, out, n=name: self._activation(n, given[0], out))
                )
        self._weights = [layer.weight for layer in model.modules() if _weight(layer) is not None]
        self._weights += [
            p for n, p in model.named_parameters() if p.ndim > 1 and not any(p is w for w in self._weights)
        ]
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    @property
    def _due(self) -> bool:
        number = len(self.losses)
        return number < FIRST or number % EVERY == 0

    def _output(self, layer: nn.Module, given: Any, output: Tensor) -> None:
        if self._due and torch.is_grad_enabled():
            values = output.detach().float()
            self._outputs.append((float(values.mean()), float(values.abs().mean())))

    def _activation(self, name: str, given: Tensor, output: Tensor) -> None:
        if not self._due or not torch.is_grad_enabled():
            return
        before, after = given.detach().float(), output.detach().float()
        kind = next(NAMES[each] for each in NAMES if type(self._model.get_submodule(name)) is each)
        low, high = {"tanh": (-9.4999, 9.4999), "sigmoid": (-23.0, 16.99999)}.get(kind, (-torch.inf, torch.inf))
        columns = after.reshape(len(after), -1)
        outside = ((before < low) | (before > high)).reshape(len(before), -1).float().mean(0)
        self._activations[name] = Activation(
            kind,
            (columns > 0).float().mean(0),
            float((after <= 0).float().mean()),
            float((before.abs() > 5).float().mean()),
            float((outside > 0.5).float().mean()),
        )

    def before_step(self, loss: float, answers: Tensor, wanted: Tensor) -> None:
        if self._classes:
            self.accuracies.append(float((answers.detach().argmax(1) == wanted).float().mean()))
            if not self.losses and self._logarithms:
                self.sum_of_probabilities = float(answers.detach().exp().sum(1).mean())
        self._loss, self._now = loss, None
        if not self._due:
            return
        layers = []
        for weight in self._weights:
            gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad.detach()
            finite = bool(torch.isfinite(gradient.float().sum() + weight.detach().float().sum()))
            layers.append(
                Layer(
                    float(gradient.float().norm()), float(gradient.float().abs().mean()), int((gradient == 0).sum()),
                    gradient.numel(), finite, float(weight.detach().float().abs().mean()),
                )
            )  # fmt: skip
        self._now = Step(loss, 0.0, layers, self._outputs, self._activations)
        self._outputs, self._activations = [], {}
        self._earlier = [weight.detach().clone() for weight in self._weights]

    def after_step(self, rate: float) -> None:
        if self._now is not None:
            self._now.rate = rate
            for layer, weight, earlier in zip(self._now.layers, self._weights, self._earlier, strict=True):
                change = float((weight.detach() - earlier).float().abs().mean())
                layer.moved = change / layer.weight_mean if layer.weight_mean > 0 else 0.0
            self.steps.append(self._now)
        self.losses.append(self._loss)

    def checked(self, loss: float, score: float) -> None:
        recent, told = self.losses[self._since :], self.accuracies[self._since :]
        self._since = len(self.losses)
        mean = sum(recent) / max(len(recent), 1)
        train = sum(told) / len(told) if told else None
        self.epochs.append(Epoch(mean, loss, train, score if self._classes else None))


def _weight(layer: nn.Module) -> Tensor | None:
    return layer.weight if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Embedding) else None
