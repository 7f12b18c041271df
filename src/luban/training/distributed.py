"""Several processes that train one network: each takes its share of every batch, and all take the same step.

The gradient of a step is that of the whole batch, whatever the number of processes, because each loss is divided by the
weight of all rows of the step and the gradients are added up, not averaged. They go over the wire once a step, after
all of its batches, as one flat vector for each kind of number.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Array
from luban.core.errors import ResourceError
from luban.core.seed import derive
from luban.recipe.recipe import Train
from luban.training import sharding

if TYPE_CHECKING:
    from torch import Tensor, nn

FEWEST = 2
"""Rows of a share: batch normalisation takes no single row."""
CLOSE = 1e-6
"""What torch adds to a norm before it divides by it."""


@dataclass(frozen=True)
class Team:
    """The processes that train together. rank: the number of this one, from 0. size: how many they are.

    sharded: whether each holds only a part of the weights (`sharding`).
    """

    rank: int = 0
    size: int = 1
    sharded: bool = False

    @property
    def leads(self) -> bool:
        """Whether this process writes what is kept."""
        return self.rank == 0

    def share(self, rows: Array) -> tuple[Array, Array | None]:
        """The rows of a batch that this process takes, and which of them count, (rows,) float32; None for all.

        All pass the network together, so whoever would have too few gets rows that count for nothing.

        >>> Team(1, 2).share(np.array([5, 6, 7, 8, 9]))
        (array([6, 8]), None)
        >>> rows, counts = Team(2, 3).share(np.array([5, 6]))
        >>> rows.tolist(), counts.tolist()
        ([5, 6], [0.0, 0.0])
        """
        own = rows[self.rank :: self.size]
        lacking = min(FEWEST, len(rows)) - len(own)
        if self.size == 1 or lacking <= 0:
            return own, None
        others = np.delete(rows, np.s_[self.rank :: self.size])[:lacking]
        counts = np.zeros(len(own) + lacking, np.float32)
        counts[: len(own)] = 1
        return np.concatenate([own, others]), counts

    def joined(self, module: nn.Module, train: Train, device: str) -> tuple[Team, nn.Module, str]:
        """The team that trains this module, the module as it trains it, and a word on how. All start with the same."""
        if self.size == 1:
            return self, module, ""
        import torch.distributed as dist
        from torch import nn

        told = [f"{self.size} processes take a share of each batch"]
        if any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in module.modules()):
            if device == "cuda":
                module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
                told.append("batches are normalised by the rows of all of them")
            else:
                told.append(f"each normalises by the rows of its share, since torch has no other way on {device}")
        self.alike([*module.parameters(), *module.buffers()])
        needed, reason = sharding.needed(module, train, device, self.size)
        told.append(reason)
        if needed:
            sharding.shard(module, dist.get_world_size(), device)
        return replace(self, sharded=needed), module, "; ".join(told)

    def alike(self, tensors: Iterable[Tensor]) -> None:
        """Gives all processes the leading one's values."""
        if self.size == 1:
            return
        import torch.distributed as dist

        for tensor in tensors:
            dist.broadcast(tensor.detach(), 0)

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """Gives every parameter the sum of its gradients in all processes; what is sharded has it already."""
        if self.size == 1 or self.sharded:
            return
        import torch
        import torch.distributed as dist

        kinds: dict[torch.dtype, list[Tensor]] = {}
        for parameter in parameters:
            if parameter.grad is None:
                # What this share did not reach may be reached by another.
                parameter.grad = torch.zeros_like(parameter)
            kinds.setdefault(parameter.grad.dtype, []).append(parameter.grad)
        for gradients in kinds.values():
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            dist.all_reduce(flat)
            pieces = flat.split([gradient.numel() for gradient in gradients])
            torch._foreach_copy_(gradients, [p.view_as(g) for p, g in zip(pieces, gradients, strict=True)])

    def totals(self, *values: float) -> tuple[float, ...]:
        """The sums of some numbers over all processes, the same in each."""
        if self.size == 1:
            return values
        import torch
        import torch.distributed as dist

        sums = torch.tensor(values, dtype=torch.float64 if _device() == "cpu" else torch.float32, device=_device())
        dist.all_reduce(sums)
        return tuple(sums.tolist())

    def agreed(self, yes: bool) -> bool:
        """Whether the leading process says yes: all must do the same."""
        return bool(self.totals(float(yes and self.leads))[0])

    def check_alike(self, step: int) -> None:
        """Raises ResourceError unless all processes go on from the same step."""
        if self.size == 1:
            return
        (leading,) = self.totals(float(step) if self.leads else 0.0)
        if leading != step:
            raise ResourceError(
                f"process {self.rank} found the checkpoint of step {step}, the leading one that of step {leading:.0f}.",
                fix="let the folder of the run lie where all processes see the same files",
            )

    def clip(self, parameters: Iterable[nn.Parameter], most: float | None) -> float:
        """The norm of the gradient of these parameters, which is shortened to `most`; 0 where nothing is clipped."""
        if most is None:
            return 0.0
        import torch

        learning = list(parameters)
        gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        found = float(sharding.whole(norm))
        # Where nothing is to be shortened torch would multiply by one.
        if not found <= most - CLOSE:
            torch.nn.utils.clip_grads_with_norm_(learning, most, norm, foreach=True)
        return found

    def draws(self, seed: int, step: int) -> None:
        """Sets torch's random state for a step, where there are several: so a checkpoint need not hold that of each."""
        if self.size > 1:
            import torch

            torch.manual_seed(derive(seed, "training", self.rank, step))


ALONE = Team()


@contextmanager
def together() -> Iterator[Team]:
    """The team that torch's launcher describes in the environment (RANK, WORLD_SIZE), connected while it is held."""
    import torch
    import torch.distributed as dist

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    hosted = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    store = dist.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), size, is_master=rank == 0 and not hosted
    )
    # The launcher keeps one store for all its attempts, in which the addresses of dead processes still stand.
    name = f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    attempt = dist.PrefixStore(name, store)  # type: ignore[attr-defined]
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=attempt, rank=rank, world_size=size)
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def _device() -> str:
    """Where numbers must lie to be sent."""
    import torch.distributed as dist

    return "cuda" if dist.get_backend() == "nccl" else "cpu"
