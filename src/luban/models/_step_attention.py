"""The encoder by self-attention of tokens and sequences."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from luban.models._attention import Block, Places
from luban.models._layers import Steps, linear, own_steps, summarised
from luban.protocols import Shape


@final
class StepAttention(nn.Module):
    """(rows, width) of tokens (rows, length) or of a sequence (rows, length, channels).

    positions: `rotary`, within the attention, or `learned`, added to the steps; a longer row than `shape.longest` takes
    the last place that was learned.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        width: int,
        layers: int,
        heads: int,
        dropout: float,
        positions: str,
        summary: str,
        within: bool = True,
    ) -> None:
        super().__init__()
        self.width, self.summary = width, summary
        self.steps = Steps(shape, width)
        self.project = nn.Identity() if shape.kind in ("tokens", "words") else linear(self.steps.width, width)
        self.places = Places(shape.longest, width) if positions == "learned" else nn.Identity()
        rotary = positions == "rotary"
        self.blocks = nn.ModuleList(
            Block(width, heads, dropout=dropout, rotary=rotary, within=within) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        return summarised(self.states(values, lengths), lengths, self.summary)

    def states(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(rows, length, width) what the blocks made of each step; 0 behind the end of a row."""
        own = own_steps(lengths, values.shape[1])
        states = self.dropout(self.places(self.project(self.steps(values, own))))
        for block in self.blocks:
            states = block(states, own)
        states = self.norm(states)
        return states * own[:, :, None].to(states.dtype)
