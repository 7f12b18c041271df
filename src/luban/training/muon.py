"""Muon (Jordan et al., 2024): each matrix of a network moves by its momentum made orthogonal.

    M = 0.95 M + G;  W = W - rate 0.2 sqrt(max(rows, columns)) orthogonal(G + 0.95 M)

The factor gives a step the size that Adam's has (Liu et al., 2025), so one rate and one decay suit all parameters.
Embeddings, and what has one axis, follow AdamW (Loshchilov and Hutter, 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, final

import torch
from torch import Tensor

MOMENTUM, BETAS, SMALL = 0.95, (0.9, 0.95), 1e-8
STEPS, COEFFICIENTS = 5, (3.4445, -4.7750, 2.0315)
"""Of the iteration of Newton and Schulz, which brings all singular values near 1."""
SIZE = 0.2
"""The root of the mean square of a step of Adam, as it is usually seen."""


@final
class Muon(torch.optim.Optimizer):
    """groups: of parameters; one with `orthogonal` holds matrices, all others follow AdamW."""

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(list(groups), {"lr": lr, "weight_decay": 0.0, "orthogonal": False})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        for group in self.param_groups:
            move = self._turned if group["orthogonal"] else self._adam
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                change = move(parameter.grad, self.state[parameter])
                if group["weight_decay"]:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(change, alpha=-group["lr"])
        return None

    def _turned(self, gradient: Tensor, state: dict[str, Any]) -> Tensor:
        momentum = state.setdefault("momentum", torch.zeros_like(gradient))
        momentum.mul_(MOMENTUM).add_(gradient)
        return orthogonal(gradient.add(momentum, alpha=MOMENTUM)) * (SIZE * math.sqrt(max(gradient.shape)))

    def _adam(self, gradient: Tensor, state: dict[str, Any]) -> Tensor:
        if not state:
            state.update(step=torch.tensor(0.0), mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["step"] += 1
        count = float(state["step"])
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        root = (state["square"] / (1 - BETAS[1] ** count)).sqrt_().add_(SMALL)
        return state["mean"] / (1 - BETAS[0] ** count) / root


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T of the matrix U S V^T: each singular value comes to lie between about 0.7 and 1.2.

    >>> torch.linalg.svdvals(orthogonal(torch.diag(torch.tensor([5.0, 1.0, 0.2])))).min() > 0.6
    tensor(True)
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    found = wide / (wide.norm() + 1e-7)
    first, second, third = COEFFICIENTS
    for _ in range(STEPS):
        square = found @ found.T
        found = torch.addmm(found, torch.addmm(square, square, square, beta=second, alpha=third), found, beta=first)
    return found if matrix.shape[0] <= matrix.shape[1] else found.T
