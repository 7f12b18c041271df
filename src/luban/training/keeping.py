"""The weights that a training keeps beside those it changes: the best so far, and their moving average."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from torch import Tensor, nn


def changing(module: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of a module by name, without those that stay as they are: they can be had again."""
    stay = {name for name, parameter in module.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in module.state_dict().items() if name not in stay}


def copied(module: nn.Module) -> nn.Module:
    """The module with copies of all that learns; what stays as it is belongs to both, as do buffers that are no part of
    its state.
    """
    stays: dict[int, Tensor] = {
        id(parameter): parameter for parameter in module.parameters() if not parameter.requires_grad
    }
    for part in module.modules():
        buffers = (part._buffers[name] for name in part._non_persistent_buffers_set)
        stays |= {id(buffer): buffer for buffer in buffers if buffer is not None}
    return copy.deepcopy(module, stays)


@final
class Kept:
    """Copies of a module's weights.

    decay: of the moving average that answers in the weights' place (Polyak and Juditsky, 1992); 0 for none.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._decay = decay
        self._average = [p.detach().clone() for p in self._parameters] if decay else []
        self._best: dict[str, Tensor] = {}
        # Whether the module has the best weights as it is.
        self._there = False

    def average(self) -> None:
        """Moves the average towards the weights of now, which a step has changed."""
        self._there = False
        if self._average:
            import torch

            torch._foreach_lerp_(self._average, [p.detach() for p in self._parameters], 1 - self._decay)

    @contextmanager
    def answering(self, module: nn.Module) -> Iterator[None]:
        """While it is held the module has the weights that would answer: the average, where there is one."""
        if not self._average:
            yield
            return
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for parameter, average in zip(self._parameters, self._average, strict=True):
            parameter.data, average.data = average.data, parameter.data

    def answer(self, module: nn.Module) -> None:
        """Gives the module the weights that would answer now, for good."""
        if self._average:
            self._swap()

    def best(self, module: nn.Module) -> None:
        """Keeps the weights of the module as the best so far."""
        own = dict(module.named_parameters(remove_duplicate=False))
        # What is put together for a state, and so has another shape than the parameter, is nobody else's.
        self._best = {
            name: tensor.detach() if name in own and own[name].shape != tensor.shape else tensor.detach().clone()
            for name, tensor in changing(module).items()
        }
        self._there = not self._average

    def give_back(self, module: nn.Module) -> None:
        """Gives the module the best weights; before the first epoch is over, those that would answer now."""
        if self._there:
            return
        if self._best:
            module.load_state_dict(self._best, strict=False)
        else:
            self.answer(module)

    def tensors(self) -> dict[str, Tensor]:
        """All that is kept, by name."""
        averages = {f"average.{number}": tensor for number, tensor in enumerate(self._average)}
        return {**averages, **{f"best.{name}": tensor for name, tensor in self._best.items()}}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes back what `tensors` gave."""
        for number, average in enumerate(self._average):
            average.copy_(tensors[f"average.{number}"])
        self._there = False
        self._best = {n.removeprefix("best."): t.clone() for n, t in tensors.items() if n.startswith("best.")}
