"""The layers of ModernBERT (Warner et al., 2024) over blocks of packed documents: the weights are those of the library
`transformers`, and what they say is the same. The last layer goes on with those steps alone that are to be filled, and
where products are taken in bfloat16, all between them stays float32, which a CPU is faster at.

Heads of the first layers begin by looking at the tokens that stand beside each one, which a network otherwise takes
most of its first minutes to find. Each embedding has a number in common, `PLACE`. Queries and keys begin with a large
weight of it, so that they say where a token stands whatever it is; keys are the same everywhere, and queries are turned
to the place that is to be looked at, as rotary places turn what stands there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

BESIDE = ((-1, 1, -2, 2), (-1, 1))
"""At which distance the heads of the first layers begin to look; all others begin anywhere."""
PLACE, SHARE = 0, 0.5
"""The number that all embeddings have in common, and its share of their length."""
PAIRS, SHARPNESS = 4, 3.0
"""How many of the quickest pairs of rotary places say where, and what each adds to the logit of the right place."""


@torch.no_grad()
def begin(body: Any, beside: Sequence[Sequence[int]] = BESIDE) -> None:
    """Lets heads of the first layers look beside each token. beside: at which distances, by layer and head."""
    table = body.embeddings.tok_embeddings.weight
    width = table.shape[1]
    length = table[:, PLACE + 1 :].square().sum(dim=1).mean().sqrt()
    table[:, PLACE] = length * (SHARE / math.sqrt(1 - SHARE**2))
    place = body.embeddings.norm(table)[:, PLACE].mean()
    for layer, distances in zip(body.layers, beside, strict=False):
        attention = layer.attn
        heads, size = width // attention.head_dim, attention.head_dim
        slow = torch.arange(size // 2) >= PAIRS
        long = torch.full((size // 2,), math.sqrt(SHARPNESS * math.sqrt(size))).masked_fill(slow, 0.0)
        query, key, _ = attention.Wqkv.weight.view(3, heads, size, width)
        for head, distance in zip(range(heads), distances, strict=False):
            angles = body.rotary_emb.full_attention_inv_freq * distance
            query[head, :, PLACE] = torch.cat([long * angles.cos(), long * angles.sin()]) / place
            key[head, :, PLACE] = torch.cat([long, torch.zeros_like(long)]) / place


def states(body: Any, tokens: Tensor, mask: Tensor | None, chosen: Tensor | None = None) -> Tensor:
    """(rows, steps, width) of each step; (chosen, width) of those that are chosen, where they are said.

    tokens: (rows, steps). mask: (rows, 1, steps, steps) which steps may see which. chosen: (rows, steps).
    """
    found: Tensor = body.embeddings(tokens)
    places = torch.arange(tokens.shape[1], device=tokens.device)[None]
    angles = body.rotary_emb(found, places, "full_attention")
    for number, layer in enumerate(body.layers, 1):
        found = found + _attended(layer.attn, layer.attn_norm(found), angles, mask)
        if chosen is not None and number == len(body.layers):
            found = found[chosen]
        part = layer.mlp
        values, gate = part.Wi(layer.mlp_norm(found)).float().chunk(2, dim=-1)
        found = found + part.Wo(part.drop(part.act(values) * gate)).float()
    normal: Tensor = body.final_norm(found)
    return normal


def _attended(part: Any, steps: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
    query, key, value = part.Wqkv(steps).float().unflatten(2, (3, -1, part.head_dim)).permute(2, 0, 3, 1, 4)
    with torch.autocast(steps.device.type, enabled=False):
        found = functional.scaled_dot_product_attention(
            _turned(query, angles),
            _turned(key, angles),
            value,
            attn_mask=mask,
            dropout_p=part.attention_dropout if part.training else 0.0,
        )
    answers: Tensor = part.out_drop(part.Wo(found.transpose(1, 2).flatten(2)).float())
    return answers


def _turned(steps: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """As rotary places turn it: the pair (i, i + size / 2) by the angle of its place."""
    cosine, sine = (each.unsqueeze(1) for each in angles)
    first, second = steps.chunk(2, dim=-1)
    return steps * cosine + torch.cat([-second, first], dim=-1) * sine
