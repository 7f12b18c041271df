"""The pair by attention: an encoder of self-attention, a decoder that also looks at what the encoder found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, cast, final

from torch import Tensor, nn
from torch.nn import functional

from luban.models._attention import Block, Places
from luban.models._layers import embedding, own_steps
from luban.models._step_attention import StepAttention
from luban.models.encoder_decoder.copying import Copying
from luban.models.encoder_decoder.states import States
from luban.protocols import Shape

KEPT = 4
"""Tensors that a block keeps: keys and values of the steps before, and those of what was read."""


@final
class AttendingPair(nn.Module):
    """z = W' norm(blocks(y)), each block with causal self-attention, cross-attention and a feed-forward layer.

    shared: what is read is in the tokens that are written: they have one embedding, and can be copied.
    """

    def __init__(self, shape: Shape, vocabulary: int, settings: Any, *, shared: bool) -> None:
        super().__init__()
        sizes = {"width": settings.width, "heads": settings.heads, "dropout": settings.dropout, "within": False}
        self.encoder = StepAttention(
            shape, **sizes, layers=settings.layers, positions=settings.positions, summary="mean"
        )
        self.words = None if shared else embedding(vocabulary, settings.width)
        learned = settings.positions == "learned"
        self.places = Places(settings.longest, settings.width) if learned else None
        self.blocks = nn.ModuleList(
            Block(**sizes, rotary=not learned, causal=True, crossed=True) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.copying = Copying(settings.width) if shared else None

    def encode(self, values: Tensor, lengths: Tensor) -> States:
        memory, own = self.encoder.states(values, lengths), own_steps(lengths, values.shape[1])
        if self.copying is None:
            return States(memory, own)
        return States(memory, own, values, self.copying.keys(memory))

    def decode(self, states: States, target: Tensor) -> Tensor:
        steps = self._begun(target, 0)
        for block in self.blocks:
            steps = block(steps, memory=states.memory, remembered=states.own)
        return self._outputs(steps, states)

    def next(self, states: States, token: Tensor) -> tuple[Tensor, States]:
        before = states.before or self._at_first(states)
        step = self._begun(token[:, None], before[0].shape[2])
        after: list[Tensor] = []
        for number, block in enumerate(cast("Iterable[Block]", self.blocks)):
            keys, values, *memory = before[KEPT * number : KEPT * (number + 1)]
            step, kept = block.next(step, (keys, values), (memory[0], memory[1]), states.own)
            after += [*kept, *memory]
        return self._outputs(step, states)[:, 0], replace(states, before=tuple(after))

    def _at_first(self, states: States) -> tuple[Tensor, ...]:
        """What the blocks keep before the first step: no step, and what was read."""
        found: list[Tensor] = []
        for block in cast("Iterable[Block]", self.blocks):
            assert block.cross is not None, "each block reads the memory"
            memory = block.cross.kept(states.memory)
            found += [*(part[:, :, :0] for part in memory), *memory]
        return tuple(found)

    def _begun(self, target: Tensor, place: int) -> Tensor:
        steps = functional.embedding(target, self._embedding)
        return self.dropout(steps if self.places is None else self.places(steps, place))

    def _outputs(self, steps: Tensor, states: States) -> Tensor:
        steps = self.norm(steps)
        outputs = functional.linear(steps, self._embedding)
        return outputs if self.copying is None else self.copying(outputs, steps, states)

    @property
    def _embedding(self) -> Tensor:
        words: Any = self.encoder.steps.read if self.words is None else self.words
        return words.weight
