"""A language model laid out for one token at a time: fewer calls than its module makes, and fewer, larger matrices.

    joint matrices     queries, keys and values are one product, and so are the two halves of a gated layer
    one store          keys and values lie in tensors with room for what comes, instead of being joined anew each time
    turns as numbers   rotary positions turn pairs of numbers, which are one complex number here
    last logits only   no other token's are asked for

What it says are the logits of the network, but for the order of sums. The architectures are those of `KINDS`; what is
rare in them, as windows that are shorter than the context, is left to the module itself (`continuing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from luban.runtime.products import Precision, Product, product

_TURNED = ("llama", "mistral", "qwen2", "qwen3")
KINDS = ("gpt2", *_TURNED)
_STEADY = ("default", "linear", "llama3", "yarn")
"""Rotary positions that do not depend on how many tokens there are."""
_ROOM = 128
"""Tokens that a store has room for at first, and at least more where it was full."""


@final
@dataclass(frozen=True)
class Block:
    """One block. joint, out: of its attention. up, down: of its layer behind; act: what is between the two."""

    before: Product
    joint: Product
    query_norm: Product | None
    key_norm: Product | None
    out: Product
    between: Product
    up: Product
    act: Callable[[Tensor], Tensor]
    down: Product


@final
@dataclass(frozen=True)
class Decoder:
    """The blocks of a network, and what is around them. heads, groups: of queries, and of keys. size: of a head.

    embed: (tokens, width) of the numbers of tokens and of their places. turns: (places, size / 2) complex, for the
    places; None where places are embedded. scale: of scores. head: the logits of a state.
    first_alone: whether the first token is read before those that come with it: its states are far larger than all
    others (Sun et al., 2024), and the one scale of int8 would be theirs too.
    """

    blocks: tuple[Block, ...]
    heads: int
    groups: int
    size: int
    scale: float
    embed: Callable[[Tensor, Tensor], Tensor]
    turns: Callable[[Tensor], Tensor] | None
    norm: Product
    head: Product
    first_alone: bool

    def begun(self) -> Kept:
        """A text that nothing was said in yet."""
        return Kept(self)


@final
class Kept:
    """A text as far as it was read. Called with the tokens that follow, it gives the logits of what follows those."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder, self.read = decoder, 0
        self.stores = [torch.empty(2, decoder.groups, _ROOM, decoder.size) for _ in decoder.blocks]

    @torch.inference_mode()
    def __call__(self, numbers: Sequence[int]) -> Tensor:
        """(vocabulary,) float32. numbers: at least one token."""
        if self.decoder.first_alone and not self.read and len(numbers) > 1:
            self(numbers[:1])
            return self(numbers[1:])
        own, first, end = self.decoder, self.read, self.read + len(numbers)
        if end > self.stores[0].shape[2]:
            self._make_room(end)
        places = torch.arange(first, end)
        states = own.embed(torch.tensor(numbers), places)
        turns = None if own.turns is None else own.turns(places)[:, None]
        for block, store in zip(own.blocks, self.stores, strict=True):
            states = states + block.out(self._attended(block, block.before(states), turns, store, first, end))
            states = states + block.down(block.act(block.up(block.between(states))))
        self.read = end
        return own.head(own.norm(states[-1:]))[0]

    def _attended(
        self, block: Block, states: Tensor, turns: Tensor | None, store: Tensor, first: int, end: int
    ) -> Tensor:
        """(tokens, heads * size) what each head gathers. The store gets the keys and values of the tokens."""
        own, count = self.decoder, len(states)
        joint = block.joint(states).view(count, own.heads + 2 * own.groups, own.size)
        asked, values = joint[:, : own.heads + own.groups], joint[:, own.heads + own.groups :]
        if block.query_norm is not None and block.key_norm is not None:
            asked = torch.cat([block.query_norm(asked[:, : own.heads]), block.key_norm(asked[:, own.heads :])], dim=1)
        if turns is not None:
            pairs = torch.view_as_complex(asked.unflatten(2, (-1, 2)))
            asked = torch.view_as_real(pairs * turns).flatten(2)
        store[0, :, first:end] = asked[:, own.heads :].transpose(0, 1)
        store[1, :, first:end] = values.transpose(0, 1)
        queries, keys = asked[:, : own.heads], store[:, :, :end]
        if count == 1:
            # Heads that share keys ask as if they were tokens of one head.
            grouped = queries.view(1, own.groups, own.heads // own.groups, own.size)
            found = functional.scaled_dot_product_attention(grouped, keys[:1], keys[1:], scale=own.scale)
            return found.view(1, own.heads * own.size)
        keys = keys.repeat_interleave(own.heads // own.groups, dim=1)
        seen = None if not first else torch.ones(count, end, dtype=torch.bool).tril(first)
        found = functional.scaled_dot_product_attention(
            queries.transpose(0, 1)[None], keys[:1], keys[1:], seen, is_causal=seen is None, scale=own.scale
        )
        return found[0].transpose(0, 1).reshape(count, own.heads * own.size)

    def _make_room(self, tokens: int) -> None:
        """Twice as much, or as much as is needed."""
        room = max(2 * self.stores[0].shape[2], tokens + _ROOM)
        for number, store in enumerate(self.stores):
            self.stores[number] = store.new_empty(*store.shape[:2], room, store.shape[3])
            self.stores[number][:, :, : self.read] = store[:, :, : self.read]


def takes(network: nn.Module) -> bool:
    """Whether a network of `transformers` is laid out, and not left to its module."""
    config: Any = network.config
    if config.model_type == "gpt2":
        rare = (config.scale_attn_by_inverse_layer_idx, config.reorder_and_upcast_attn, config.add_cross_attention)
        return not any(rare)
    window = getattr(config, "sliding_window", None)
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    body: Any = network.base_model
    turned = body.rotary_emb
    return (
        config.model_type in _TURNED
        and (window is None or window >= config.max_position_embeddings)
        and turned.rope_type in _STEADY
        and turned.inv_freq.shape[0] * 2 == size
    )


@torch.inference_mode()
def laid_out(network: nn.Module, precision: Precision = "float32") -> Decoder:
    """The network of `transformers`, which `takes` holds for, in this precision.

    It is taken apart: weights that are copied are given back one block after the other, so that no more memory is
    taken than for one of both.
    """
    return _of_gpt2(network, precision) if network.config.model_type == "gpt2" else _turned(network, precision)  # type: ignore[union-attr]


def _turned(network: Any, precision: Precision) -> Decoder:
    config, body = network.config, network.base_model
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads

    def turns(places: Tensor) -> Tensor:
        cosine, sine = rotary(torch.empty(0), places[None])
        return torch.complex(cosine[0, :, : size // 2], sine[0, :, : size // 2])

    def gated(both: Tensor) -> Tensor:
        gate, up = both.chunk(2, dim=1)
        return act(gate) * up

    act, rotary = body.layers[0].mlp.act_fn, body.rotary_emb
    head, table = _ends(network, precision)
    blocks = tuple(_turned_block(layer, heads, groups, gated, precision) for layer in body.layers)
    return Decoder(
        blocks, heads, groups, size, size**-0.5, lambda numbers, places: table(numbers), turns,
        _root_mean(body.norm), head, precision == "int8",
    )  # fmt: skip


def _turned_block(layer: Any, heads: int, groups: int, act: Callable[[Tensor], Tensor], precision: Precision) -> Block:
    own, behind = layer.self_attn, layer.mlp
    norms = [getattr(own, name, None) for name in ("q_norm", "k_norm")]
    joint = _joined(
        [_paired(own.q_proj, heads), _paired(own.k_proj, groups), (own.v_proj.weight, own.v_proj.bias)], precision
    )
    query_norm, key_norm = (None if norm is None else _root_mean(norm, _interleaved(norm.weight, 1)) for norm in norms)
    found = Block(
        _root_mean(layer.input_layernorm), joint, query_norm, key_norm,
        product(own.o_proj.weight, own.o_proj.bias, precision), _root_mean(layer.post_attention_layernorm),
        _joined([(part.weight, part.bias) for part in (behind.gate_proj, behind.up_proj)], precision), act,
        product(behind.down_proj.weight, behind.down_proj.bias, precision),
    )  # fmt: skip
    _give_back(layer)
    return found


def _of_gpt2(network: Any, precision: Precision) -> Decoder:
    config, body = network.config, network.base_model
    head, table = _ends(network, precision)
    places = body.wpe.weight.detach()
    size = config.hidden_size // config.num_attention_heads
    blocks = []
    for layer in body.h:
        joint, out, up, down = (
            product(part.weight.T.contiguous(), part.bias, precision)
            for part in (layer.attn.c_attn, layer.attn.c_proj, layer.mlp.c_fc, layer.mlp.c_proj)
        )
        blocks.append(
            Block(_centred(layer.ln_1), joint, None, None, out, _centred(layer.ln_2), up, layer.mlp.act, down)
        )
        _give_back(layer)
    return Decoder(
        tuple(blocks), config.num_attention_heads, config.num_attention_heads, size,
        size**-0.5 if config.scale_attn_weights else 1.0, lambda numbers, at: table(numbers) + places[at], None,
        _centred(body.ln_f), head, precision == "int8",
    )  # fmt: skip


def _ends(network: Any, precision: Precision) -> tuple[Product, Callable[[Tensor], Tensor]]:
    """What gives the logits, and the embedding of tokens; in int8 the latter is read as bfloat16, for room."""
    last, first = network.get_output_embeddings(), network.get_input_embeddings().weight
    table = first.detach() if precision == "float32" else first.detach().bfloat16()
    shared = last.weight is first and precision == "bfloat16"
    head = product(table if shared else last.weight, last.bias, precision)
    return head, lambda numbers: table[numbers].float()


def _joined(parts: Sequence[tuple[Tensor, Tensor | None]], precision: Precision) -> Product:
    """One product for several of the same inputs, their outputs one behind the other."""
    biases = [bias for _, bias in parts if bias is not None]
    return product(torch.cat([weight for weight, _ in parts]), torch.cat(biases) if biases else None, precision)


def _paired(layer: Any, heads: int) -> tuple[Tensor, Tensor | None]:
    """The layer whose outputs have those two numbers side by side that are turned together."""
    bias = None if layer.bias is None else _interleaved(layer.bias, heads)
    return _interleaved(layer.weight, heads), bias


def _interleaved(values: Tensor, heads: int) -> Tensor:
    """Of each head the first of either half, then the second, and so on.

    >>> _interleaved(torch.tensor([0, 1, 2, 3]), 1).tolist()
    [0, 2, 1, 3]
    """
    return values.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def _root_mean(norm: Any, weight: Tensor | None = None) -> Product:
    scale, epsilon = (norm.weight if weight is None else weight).detach().clone(), norm.variance_epsilon
    return lambda states: functional.rms_norm(states, scale.shape, scale, epsilon)


def _centred(norm: Any) -> Product:
    scale, offset = norm.weight.detach().clone(), norm.bias.detach().clone()
    return lambda states: functional.layer_norm(states, scale.shape, scale, offset, norm.eps)


def _give_back(layer: nn.Module) -> None:
    """What was copied lives on in the copies, what was not in whoever holds it."""
    for parameter in layer.parameters():
        parameter.data = torch.empty(0)
