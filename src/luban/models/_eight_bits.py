"""A matrix that stays as it is, in 8 bits inside torch: whole numbers, and a scale for each output.

    W ~ scale * codes,  codes = round(W / scale),  scale = max |W| / 127 over the weights of an output

A product takes them as float32 a block of outputs at a time, forwards and backwards, so that no whole matrix is ever
made. Gradients reach what goes in; the matrix has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

LARGEST = 127
BLOCK = 1 << 20
"""Weights that are float32 at once, or those of one output."""
_SMALLEST = 1e-12


def codes(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(outputs, inputs) int8 and (outputs, 1) float32: a matrix, to half a scale.

    >>> found, scale = codes(torch.tensor([[1.27, -0.5], [0.0, 0.0]]))
    >>> found.tolist(), [round(value, 4) for value in scale[:, 0].tolist()]
    ([[127, -50], [0, 0]], [0.01, 0.0])
    """
    scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=_SMALLEST) / LARGEST
    return torch.round(weight / scale).to(torch.int8), scale


def dense(codes: Tensor, scale: Tensor) -> Tensor:
    """(outputs, inputs) float32."""
    return codes.to(scale.dtype) * scale


def product(values: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
    """(..., outputs) of values (..., inputs): as `nn.functional.linear` with the matrix."""
    found: Tensor = _Product.apply(values, codes, scale)  # type: ignore[no-untyped-call]
    return found


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, codes: Tensor, scale: Tensor) -> Tensor:
        context.save_for_backward(codes, scale)
        found = values.new_empty(*values.shape[:-1], len(codes))
        for piece in _pieces(codes):
            found[..., piece] = values @ dense(codes[piece], scale[piece]).to(values.dtype).T
        return found

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        codes, scale = context.saved_tensors
        found = gradient.new_zeros(*gradient.shape[:-1], codes.shape[1])
        for piece in _pieces(codes):
            found += gradient[..., piece] @ dense(codes[piece], scale[piece]).to(gradient.dtype)
        return found, None, None


def _pieces(codes: Tensor) -> Iterator[slice]:
    size = max(BLOCK // max(codes.shape[1], 1), 1)
    return (slice(first, first + size) for first in range(0, len(codes), size))
