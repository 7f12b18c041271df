"""Signals: what a training records of itself. Measured on some steps only, so that watching costs little.

A dense burst in the first ten steps, in which most faults show; then hooks are attached only for a sampled step, and
the interval between these is set from what watching was measured to cost. What the signals
mean is for conditions to say.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from luban.evidence.trace import LayerSignals, WatchedStep

if TYPE_CHECKING:
    from torch import Tensor, nn

BURST = 10
"""Steps that are all watched at the start."""
TIMED = 25
"""Steps up to which those behind the burst are timed without watching."""
COST = 0.01
"""Share of the training time that watching may take after that."""
LEAST_INTERVAL, MOST_INTERVAL = 10, 1_000
"""Steps between two that are watched: on a busy machine the cost can come out as nothing, and it is never that."""


@final
class Recorder:
    """Watches a module. Final.

    `watching(step)` says whether a step is watched; `armed()` is held around its forward pass; `before` and `after`
    stand around the optimiser's step.
    """

    def __init__(self, module: nn.Module) -> None:
        from luban.training.observing import Observer

        self.observer = Observer(module)
        self.interval = LEAST_INTERVAL
        self._weights: list[Tensor] = []
        self._gradients: list[float] = []
        self._names: list[tuple[str, str]] = []
        self._parameters: list[Tensor] = []
        for layer, owner in self.observer.layers.items():
            for name, parameter in owner.named_parameters(recurse=False):
                if parameter.requires_grad and parameter.ndim > 1:
                    self._names.append((layer, name if owner is module else f"{layer}.{name}"))
                    self._parameters.append(parameter)
        self._idle: tuple[str, ...] = ()
        self._still: tuple[str, ...] = ()
        self._plain: list[float] = []
        self._watched: list[float] = []

    def watching(self, step: int) -> bool:
        if step < TIMED:
            return step < BURST
        return (step - TIMED) % self.interval == 0

    def timed(self, step: int, seconds: float) -> None:
        """Tells how long a step took; what watching costs shows when the steps behind the burst are done."""
        if step >= TIMED:
            return
        (self._watched if step < BURST else self._plain).append(seconds)
        if step + 1 == TIMED and self._plain and self._watched:
            plain, watched = _median(self._plain), _median(self._watched)
            cost = math.ceil((watched - plain) / (COST * plain))
            self.interval = min(max(cost, LEAST_INTERVAL), MOST_INTERVAL)

    @contextmanager
    def armed(self, counting: bool = True) -> Iterator[None]:
        """While it is held each layer's output is looked at. counting: see `Observer`."""
        self.observer.counting = counting
        with self.observer.looking():
            yield

    def before(self) -> None:
        """Looks at gradients and keeps the weights, before the optimiser changes them."""
        import torch

        from luban.training.observing import dense

        gradients = [torch.zeros(1) if p.grad is None else dense(p.grad) for p in self._parameters]
        self._weights = [p.detach().clone() for p in self._parameters]
        self._gradients = self._note("gradient", gradients)
        self._note("weight", self._weights)
        absent = [p.grad is None for p in self._parameters]
        self._idle = tuple(name for (_, name), none in zip(self._names, absent, strict=True) if none)

    def after(self) -> None:
        """Looks at how far the weights moved."""
        import torch

        if self._weights:
            # In place: the sign does not matter for a norm, and weights may be large.
            torch._foreach_sub_(self._weights, [p.detach() for p in self._parameters])
            norms = self._note("update", self._weights)
            compared = zip(self._names, norms, self._gradients, strict=True)
            self._still = tuple(name for (_, name), norm, gradient in compared if norm == 0 and gradient > 0)
            self._weights = []

    def _note(self, kind: str, tensors: list[Tensor]) -> list[float]:
        import torch

        from luban.training.observing import read

        if not tensors:
            return []
        norms = read(torch._foreach_norm(tensors))
        for (layer, _), norm, tensor in zip(self._names, norms, tensors, strict=True):
            # The largest of a layer's weights speaks for it.
            seen = self.observer.signals.setdefault(layer, LayerSignals())
            setattr(seen, kind, max(getattr(seen, kind), norm / math.sqrt(tensor.numel())))
        return norms

    def step(
        self, number: int, loss: float, rate: float, gradient: float, leftover: float | None = None
    ) -> WatchedStep:
        """What the watched step showed. gradient: the norm of all. leftover: of those before the forward pass."""
        seen = self.observer
        return WatchedStep(
            number, loss, rate, gradient, dict(seen.signals), dict(seen.activations), leftover, self._idle, self._still
        )

    def to_json(self) -> dict[str, Any]:
        """What was seen in the last watched step, by layer."""
        return {name: signals.to_json() for name, signals in self.observer.signals.items()}


def now() -> float:
    """CPU seconds of this process: what a step costs, whatever else the machine does."""
    return time.process_time()


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
