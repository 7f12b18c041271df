"""One of two processes that train a network, each its own and then together: drifting.py STORE NUMBER.

It prints the conditions that were found, a line for each of the two trainings.
"""

from __future__ import annotations

import sys

import torch
from torch import distributed, nn

import luban
from luban.watching import Watch


def main(store: str, number: int) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=number, world_size=2)
    for together in (False, True):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))
        torch.manual_seed(number)
        watch = train(nn.parallel.DistributedDataParallel(network) if together else network)
        assert watch.trace.dependence == 0
        print(*[finding.condition for finding in watch.findings])
    distributed.destroy_process_group()


def train(model: nn.Module) -> Watch:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with luban.watch(model, optimizer, loss=nn.MSELoss()) as watch:
        for _ in range(6):
            inputs = torch.randn(16, 8)
            targets = inputs.sum(dim=1, keepdim=True)
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            watch.step(loss, inputs, targets)
    return watch


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
