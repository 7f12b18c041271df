"""Networks that do not fit into one process: each holds a part of all weights, gradients and optimiser states (FSDP).

Weights come together layer by layer, when they are needed, and go again (Zhao et al., 2023; torch's `fully_shard`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from luban.core.errors import UsageError
from luban.recipe.recipe import Train

if TYPE_CHECKING:
    from torch import Tensor, nn

STATES = {"sgd": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimiser remembers of each weight; 2 of those that are not listed."""
BYTES = 4


def needed(module: nn.Module, train: Train, device: str, size: int) -> tuple[bool, str]:
    """Whether the weights are to be shared out among so many processes, and why.

    Raises UsageError where that is asked for together with what needs all weights at once.
    """
    if train.shard == "never":
        return False, "each holds all weights, as asked"
    if train.shard == "always":
        if train.ema:
            raise UsageError(
                "a moving average of weights needs all of them in each process.",
                where="train.shard=always, train.ema",
                fix="--set train.ema=0, or --set train.shard=auto",
            )
        return True, "each holds a part of the weights, as asked"
    bytes_ = memory_of(module, train)
    # Processes on one machine without a GPU have its memory together.
    room, what = _room(device)
    wanted = bytes_ * (1 if device == "cuda" else size)
    told = f"weights, gradients and optimiser states take {wanted / 1e9:.2g} of {room / 1e9:.2g} GB {what}"
    if wanted <= room:
        return False, f"each holds all weights: {told}"
    if train.ema:
        return False, f"each holds all weights, since their moving average needs them: {told}"
    return True, f"each holds a part of the weights: {told}"


def memory_of(module: nn.Module, train: Train) -> int:
    """Bytes of the weights, their gradients, what the optimiser remembers of them, and the best weights so far."""
    weights = sum(parameter.numel() for parameter in module.parameters())
    return BYTES * weights * (3 + STATES.get(train.optimizer.lower(), 2) + (1 if train.ema else 0))


def _room(device: str) -> tuple[float, str]:
    """Bytes that are there for a training."""
    import os

    import torch

    if device == "cuda":
        return float(torch.cuda.mem_get_info()[1]), "of the GPU"
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return math.inf, "of the machine"
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")), "of the machine"


def shard(module: nn.Module, size: int, device: str) -> None:
    """Shares the weights out among the processes, in place. The items of lists of layers come together one by one."""
    from torch import nn
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    mesh = init_device_mesh(device, (size,))
    # From the innermost to the outermost, as torch asks for.
    for layers in reversed([layer for layer in module.modules() if isinstance(layer, nn.ModuleList)]):
        for layer in layers:
            if any(True for _ in layer.parameters()) and not isinstance(layer, nn.ModuleList | nn.ModuleDict):
                fully_shard(layer, mesh=mesh)
    fully_shard(module, mesh=mesh)
    for layer in module.modules():
        if isinstance(layer, FSDPModule):
            # Gradients are added up; torch's own way is their mean.
            layer.set_gradient_divide_factor(1.0)
            layer.set_force_sum_reduction_for_comms(True)


def whole(tensor: Tensor) -> Tensor:
    """The tensor of all processes, where this is a part of it; all must ask for it."""
    # By what it can do, since the type alone takes a second to import.
    gathered = getattr(tensor, "full_tensor", None)
    return tensor if gathered is None else gathered()


def like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """The part of a whole tensor that this process holds, where the pattern is a part."""
    if not hasattr(pattern, "full_tensor") or tensor.shape != pattern.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    shared: Any = pattern
    return distribute_tensor(tensor.to(pattern.device), shared.device_mesh, shared.placements)
