"""Gated recurrent units: two gates that keep or renew a state, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from luban.models import _networks
from luban.models._recurrent_settings import TAKES, TASKS, Settings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Section

if TYPE_CHECKING:
    from torch import nn

MANY_TEXTS = 5_000
"""Rows from which the order of words is learned well enough to be worth its time."""
FEW_SERIES, LONG = 500, 64
"""Of fewer series than that, with more steps than that, it learns next to nothing in many times cnn's time."""


@final
class GatedRecurrentUnits:
    """A state that one gate renews and another forgets (Cho et al., 2014).

        r, z = sigmoid(W x_t + b + U h_(t-1) + c), each with weights of its own        reset, update
        n    = tanh(W x_t + b + r * (U h_(t-1) + c))
        h_t  = (1 - z) * n + z * h_(t-1)

    x_t: a step, (rows, inputs). h_t: (rows, units), 0 before the first step.
    """

    name: ClassVar[str] = "gru"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = TASKS
    takes: ClassVar[frozenset[str]] = TAKES
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        kinds = _networks.kinds(work)
        if _networks.tags(work):
            return ()  # one network is enough where each takes long, and lstm is the usual one
        if self.declines(work) or _networks.too_few(work) or ("sequence" not in kinds and work.rows < MANY_TEXTS):
            return ()
        longest = max((shape.longest for shape in work.shapes.values() if shape.kind == "sequence"), default=0)
        if work.rows < FEW_SERIES and longest > LONG:
            return ()
        return _networks.entry(7 if "sequence" in kinds else 11, self.name)

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._recurrent import network

        return network(self.name, work, settings)


model = GatedRecurrentUnits()
