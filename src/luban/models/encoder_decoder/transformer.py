"""The pair by attention: an encoder of self-attention, a decoder that also looks at what the encoder found."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional

from luban.models._attention import Block, Places
from luban.models._layers import embedding, own_steps
from luban.models._step_attention import StepAttention
from luban.models.encoder_decoder.states import States
from luban.protocols import Shape


@final
class AttendingPair(nn.Module):
    """z = W' norm(blocks(y)), each block with causal self-attention, cross-attention and a feed-forward layer."""

    def __init__(self, shape: Shape, vocabulary: int, settings: Any) -> None:
        super().__init__()
        sizes = {"width": settings.width, "heads": settings.heads, "dropout": settings.dropout}
        self.encoder = StepAttention(
            shape, **sizes, layers=settings.layers, positions=settings.positions, summary="mean"
        )
        self.words = embedding(vocabulary, settings.width)
        learned = settings.positions == "learned"
        self.places = Places(settings.longest, settings.width) if learned else nn.Identity()
        self.blocks = nn.ModuleList(
            Block(**sizes, rotary=not learned, causal=True, crossed=True) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)

    def encode(self, values: Tensor, lengths: Tensor) -> States:
        return States(self.encoder.states(values, lengths), own_steps(lengths, values.shape[1]))

    def decode(self, states: States, target: Tensor, *, last: bool = False) -> Tensor:
        steps = self.dropout(self.places(self.words(target)))
        for block in self.blocks:
            steps = block(steps, memory=states.memory, remembered=states.own)
        steps = steps[:, -1:] if last else steps
        return functional.linear(self.norm(steps), self.words.weight)
