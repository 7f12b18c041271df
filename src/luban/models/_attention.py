"""Attention and the blocks that transformers are made of, normalised first (Xiong et al., 2020)."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._layers import linear

ROTATION_BASE = 10_000.0
Kept = tuple[Tensor, Tensor]
"""Keys and values: (rows, heads, steps, width / heads) each."""


def check(width: int, heads: int) -> None:
    """Raises ValueError unless the width is shared equally by the heads, in pairs that can be rotated."""
    if width % (2 * heads):
        raise ValueError(f"width {width} is no multiple of 2 * heads, {2 * heads}.")


@final
class Attention(nn.Module):
    """softmax(Q K' / sqrt(d) + mask) V in each head, then W of all heads side by side (Vaswani et al., 2017).

    Q = W_q x of what asks, K = W_k y and V = W_v y of what is asked; in self-attention both are the same. d: width /
    heads. rotary: Q and K are turned by an angle for each place, so that Q K' knows distances alone (Su et al., 2021).
    """

    frequencies: Tensor

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0, rotary: bool = False) -> None:
        super().__init__()
        check(width, heads)
        self.heads, self.dropout, self.rotary = heads, dropout, rotary
        self.query, self.key, self.value = (linear(width, width) for _ in range(3))
        self.output = linear(width, width)
        size = width // heads
        frequencies = ROTATION_BASE ** (-torch.arange(0, size, 2).float() / size)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(
        self, asking: Tensor, asked: Tensor | None = None, own: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """(rows, steps, width). asking: (rows, steps, width). asked: (rows, others, width), or None for itself.

        own: (rows, others) boolean: what is looked at; the rest is padding. causal: no step sees a later one.
        """
        return self.looked(asking, self.kept(asking if asked is None else asked), own, causal)

    def kept(self, asked: Tensor, place: int = 0) -> Kept:
        """The keys and values of what is asked. place: of its first step, by which keys are turned."""
        key, value = self._split(self.key(asked)), self._split(self.value(asked))
        return (rotated(key, self.frequencies, place) if self.rotary else key), value

    def looked(
        self, asking: Tensor, kept: Kept, own: Tensor | None = None, causal: bool = False, place: int = 0
    ) -> Tensor:
        """The same of keys and values that were kept. place: of the first step that asks."""
        query, (key, value) = self._split(self.query(asking)), kept
        found = functional.scaled_dot_product_attention(
            rotated(query, self.frequencies, place) if self.rotary else query,
            key,
            value,
            attn_mask=None if own is None else own[:, None, None, :],
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal,
        )
        answers: Tensor = self.output(found.transpose(1, 2).flatten(2))
        return answers

    def _split(self, steps: Tensor) -> Tensor:
        """(rows, heads, steps, width / heads)."""
        return steps.unflatten(2, (self.heads, -1)).transpose(1, 2)


def rotated(steps: Tensor, frequencies: Tensor, place: int = 0) -> Tensor:
    """(..., steps, size): the pair (i, i + size / 2) of the step at place p turned by the angle p * frequencies[i].

    place: of the first step.
    """
    places = (torch.arange(steps.shape[-2], device=steps.device) + place).to(frequencies.dtype)
    angles = places[:, None] * frequencies[None, :]
    cosine, sine = angles.cos().to(steps.dtype), angles.sin().to(steps.dtype)
    first, second = steps.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)


@final
class Block(nn.Module):
    """x = x + attention(norm(x)); where it is crossed, x = x + attention(norm(x), memory); x = x + feed(norm(x)).

    feed(x) = W_2 gelu(W_1 x + b_1) + b_2, with four times as many numbers within. within: whether dropout also falls on
    the weights of attention and on the numbers within, which takes a quarter of the time of a small block.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        dropout: float,
        rotary: bool = False,
        causal: bool = False,
        crossed: bool = False,
        within: bool = True,
    ) -> None:
        super().__init__()
        self.causal, inner = causal, dropout if within else 0.0
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads, dropout=inner, rotary=rotary)
        self.cross_norm = nn.LayerNorm(width) if crossed else None
        self.cross = Attention(width, heads, dropout=inner) if crossed else None
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            linear(width, 4 * width, "gelu"), nn.GELU(), nn.Dropout(inner), linear(4 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, steps: Tensor, own: Tensor | None = None, memory: Tensor | None = None, remembered: Tensor | None = None
    ) -> Tensor:
        """(rows, steps, width). own, remembered: (rows, ...) boolean, which steps and memories are no padding."""
        steps = steps + self.dropout(self.attention(self.norm(steps), own=own, causal=self.causal))
        if self.cross is not None and self.cross_norm is not None:
            steps = steps + self.dropout(self.cross(self.cross_norm(steps), memory, own=remembered))
        return steps + self.dropout(self.feed(self.feed_norm(steps)))

    def next(
        self, step: Tensor, before: Kept, memory: Kept | None = None, remembered: Tensor | None = None
    ) -> tuple[Tensor, Kept]:
        """What `forward` gives for one more step of a causal block, (rows, 1, width), and what the step after it needs.

        before: the keys and values of the steps before. memory: those of the memory, as `cross` keeps them.
        """
        normal, place = self.norm(step), before[0].shape[2]
        key, value = (
            torch.cat([old, new], dim=2) for old, new in zip(before, self.attention.kept(normal, place), strict=True)
        )
        step = step + self.attention.looked(normal, (key, value), place=place)
        if self.cross is not None and self.cross_norm is not None and memory is not None:
            step = step + self.cross.looked(self.cross_norm(step), memory, remembered)
        return step + self.feed(self.feed_norm(step)), (key, value)


@final
class Places(nn.Module):
    """x + p[place]: a learned vector for each place; those behind the last one that was learned are taken for it."""

    def __init__(self, longest: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(longest, width)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, steps: Tensor, place: int = 0) -> Tensor:
        """place: of the first step."""
        places = (torch.arange(steps.shape[1], device=steps.device) + place).clamp(max=self.table.num_embeddings - 1)
        found: Tensor = steps + self.table(places)
        return found
