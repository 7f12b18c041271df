"""Trains the same network in one of two processes, watched or not, and prints what the watch saw of the other.

    python watched_together.py STORE RANK DRIFT WATCHED

DRIFT is what the second process adds to its weights after each step; WATCHED is `all` or `first`.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import distributed, nn

import luban


def main(store: str, rank: int, drift: float, watched: str) -> None:
    distributed.init_process_group("gloo", init_method=Path(store).as_uri(), rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    watching = watched == "all" or rank == 0
    with luban.watch(model, optimizer) if watching else nullcontext() as watch:
        for _ in range(30):
            inputs = torch.randn(16, 4)
            optimizer.zero_grad()
            loss = model(inputs).square().mean()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                model[0].weight += drift * rank
            if watch is not None:
                watch.step(loss, inputs)
    if watch is not None:
        found = [finding.condition for finding in watch.findings]
        print(json.dumps({"replicas": watch.trace.replicas, "found": "replica-drift" in found}))
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
