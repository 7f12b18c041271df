"""What rnn, lstm and gru have in common before torch is imported: their settings."""

from __future__ import annotations

from pydantic import Field

from luban.models import _networks
from luban.recipe.recipe import Section

TAKES = frozenset({"tokens", "words", "sequence"})
TASKS = _networks.STEPWISE | {_networks.TAGGING}


class Settings(Section):
    """What can be set about recurrent networks."""

    units: _networks.Units = 128
    """The size of the state, in each direction."""
    layers: _networks.Layers = 1
    """How many are stacked: each reads the states of the one below."""
    bidirectional: bool = True
    """Whether a second one reads each row from its end."""
    summary: _networks.Summary = "mean"
    """What of all the states the answer is made from."""
    embedding: _networks.Units = 64
    """How many numbers a token of a text becomes."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the states that are set to 0 behind each layer, while it trains."""
