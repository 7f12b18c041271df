"""Where a loss or a gradient stopped being finite: the step, the rows, and the first layer that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luban.core.errors import TrainingError
from luban.training.gathering import Step

if TYPE_CHECKING:
    from torch import nn

SHOWN = 5
"""Rows of the batch that the message names."""


def explained(
    module: nn.Module, step: Step, loss: Any, number: int, epoch: int, value: float, norm: float
) -> TrainingError:
    """The error that says what is not finite, where it was seen first, and what may cure it."""
    rows = [int(row) for part in step.parts for row in part.rows]
    shown = ", ".join(map(str, rows[:SHOWN])) + (f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else "")
    what = f"the loss is {value}" if value != value or abs(value) == float("inf") else f"the gradient's norm is {norm}"
    return TrainingError(
        f"{what} at step {number} of epoch {epoch}: {_first(module, step)}.",
        where=f"training rows {shown}",
        fix="--set train.learning_rate=0.0003, or --set train.clip=0.5; luban diagnose DATA looks at the rows",
    )


def _first(module: nn.Module, step: Step) -> str:
    """The first layer, in the order of the forward pass, whose weights, inputs or outputs are not finite; in words."""
    import torch

    for name, tensor in step.parts[0].tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f"the input '{name}' is not finite"
    for name, parameter in module.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"the weights '{name}' are not finite"
    found: list[str] = []

    def look(name: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            values = output[0] if isinstance(output, tuple) else output
            if isinstance(values, torch.Tensor) and not torch.isfinite(values).all():
                found.append(name)

        return hook

    leaves = [(name, layer) for name, layer in module.named_modules() if not any(layer.children())]
    hooks = [layer.register_forward_hook(look(name)) for name, layer in leaves]
    try:
        with torch.no_grad():
            for part in step.parts:
                module(part.on(next(module.parameters()).device.type).tensors)
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return f"the layer '{found[0]}' gives out what is not finite"
    bad = [n for n, p in module.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()]
    return f"the gradient of '{bad[0]}' is not finite" if bad else "every layer's output is finite, so it is the loss"
