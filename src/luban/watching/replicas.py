"""Whether the same network stays the same in each of the processes that train it together."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from torch import nn

STEPS = (4, 24, 99)
"""Steps after which the processes compare their weights."""
WAITED = 5.0
"""Seconds for which a process waits for the weights of the others."""


@final
class Replicas:
    """The same network in each of the processes that train together. Final.

    What the weights add up to is laid into the store of the process group, and read from there: no process takes part
    in a collective call, so those that are not watched are never waited for longer than `WAITED`, and once only.
    """

    def __init__(self) -> None:
        self._alone = False
        self._number = 0

    def difference(self, model: nn.Module, step: int) -> float | None:
        """The largest difference between the weights of the processes, over their root mean square; None for one,
        and where others are not watched.
        """
        import torch
        from torch import distributed

        if self._alone or not (distributed.is_available() and distributed.is_initialized()):
            return None
        ranks, own = range(distributed.get_world_size()), distributed.get_rank()
        if len(ranks) == 1:
            return None
        store = distributed.distributed_c10d._get_default_store()
        # The first watch of one process belongs to the first one of the others.
        self._number = self._number or int(store.add(f"luban/watches/{own}", 1))
        keys = [f"luban/weights/{self._number}/{step}/{rank}" for rank in ranks]
        each = [(p.detach().double().sum(), p.detach().double().square().sum()) for p in model.parameters()]
        store.set(keys[own], json.dumps([[float(total), float(square)] for total, square in each]))
        try:
            store.wait(keys, timedelta(seconds=WAITED))
        except RuntimeError:
            # The store waited in vain, or is gone: then there is nobody to be compared with.
            self._alone = True
            return None
        sums = torch.tensor([json.loads(store.get(key)) for key in keys], dtype=torch.float64)
        size = float(sums[own, :, 1].sum().sqrt()) or 1.0
        drift = float((sums - sums[0]).abs().max()) / size
        return drift if math.isfinite(drift) else None
