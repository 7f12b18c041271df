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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from torch import Tensor, nn

BURST = 10
"""Steps that are all watched at the start."""
TIMED = 25
"""Steps up to which those behind the burst are timed without watching."""
COST = 0.015
"""Share of the training time that watching may take after that."""
MOST_NUMBERS = 1 << 14
"""Numbers of a layer's output that are looked at: those of the first rows of the batch."""
MOST_INTERVAL = 1_000


@dataclass
class LayerSignals:
    """What one watched step shows of a layer: root mean squares of gradient, weights and their change; and of what it
    gives out, the mean, the standard deviation, and the shares of zeros and of values that are not finite.
    """

    gradient: float = 0.0
    weight: float = 0.0
    update: float = 0.0
    mean: float | None = None
    deviation: float | None = None
    zeros: float | None = None
    nonfinite: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Without what does not apply, and null where a number is not finite."""
        return {key: value if math.isfinite(value) else None for key, value in vars(self).items() if value is not None}


@final
class Recorder:
    """Watches a module. Final.

    `watching(step)` says whether a step is watched; `armed()` is held around its forward pass; `before` and `after`
    stand around the optimiser's step.
    """

    def __init__(self, module: nn.Module) -> None:
        self.layers = dict(_layers(module))
        self.interval = 1
        self._seen: dict[str, LayerSignals] = {}
        self._weights: list[Tensor] = []
        self._names: list[str] = []
        self._parameters: list[Tensor] = []
        for name, layer in self.layers.items():
            for parameter in layer.parameters(recurse=False):
                if parameter.requires_grad and parameter.ndim > 1:
                    self._names.append(name)
                    self._parameters.append(parameter)
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
            self.interval = min(max(math.ceil((watched - plain) / (COST * plain)), 1), MOST_INTERVAL)

    @contextmanager
    def armed(self) -> Iterator[None]:
        """While it is held each layer's output is looked at."""
        self._seen = {}
        hooks = [layer.register_forward_hook(self._look(name)) for name, layer in self.layers.items()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _look(self, name: str) -> Any:
        import torch

        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            values = output[0] if isinstance(output, tuple) else output
            if not isinstance(values, torch.Tensor) or not values.is_floating_point():
                return
            each = values[0].numel() if len(values) else 1
            some = values.detach()[: max(MOST_NUMBERS // max(each, 1), 1)].float()
            deviation, mean = torch.std_mean(some, correction=0)
            count = max(some.numel(), 1)
            zeros, finite = torch.count_nonzero(some == 0) / count, torch.count_nonzero(torch.isfinite(some)) / count
            numbers = torch.stack([mean, deviation, zeros, 1 - finite]).tolist()
            seen = self._seen.setdefault(name, LayerSignals())
            seen.mean, seen.deviation, seen.zeros, seen.nonfinite = numbers

        return hook

    def before(self) -> None:
        """Looks at gradients and keeps the weights, before the optimiser changes them."""
        import torch

        gradients = [torch.zeros(1) if p.grad is None else p.grad for p in self._parameters]
        self._weights = [p.detach().clone() for p in self._parameters]
        for kind, tensors in (("gradient", gradients), ("weight", self._weights)):
            self._note(kind, tensors)

    def after(self) -> None:
        """Looks at how far the weights moved."""
        import torch

        if self._weights:
            moved = torch._foreach_sub([p.detach() for p in self._parameters], self._weights)
            self._note("update", moved)
            self._weights = []

    def _note(self, kind: str, tensors: list[Tensor]) -> None:
        import torch

        if not tensors:
            return
        norms = torch.stack(torch._foreach_norm(tensors)).tolist()
        for name, norm, tensor in zip(self._names, norms, tensors, strict=True):
            # The largest of a layer's weights speaks for it.
            seen = self._seen.setdefault(name, LayerSignals())
            setattr(seen, kind, max(getattr(seen, kind), norm / math.sqrt(tensor.numel())))

    def to_json(self) -> dict[str, Any]:
        """What was seen in the last watched step, by layer."""
        return {name: signals.to_json() for name, signals in self._seen.items()}


def now() -> float:
    """CPU seconds of this process: what a step costs, whatever else the machine does."""
    return time.process_time()


def _layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers that hold weights of their own."""
    for name, layer in module.named_modules():
        if any(True for _ in layer.parameters(recurse=False)):
            yield name or "network", layer


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
