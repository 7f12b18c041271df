"""What the best constant answer loses: below it something was learned of the rows, above it a network only calms down.

A fresh network whose sums are large loses more than an answer that looks at nothing. Its loss falls at once, at rates
of which nothing is known yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from luban.models._networks import STEPWISE
from luban.protocols import Work
from luban.training.gathering import Part
from luban.training.loss import Loss, mean

if TYPE_CHECKING:
    from torch import Tensor

ITERATIONS = 30


def knows(work: Work) -> bool:
    """Whether a row is answered by a line of numbers, which might be the same for all."""
    return bool(work.targets) or work.task in STEPWISE


def least(outputs: int, parts: Sequence[Part], loss: Loss) -> float:
    """The mean loss over some batches of the line of so many numbers that loses the least in all of them.

    By L-BFGS (Liu and Nocedal, 1989); losses of constants are convex.
    """
    import torch
    from torch import nn

    line = torch.zeros(outputs, device=parts[0].target.device, requires_grad=True)

    class Same(nn.Module):
        def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
            return line.expand(len(next(iter(inputs.values()))), -1)

    module = Same().eval()

    def together() -> Tensor:
        return torch.stack([mean(loss, module, part) for part in parts]).mean()

    optimiser = torch.optim.LBFGS([line], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = together()
        value.backward()
        return value

    optimiser.step(closure)
    with torch.no_grad():
        return together().item()
