"""Adapters inside torch: a matrix that stays as it is, beside two small ones that learn, and how they become one again.

    LoRA   W + s B A                        (Hu et al., 2022)
    DoRA   m (W + s B A) / ||W + s B A||    (Liu et al., 2024), a length m for each output

Nothing changes at first: one of the small matrices begins with zeros.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, final

import torch
from torch import Tensor, nn

from luban.models import _eight_bits

Kind = Literal["lora", "dora"]
_OWN = ("left", "right", "magnitude")
_SMALLEST = 1e-12


@dataclass(frozen=True)
class How:
    """kind: of the adapter. rank: numbers between its two matrices. scale: what their product is multiplied by.

    eight_bits: whether the matrices that stay are kept in 8 bits, see `_eight_bits`.
    """

    kind: Kind
    rank: int
    scale: float
    eight_bits: bool = False


@final
class Adapted(nn.Module):
    """A linear layer whose weight stays as it is, with an adapter beside it.

    layer: as `nn.Linear` has it, or the convolution of GPT-2, whose weight lies the other way round. left, right: their
    product has the shape of the weight. codes, scale: the weight in 8 bits, in its place from `begin` on.
    """

    codes: Tensor
    scale: Tensor

    def __init__(self, layer: Any, how: How) -> None:
        super().__init__()
        rows, columns = layer.weight.shape
        self.turned, self.how, self.enabled = not isinstance(layer, nn.Linear), how, True
        self.weight = nn.Parameter(layer.weight.detach(), requires_grad=False)
        self.bias: Tensor | None = layer.bias
        self.left = nn.Parameter(torch.zeros(rows, how.rank))
        self.right = nn.Parameter(torch.zeros(how.rank, columns))
        # What reads the inputs begins at random, what writes the outputs with zeros.
        nn.init.kaiming_uniform_(self.left if self.turned else self.right, a=math.sqrt(5))
        if how.kind == "dora":
            self.magnitude = nn.Parameter(self._lengths(self.weight))

    def forward(self, values: Tensor) -> Tensor:
        if not self.enabled:
            return self._plain(values) if self.bias is None else self._plain(values) + self.bias
        left, right = (self.left, self.right) if self.turned else (self.right.T, self.left.T)
        found = self._plain(values) + values @ left @ right * self.how.scale
        if self.how.kind == "dora":
            # The length is taken as it is, without a gradient of its own, as the paper proposes.
            with torch.no_grad():
                lengths = self._lengths(self._whole() + self.left @ self.right * self.how.scale)
            found = found * (self.magnitude / lengths).flatten()
        return found if self.bias is None else found + self.bias

    def begin(self) -> None:
        """Takes the weight that it has by now as the one that it begins from."""
        with torch.no_grad():
            if self.how.eight_bits:
                # No part of what is kept or saved: they can be had again.
                codes, scale = _eight_bits.codes(self.weight.T if self.turned else self.weight)
                self.register_buffer("codes", codes, persistent=False)
                self.register_buffer("scale", scale, persistent=False)
                del self.weight
            if self.how.kind == "dora":
                self.magnitude.copy_(self._lengths(self._whole()))

    def _whole(self) -> Tensor:
        if "codes" not in self._buffers:
            return self.weight
        whole = _eight_bits.dense(self.codes, self.scale)
        return whole.T if self.turned else whole

    def _plain(self, values: Tensor) -> Tensor:
        if "codes" in self._buffers:
            return _eight_bits.product(values, self.codes, self.scale)
        return values @ self.weight if self.turned else nn.functional.linear(values, self.weight)

    def _lengths(self, weight: Tensor) -> Tensor:
        """Of each output's weights."""
        return weight.norm(dim=0 if self.turned else 1, keepdim=True).clamp(min=_SMALLEST)


def adapt(module: nn.Module, how: How, wanted: Callable[[str], bool]) -> None:
    """Puts an adapter on each linear layer inside of a module whose name is wanted; all else stays as it is."""
    for name, part in list(module.named_modules()):
        for own, layer in list(part.named_children()):
            path = f"{name}.{own}" if name else own
            if is_linear(layer) and wanted(path):
                setattr(part, own, Adapted(layer, how))


def is_linear(layer: nn.Module) -> bool:
    """Whether it multiplies by a matrix, and does nothing else; GPT-2 calls that a convolution."""
    return isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D"


def learns(name: str) -> bool:
    """Whether a parameter of this name belongs to an adapter.

    >>> learns("body.layers.0.mlp.up_proj.left"), learns("body.layers.0.mlp.up_proj.weight")
    (True, False)
    """
    return name.rsplit(".", 1)[-1] in _OWN


def begun(module: nn.Module) -> None:
    """Lets each adapter inside of a module begin from the weights that it has by now."""
    for part in module.modules():
        if isinstance(part, Adapted):
            part.begin()


@contextmanager
def without(module: nn.Module) -> Iterator[None]:
    """While it is held the module answers as it did before it was adapted."""
    parts = [part for part in module.modules() if isinstance(part, Adapted)]
    for part in parts:
        part.enabled = False
    try:
        yield
    finally:
        for part in parts:
            part.enabled = True


def merged(weights: Mapping[str, Tensor], scale: float, *, over: bool = False) -> dict[str, Tensor]:
    """The weights by name, with each adapter put into the matrix beside it: those of a module without adapters.

    over: whether the matrices themselves are written over, which takes no memory.
    """
    found: dict[str, Any] = {name: tensor for name, tensor in weights.items() if not learns(name)}
    for name, left in weights.items():
        place, _, own = name.rpartition(".")
        if own != "left":
            continue
        beside = found[f"{place}.weight"].detach()
        whole = (beside if over else beside.clone()).add_(left.detach() @ weights[f"{place}.right"].detach() * scale)
        lengths = weights.get(f"{place}.magnitude")
        if lengths is not None:
            # The lengths lie along the axis of the outputs, so they tell which one that is.
            axis = 0 if lengths.shape[0] == 1 else 1
            whole.mul_(lengths.detach() / whole.norm(dim=axis, keepdim=True).clamp(min=_SMALLEST))
        found[f"{place}.weight"] = whole
    return found
