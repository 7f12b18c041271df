"""What the gradients before a step of an optimiser say, at a price that a small step hardly notices."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

FEW = 256
"""Numbers of a gradient that are read one by one; more are added up first."""


def norm(optimizers: Iterable[Optimizer]) -> float:
    """The norm of the gradients that the optimisers hold; nobody sets those of other parameters to zero."""
    from luban.training import program

    return program.gradient_norm(p for one in optimizers for group in one.param_groups for p in group["params"])


def finite(optimizer: Optimizer) -> bool:
    """Whether the last gradient that it holds is finite: what is not finite anywhere mostly reached it."""
    last = next((p for p in reversed(optimizer.param_groups[-1]["params"]) if p.grad is not None), None)
    return last is None or math.isfinite(_sum(last.grad))


def skipped(optimizer: Optimizer) -> bool:
    """Whether mixed precision skips this step, within an optimiser that knows of it."""
    return bool(_left(getattr(optimizer, "found_inf", None)))


def scale(optimizer: Optimizer) -> float:
    """What gradients are multiplied by, where the optimiser takes that away itself; else 1."""
    return _left(getattr(optimizer, "grad_scale", None)) or 1.0


def _sum(gradient: Tensor) -> float:
    """The sum of its numbers; for the few of a bias, a fifth of the time that torch takes."""
    if gradient.numel() <= FEW and gradient.ndim == 1 and gradient.device.type == "cpu" and not gradient.is_sparse:
        return float(sum(gradient.tolist()))
    return float(gradient.sum().item())


def _left(value: Any) -> float:
    """What mixed precision left in an optimiser; 0 where it left nothing."""
    return 0.0 if value is None else float(value)
