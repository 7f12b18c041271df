"""Asking a network something beside its training: its answers to other rows, and where a number stopped being finite.

It is asked without a gradient, and what it changes by being asked comes back: its modes, its buffers, the random state.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

REFUSALS = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError, ArithmeticError)
"""What a network may raise that is asked a second time, or otherwise than it is used to."""


@contextmanager
def unchanged(module: nn.Module) -> Iterator[None]:
    """While it is held no gradient is kept; when it ends, modes, buffers and random states are what they were."""
    modes = {layer: layer.training for layer in module.modules()}
    buffers = [
        (layer, name, buffer, buffer.clone())
        for layer in modes
        for name, buffer in layer._buffers.items()
        if buffer is not None
    ]
    devices = sorted({p.device.index for p in module.parameters() if p.device.type == "cuda"})
    state = random.getstate()
    with torch.no_grad(), torch.random.fork_rng(devices):
        try:
            yield
        finally:
            for layer, name, buffer, value in buffers:
                buffer.copy_(value)
                layer._buffers[name] = buffer
            for layer, mode in modes.items():
                layer.training = mode
            random.setstate(state)


def alone(module: nn.Module) -> nn.Module:
    """The network within what shares it out over devices or processes, which would wait for the others."""
    found: Any = module
    wrapped = isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel)
    return found.module if wrapped else module


def dependence(module: nn.Module, inputs: Any) -> float | None:
    """How far the answer to a row moves when only the other rows of its batch change; see `Trace`. None if not tried.

    The network answers in evaluation mode.

    >>> dependence(nn.Linear(2, 1), torch.ones(4, 2))
    0.0
    >>> dependence(nn.Softmax(dim=0), torch.rand(4, 2)) > 0.01
    True
    """
    if not isinstance(inputs, Tensor) or inputs.ndim < 2 or len(inputs) < 3 or not inputs.is_floating_point():
        return None
    rows = inputs.detach()[:8]
    others = rows.clone()
    others[1:] = rows[1:].roll(1, dims=0) * 0.5
    changed = rows.clone()
    changed[0] = rows[0] * 0.5
    asked = alone(module)
    try:
        with unchanged(asked):
            asked.eval()
            answers = [asked(batch) for batch in (rows, others, changed)]
    except REFUSALS:
        # A network that wants more than one tensor, or another number of rows.
        return None
    if not all(isinstance(one, Tensor) and one.ndim and len(one) == len(rows) for one in answers):
        return None
    first, other, own = (answer[0].float() for answer in answers)
    moved, by_others = float((first - own).abs().max()), float((first - other).abs().max())
    return by_others / moved if moved > 1e-6 and by_others < float("inf") else None


def infinite_inputs(call: tuple[Any, Mapping[str, Any]] | None) -> float:
    """The share of the numbers that went into a forward pass and are not finite; 0 where none was kept.

    >>> infinite_inputs(((torch.tensor([1.0, float("nan")]),), {}))
    0.5
    """
    arguments, named = call or ((), {})
    tensors = [value for value in [*arguments, *named.values()] if isinstance(value, Tensor)]
    given = [value for value in tensors if value.is_floating_point()]
    numbers = sum(value.numel() for value in given)
    return sum(int((~torch.isfinite(value)).sum()) for value in given) / numbers if numbers else 0.0


def first_not_finite(module: nn.Module, call: tuple[Any, Mapping[str, Any]] | None) -> tuple[str, str | None]:
    """Where a number stopped being finite: in words, and the layer.

    call: the arguments of the forward pass that led to it, which is made again.

    >>> _ = nn.init.constant_((bad := nn.Linear(2, 1)).weight, float("nan"))
    >>> first_not_finite(nn.Sequential(nn.Linear(2, 2), bad), None)
    ("the weights '1.weight' are not finite", '1')
    """
    for name, parameter in module.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"the weights '{name}' are not finite", name.rpartition(".")[0] or "network"
    found = _row(call) or _output(module, call) if call is not None else None
    if found is not None:
        return found
    bad = [n for n, p in module.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()]
    if bad:
        return f"the gradient of '{bad[-1]}' is not finite", bad[-1].rpartition(".")[0] or "network"
    return "every layer's output is finite, so it is the loss", None


def _row(call: tuple[Any, Mapping[str, Any]]) -> tuple[str, str | None] | None:
    """The first row of the batch that is not finite."""
    arguments, named = call
    for number, value in enumerate([*arguments, *named.values()]):
        if isinstance(value, Tensor) and value.is_floating_point() and not torch.isfinite(value).all():
            rows = (~torch.isfinite(value.reshape(len(value), -1) if value.ndim else value.reshape(1, 1))).any(dim=1)
            return f"row {int(rows.nonzero()[0])} of the batch is not finite (argument {number} of the network)", None
    return None


def _output(module: nn.Module, call: tuple[Any, Mapping[str, Any]]) -> tuple[str, str | None] | None:
    """The first layer that gives out what is not finite, as the forward pass is made again."""
    arguments, named = call
    found: list[str] = []

    def look(name: str) -> Any:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            values = output[0] if isinstance(output, tuple) and output else output
            if isinstance(values, Tensor) and not torch.isfinite(values).all():
                found.append(name)

        return hook

    leaves = [(name, layer) for name, layer in module.named_modules() if not any(True for _ in layer.children())]
    hooks = [layer.register_forward_hook(look(name)) for name, layer in leaves]
    asked = alone(module)
    try:
        with unchanged(asked):
            asked(*arguments, **named)
    except REFUSALS:
        # What was seen until there still counts.
        pass
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        return None
    name = found[0] or "network"
    return f"the layer '{name}' gives out what is not finite", name
