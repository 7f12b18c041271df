"""Attention as it is learned in bfloat16 on a processor: products in bfloat16, weights in float32, dropout by bytes.

Torch's steps, one by one, calculate the same, up to rounding; here the way back is written by hand, few passes over the
pairs of steps are made, and each pair keeps six bytes until then. How `transformers` comes to it is here too.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn

from luban.models._dropout import by_bytes, kept

NAME = "luban-lower"
"""What a config says of attention that is taken so."""
_LOWER, _WIDER = torch.bfloat16, torch.float32


@final
class _Attention(torch.autograd.Function):
    """out = (softmax(s q k' + m) * d) v with d of dropout, 0 or what the kept grow to.

    query, key, value: (rows, heads, steps, width) in bfloat16. mask: what is added, or None. scaling: s.
    Gives (rows, steps, heads, width).

    There with p the softmax, and p' = p d; back, with g the gradient of out: that of the value is p'' g; that of the
    scores is p' (g v') - p e, where e = sum of p' (g v') over the keys, which is the sum of g out over the width.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float, dropout: float
    ) -> Tensor:
        rows, heads, steps, _ = query.shape
        queries, keys, values = (each.flatten(0, 1) for each in (query, key, value))
        scores = torch.bmm(queries, keys.transpose(1, 2)).to(_WIDER).mul_(scaling)
        if mask is not None:
            scores.view(rows, heads, steps, -1).add_(mask)
        weights = torch.softmax(scores, dim=-1)
        used, larger = weights.to(_LOWER, copy=bool(dropout)), 1.0
        if by_bytes(dropout):
            stays, larger = kept(used.shape, dropout, _LOWER)
            used = used.mul_(stays)
        elif dropout:
            used = nn.functional.dropout(used, dropout)
        out = torch.bmm(used, values)
        if larger != 1.0:
            out.mul_(larger)
        ctx.save_for_backward(queries, keys, values, weights, used, out)
        ctx.shape, ctx.scaling, ctx.larger = (rows, heads), scaling, larger
        return out.unflatten(0, (rows, heads)).transpose(1, 2).contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, weights, used, out = ctx.saved_tensors
        gradient = gradients[0].to(_LOWER).transpose(1, 2).flatten(0, 1)
        grown = gradient * ctx.larger if ctx.larger != 1.0 else gradient
        of_values = torch.bmm(used.transpose(1, 2), grown)
        even = (gradient.to(_WIDER) * out.to(_WIDER)).sum(dim=-1, keepdim=True)
        of_scores = torch.bmm(grown, values.transpose(1, 2)).mul_(used).to(_WIDER)
        lower = of_scores.addcmul_(weights, even, value=-1.0).mul_(ctx.scaling).to(_LOWER)
        of_queries = torch.bmm(lower, keys)
        of_keys = torch.bmm(lower.transpose(1, 2), queries)
        shaped = (each.unflatten(0, ctx.shape) for each in (of_queries, of_keys, of_values))
        return (*shaped, None, None, None)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """(rows, steps, heads, width): what each step takes of the others, as `transformers` asks for it; and no weights.

    query, key, value: (rows, heads, steps, width). attention_mask: added to the scores of (rows, heads, steps, steps),
    or of one that all rows or heads share. dropout: the share of weights that is left out. scaling: of scores; one over
    the root of the width where nothing is said.
    """
    each = (tensor.to(_LOWER) for tensor in (query, key, value))
    own = query.shape[-1] ** -0.5 if scaling is None else scaling
    found: Tensor = _Attention.apply(*each, attention_mask, own, dropout)  # type: ignore[no-untyped-call]
    return found, None


def known() -> str:
    """What a config has to say so that a network of `transformers` takes its attention so."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, eager_mask)
    return NAME
