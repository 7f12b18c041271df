"""Long short-term memory: a recurrent network whose gates decide what it keeps, over long rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, final

from luban.models import _networks
from luban.models._recurrent_settings import TAKES, TASKS, Settings
from luban.protocols import Entry, Work
from luban.recipe.recipe import Candidate, Section

if TYPE_CHECKING:
    from torch import nn


TAGGING_UNITS = 64
"""In each direction, where words are tagged: a step takes less than half the time that 128 take, and there are many."""


@final
class LongShortTermMemory:
    """A memory c_t behind three gates (Hochreiter and Schmidhuber, 1997; forget gate: Gers et al., 2000).

        i, f, o = sigmoid(W x_t + b + U h_(t-1) + c), each with weights of its own     input, forget, output
        g       = tanh(W x_t + b + U h_(t-1) + c)                                      what could be remembered
        c_t     = f * c_(t-1) + i * g
        h_t     = o * tanh(c_t)

    x_t: a step, (rows, inputs). h_t, c_t: (rows, units), 0 before the first step.
    """

    name: ClassVar[str] = "lstm"
    trainer: ClassVar[Literal["gradient"]] = "gradient"
    tasks: ClassVar[frozenset[str]] = TASKS
    takes: ClassVar[frozenset[str]] = TAKES
    Settings = Settings

    def portfolio(self, work: Work) -> Iterable[Entry]:
        # Elsewhere gru reads the same and learns it more easily.
        if not _networks.tags(work) or self.declines(work):
            return ()
        return (Entry(14, Candidate(model=self.name, settings={"units": TAGGING_UNITS})),)

    def declines(self, work: Work) -> str | None:
        return _networks.declines(self.takes, work)

    def build(self, work: Work, settings: Section) -> nn.Module:
        assert isinstance(settings, Settings)
        from luban.models._recurrent import network

        return network(self.name, work, settings)


model = LongShortTermMemory()
