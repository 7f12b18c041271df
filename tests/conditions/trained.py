"""Small trainings that are watched, and traces made by hand, for the conditions of a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import luban
from luban.core import registry
from luban.evidence.finding import Finding
from luban.evidence.trace import Activation, Check, LayerSignals, Parameter, Trace, WatchedStep
from luban.watching import Watch


@cache
def digits() -> tuple[Tensor, Tensor]:
    """The scaled pixels of 1,797 digits in mixed order, and their classes."""
    pixels, classes = load_digits(return_X_y=True)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))
    return torch.tensor(pixels / 16 - 0.3, dtype=torch.float32)[order] * 2.5, torch.tensor(classes)[order]


def perceptron(*widths: int, activation: Callable[[], nn.Module] = nn.ReLU, seed: int = 0) -> nn.Sequential:
    """Linear layers from 64 pixels to 10 classes, drawn by He's rule, with an activation between them."""
    torch.manual_seed(seed)
    sizes = [64, *widths, 10]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
        if after != 10:
            nn.init.kaiming_normal_(layers[-2].weight)
    return nn.Sequential(*layers[:-1])


def train(
    model: nn.Module,
    rows: tuple[Tensor, Tensor] | None = None,
    *,
    rate: float = 0.002,
    steps: int = 12,
    loss: Any = None,
    optimizer: torch.optim.Optimizer | None = None,
    batch: int = 32,
    zero: bool = True,
    before: Callable[[], Any] = lambda: None,
    **told: Any,
) -> Watch:
    """Trains for some steps as a person would, watched. before: called before each step of the optimiser."""
    inputs, targets = rows or digits()
    optimizer = optimizer or torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate)
    loss = loss or nn.CrossEntropyLoss()
    with luban.watch(model, optimizer, loss=loss, **told) as watch:
        for step in range(steps):
            at = step * batch % (len(inputs) - batch)
            if zero:
                optimizer.zero_grad()
            value = loss(model(inputs[at : at + batch]), targets[at : at + batch])
            value.backward()
            before()
            optimizer.step()
            watch.step(value, inputs[at : at + batch], targets[at : at + batch])
    return watch


def found(watch: Watch, name: str) -> Finding | None:
    """What a watch found under this name, be it a cause or explained by one. Fails where it could not look for it."""
    assert registry.find("conditions", name) and name not in dict(watch.not_run)
    return watch._findings.found.get(name)


def examine(name: str, trace: Trace) -> list[Finding]:
    """What the condition of this name says of a trace."""
    condition = registry.find("conditions", name)
    return condition.examine(trace) if condition.sees == "training" else condition.during(trace)


def step(number: int = 0, **changes: Any) -> WatchedStep:
    """A watched step with one layer, in which nothing else was seen but what is given."""
    return WatchedStep(**{"step": number, "loss": 1.0, "rate": 0.01, "gradient": 1.0, "layers": moving(1.0), **changes})


def moving(*gradients: float, update: float = 1e-3, **signals: Any) -> dict[str, LayerSignals]:
    """Layers '0', '1' ... with these gradients, whose weights of size 1 move by `update`."""
    return {str(n): LayerSignals(g, 1.0, update, **signals) for n, g in enumerate(gradients)}


def parameter(name: str = "0.weight", **changes: Any) -> Parameter:
    """A weight that learns."""
    plain = {"kind": "weight", "shape": (8, 4), "learns": True, "optimised": 1, "decay": 0.0, "frozen": False,
             "storage": "float32", "spread": 1.0, "zero": False}  # fmt: skip
    return Parameter(name, name.rpartition(".")[0], **{**plain, **changes})


def activation(function: str, **changes: Any) -> Activation:
    """An activation function within the network of which 500 examples were seen."""
    plain = {"zeros": 0.5, "saturated": 0.0, "dead": 0.0, "examples": 500, "final": False}
    return Activation(function, **{**plain, **changes})


def checks(losses: Sequence[float], train_losses: Sequence[float], **metrics: Sequence[float]) -> list[Check]:
    """Checks on held-out rows, ten steps apart."""
    named = [{name: values[at] for name, values in metrics.items()} for at in range(len(losses))]
    return [Check(10 * (at + 1), losses[at], train_losses[at], named[at]) for at in range(len(losses))]
