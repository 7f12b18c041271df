"""The layers of LFM2 (Liquid AI, 2025) over blocks of packed documents: the weights are those of the library
`transformers`, and what they do is the same, but that no step sees another document and fewer operations do it.
Where products are taken in bfloat16, all between them stays float32, which a CPU is faster at.

A layer mixes steps, either by attention or by a short convolution, and then each step by itself:

    B, C, u = W x;    y_t = C_t * (k_1 B_(t-2) u_(t-2) + k_2 B_(t-1) u_(t-1) + k_3 B_t u_t);    W_o y
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.models._blocks import START, one_document

DRAWN = 0.3
"""Of the weights of a convolution at the start: with those of other layers it would pass on next to nothing."""


def begin(body: nn.Module) -> None:
    """Draws the weights of the convolutions."""
    for part in body.modules():
        if isinstance(part, nn.Conv1d):
            nn.init.normal_(part.weight, std=DRAWN)


def states(body: Any, tokens: Tensor, dropout: float = 0.0, *, numbers: Tensor | None = None) -> Tensor:
    """(rows, steps, width) of each step, which sees the steps before it in its own document. tokens: (rows, steps).

    dropout: share of what each layer adds that is set to 0. numbers: of the tokens in the body, where they are others.
    """
    number = None if one_document(tokens) else (tokens == START).cumsum(dim=1)
    mask = None
    if number is not None:
        mask = (number[:, None, :] == number[:, :, None]).tril()[:, None]
    found: Tensor = body.embed_tokens(tokens if numbers is None else numbers)
    places = torch.arange(tokens.shape[1], device=tokens.device)[None]
    angles = body.rotary_emb(found, position_ids=places)
    for layer in body.layers:
        normal = _normal(found, layer.operator_norm)
        mixed = (
            _attended(layer.self_attn, normal, angles, mask)
            if hasattr(layer, "self_attn")
            else _convolved(layer.conv, normal, number)
        )
        found = found + functional.dropout(mixed, dropout)
        normal, feed = _normal(found, layer.ffn_norm), layer.feed_forward
        gated = functional.silu(feed.w1(normal).float()) * feed.w3(normal).float()
        found = found + functional.dropout(feed.w2(gated).float(), dropout)
    return _normal(found, body.embedding_norm)


def _normal(steps: Tensor, norm: Any) -> Tensor:
    return functional.rms_norm(steps, steps.shape[-1:], norm.weight, norm.variance_epsilon)


def _convolved(part: Any, steps: Tensor, number: Tensor | None) -> Tensor:
    """number: (rows, steps) of the document of each step; None where there is one."""
    before, after, values = part.in_proj(steps).float().chunk(3, dim=-1)
    values, kernel = before * values, part.conv.weight[:, 0]
    found = values * kernel[:, -1]
    length = steps.shape[1]
    for back in range(1, kernel.shape[1]):
        earlier = functional.pad(values, (0, 0, back, 0))[:, :length]
        if number is not None:
            earlier = earlier * (functional.pad(number, (back, 0), value=-1)[:, :length] == number)[:, :, None]
        found = found + earlier * kernel[:, -1 - back]
    if part.conv.bias is not None:
        found = found + part.conv.bias
    answers: Tensor = part.out_proj(after * found).float()
    return answers


def _attended(part: Any, steps: Tensor, angles: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
    query, key, value = (
        each(steps).float().unflatten(2, (-1, part.head_dim)) for each in (part.q_proj, part.k_proj, part.v_proj)
    )
    query, key = _normal(query, part.q_layernorm), _normal(key, part.k_layernorm)
    query, key, value = (each.transpose(1, 2) for each in (query, key, value))
    with torch.autocast(steps.device.type, enabled=False):
        found = functional.scaled_dot_product_attention(
            _turned(query, angles),
            _turned(key, angles),
            value,
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=key.shape[1] < query.shape[1],
        )
    answers: Tensor = part.out_proj(found.transpose(1, 2).flatten(2)).float()
    return answers


def _turned(steps: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
    """As rotary places turn it: the pair (i, i + size / 2) by the angle of its place."""
    cosine, sine = (each.unsqueeze(1) for each in angles)
    first, second = steps.chunk(2, dim=-1)
    return steps * cosine + torch.cat([-second, first], dim=-1) * sine
