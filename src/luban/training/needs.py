"""What memory a training takes, counted on its two longest rows before its first step.

What a step keeps for the backward pass is counted as torch keeps it; a step of many tokens keeps so much for each. To
that come the weights, their gradients, what the optimiser remembers, the best weights and the copies that a checkpoint
takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from luban import collate
from luban.recipe.recipe import Train
from luban.training import gathering, keeping
from luban.training.gathering import Part, Rows
from luban.training.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor, nn

REMEMBERED = {"sgd": 1, "muon": 1, "adam": 2, "adamw": 2}
"""Numbers that an optimiser remembers of each weight; of others two are thought."""
WRITTEN = 1
"""How often what a checkpoint holds is in memory once more: its copy, from which it is written piece by piece."""
SPARE = 2.0
"""How many times what torch keeps the activations of a step take: what is calculated between them, and holes in the
heap. By trial with a language model of 135 million weights, where it was 1.9 in a fresh process.
"""
LOWER = 2
"""Bytes of a number in bfloat16."""
MEASURED = 2
"""Rows that are passed to count: some layers need more than one."""


@dataclass(frozen=True)
class Needs:
    """Bytes that a training takes.

    weights: of the network; learning: of those that learn. cell: what a token, or a row without tokens, keeps for the
    backward pass; again: what it keeps where layers are calculated again. lower: matrices once more in bfloat16, which
    are kept for the backward pass where it is calculated so; lower_again: of those, where layers are calculated again.
    """

    weights: int
    learning: int
    cell: float
    again: float
    lower: int = 0
    lower_again: int = 0

    def kept(self, train: Train) -> int:
        """What learns needs besides: gradients, what the optimiser remembers, the best weights, their average, and
        the copies of a checkpoint.
        """
        held = 1 + REMEMBERED.get(train.optimizer.lower(), 2) + bool(train.ema)
        return self.learning * (1 + held + WRITTEN * (1 + held))

    def activations(self, train: Train, cells: int) -> int:
        again = train.checkpoint_layers is True
        return int(SPARE * cells * (self.again if again else self.cell)) + self.copies(train)

    def copies(self, train: Train) -> int:
        """Of matrices in bfloat16, where it is calculated so, or tried."""
        if train.precision == "float32":
            return 0
        # Where layers are calculated again bfloat16 is not tried.
        again, tried = train.checkpoint_layers is True, train.precision == "auto"
        return (0 if tried else self.lower_again) if again else self.lower

    def total(self, train: Train, cells: int) -> int:
        return self.weights + self.kept(train) + self.activations(train, cells)


def counted(module: nn.Module, rows: Rows, loss: Loss, device: str) -> Needs:
    """What a training takes, from one pass of its longest rows. The module, a copy, is left without gradients."""
    import torch

    lengths = collate.lengths(rows.inputs)
    own = rows.train if len(rows.train) else rows.stopping
    longest = own[:MEASURED] if lengths is None else own[np.argsort(lengths[own], kind="stable")[-MEASURED:]]
    part = gathering.part(rows, longest).on(device)
    cells = len(longest) * (1 if lengths is None else int(lengths[longest].max()))
    parameters = list(module.parameters())
    sizes = [parameter.numel() * parameter.element_size() for parameter in parameters]
    learning = sum(size for size, each in zip(sizes, parameters, strict=True) if each.requires_grad)
    with torch.random.fork_rng(devices=[]):
        inside, outside, entering = _saved(keeping.copied(module).train(), part, loss)
    whole = outside + sum(inside)
    again = min(outside + sum(entering) + max(inside, default=0), whole)
    weights = sum(sizes) + sum(buffer.numel() * buffer.element_size() for buffer in module.buffers())
    return Needs(weights, learning, whole / cells, again / cells, *_lowered(module))


def _lowered(module: nn.Module) -> tuple[int, int]:
    """Bytes of the matrices in bfloat16: of all, and of those outside of layers that can be calculated again and of the
    largest such layer. An embedding counts too, which is the head of many a network.
    """

    def size(part: nn.Module) -> int:
        return LOWER * sum(weight.numel() for weight in part.parameters() if weight.ndim > 1)

    whole, inside = size(module), [size(layer) for layer in gathering.repeated(module)]
    return whole, min(whole - sum(inside) + max(inside, default=0), whole)


def _saved(module: nn.Module, part: Part, loss: Loss) -> tuple[list[int], int, list[int]]:
    """Bytes that are kept for the backward pass: by each layer that can be calculated again, by all else, and what
    enters each such layer.
    """
    import torch

    known = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers())}
    seen, inside, entering, at = set(known), [0], [0], [0]

    def keep(tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            inside[at[0]] += storage.nbytes()
        # Held without its history: a tensor that its own history holds would never be given back.
        held.append(tensor.detach())

    def enters(layer: nn.Module, inputs: Any, named: Any = None) -> None:
        at[0] = len(inside)
        inside.append(0)
        tensors = [each for each in (*inputs, *(named or {}).values()) if isinstance(each, torch.Tensor)]
        entering.append(sum(each.numel() * each.element_size() for each in tensors[:1]))

    def leaves(layer: nn.Module, inputs: Any, outputs: Any) -> None:
        at[0] = 0

    held: list[Tensor] = []
    hooks = []
    for layer in gathering.repeated(module):
        hooks += [
            layer.register_forward_pre_hook(enters, with_kwargs=True),
            layer.register_forward_hook(leaves),
        ]
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda nothing: nothing):
            loss(module, part, 1.0)
    finally:
        for hook in hooks:
            hook.remove()
    return inside[1:], inside[0], entering[1:]
