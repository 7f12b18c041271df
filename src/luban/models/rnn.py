"""Elman's recurrent network: a state that each step of a text or a series moves on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from luban.models import _networks
from luban.models._recurrent_settings import TAKES, TASKS, Settings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn


@final
class ElmanNetwork:
    """h_t = tanh(W x_t + b + U h_(t-1) + c), with h_0 = 0 (Elman, 1990).

    x_t: a step, (rows, inputs). h_t: the state, (rows, units). Gradients fade over long rows; lstm and gru keep them.
    """

    name: ClassVar[str] = "rnn"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = TASKS
    takes: ClassVar[frozenset[str]] = TAKES
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        return ()  # gru reads the same and learns it more easily

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._recurrent import network

        return network(self.name, work, settings)


model = ElmanNetwork()
