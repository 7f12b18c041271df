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
COEFFICIENTS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
)
"""Of the iteration of Newton and Schulz, which brings singular values near 1: the first steps of Polar Express (Amsel
et al., 2025). Three of them train as well here as five of one polynomial, by trial, in three fifths of the time."""
LARGER = 1.01
"""The norm is taken for so much larger, so that no rounding leaves the range of the polynomials."""
SIZE = 0.2
"""The root of the mean square of a step of Adam, as it is usually seen."""


@final
class Muon(torch.optim.Optimizer):
    """groups: of parameters; one with `orthogonal` holds matrices, all others follow AdamW. lower: whether the products
    of matrices are taken in bfloat16, as those of the network are.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float, lower: bool = False) -> None:
        super().__init__(list(groups), {"lr": lr, "weight_decay": 0.0, "orthogonal": False})
        self._lower = lower

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
        found = gradient.add(momentum, alpha=MOMENTUM)
        return orthogonal(found, lower=self._lower) * (SIZE * math.sqrt(max(gradient.shape)))

    def _adam(self, gradient: Tensor, state: dict[str, Any]) -> Tensor:
        if not state:
            state.update(step=torch.tensor(0.0), mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
        state["step"] += 1
        count = float(state["step"])
        state["mean"].lerp_(gradient, 1 - BETAS[0])
        state["square"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        root = (state["square"] / (1 - BETAS[1] ** count)).sqrt_().add_(SMALL)
        return state["mean"] / (1 - BETAS[0] ** count) / root


def orthogonal(matrix: Tensor, *, lower: bool = False) -> Tensor:
    """About U V^T of the matrix U S V^T: singular values come to lie around 1, and below 1.9; those that are less than
    a hundredth of the largest are not raised that far. lower: whether products are taken in bfloat16.

    >>> torch.linalg.svdvals(orthogonal(torch.diag(torch.tensor([5.0, 1.0, 0.2])))).min() > 0.6
    tensor(True)
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    found = wide / (wide.norm() * LARGER + 1e-7)
    found = found.bfloat16() if lower else found
    for first, second, third in COEFFICIENTS:
        square = found @ found.T
        found = torch.addmm(found, torch.addmm(square, square, square, beta=second, alpha=third), found, beta=first)
    found = found.to(matrix.dtype)
    return found if matrix.shape[0] <= matrix.shape[1] else found.T
