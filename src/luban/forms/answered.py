"""A language model that answers in chats: what it says about answers that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, final

import numpy as np

from luban import collate
from luban.batch import Array, Inputs
from luban.core import registry
from luban.forms import _members
from luban.forms._checked import Checked
from luban.protocols import Builder, NoGraph, State

if TYPE_CHECKING:
    from torch import nn

TASKS = ("chat", "preference")
TOGETHER = 512
"""Tokens that are read at once, padding included: each token of an answer has a number for every word."""


@final
@dataclass(frozen=True, eq=False)
class Answered:
    """network: the form of a network that says -log p of answers."""

    kind: ClassVar[str] = "answered"
    network: Any

    @property
    def width(self) -> int:
        return self.network.width

    @property
    def output_width(self) -> int:
        return 2

    @property
    def module(self) -> nn.Module:
        """The network with its weights."""
        found: nn.Module = self.network.module
        return found

    def outputs(self, inputs: Inputs) -> Array:
        """(rows, 2) float64: the sum of -log p over the tokens of the answers of a chat, and how many they are;
        of pairs of answers log p of the chosen one, and of the rejected one.
        """
        import torch

        rows, lengths = int(inputs.shape[0]), collate.lengths(inputs)
        assert lengths is not None, "chats come as tokens"
        found = np.zeros((rows, 2))
        # Rows of like length together: padding is work for nothing.
        order, first = np.argsort(lengths, kind="stable"), 0
        while first < rows:
            size = 1
            while first + size < rows and (size + 1) * lengths[order[first + size]] <= TOGETHER:
                size += 1
            numbers = order[first : first + size]
            with torch.inference_mode():
                found[numbers] = self.module.sums(collate.to_torch(inputs, numbers)).numpy()  # type: ignore[operator]
            first += size
        return found

    def state(self) -> State:
        return State({}, {}, _members.pack([self.network]))

    @classmethod
    def rebuild(cls, state: State) -> Self:
        checked = Checked(cls.kind, state)
        checked.end(parts=True)
        (network, *more) = _members.unpack(state)
        if more or not isinstance(network, registry.find("forms", "network")):
            raise checked.fail("it is one network")
        task = network.work.task
        if task not in TASKS or task not in registry.find("models", network.model).tasks:
            raise checked.fail(f"'{network.model[:40]}' is no language model that answers")
        return cls(network)

    def graph(self, builder: Builder, inputs: str) -> str:
        raise NoGraph("an answer is written token by token: torch reads and writes it, no graph does")


form = Answered
