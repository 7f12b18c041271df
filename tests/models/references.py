"""Layers from their definitions, in plain numpy and float64: slow, and plain to see."""

from __future__ import annotations

from collections.abc import Mapping
from math import erf
from typing import Any

import numpy as np

Array = Any


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2))),
    "silu": lambda x: x * sigmoid(x),
}


def under(weights: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """The weights whose names begin so, without the beginning."""
    return {name.removeprefix(prefix + "."): array for name, array in weights.items() if name.startswith(prefix + ".")}


def linear(x: Array, w: Mapping[str, Array]) -> Array:
    return x @ w["weight"].T + w.get("bias", 0.0)


def convolution(x: Array, w: Mapping[str, Array], stride: int = 1) -> Array:
    """(channels, ...) over one or two axes: each output is a sum over channels and places of the kernel."""
    kernel = w["weight"]
    sides = kernel.shape[2:]
    filled = np.pad(x, [(0, 0), *[(side // 2, side // 2) for side in sides]])
    places = [1 + (filled.shape[axis + 1] - side) // stride for axis, side in enumerate(sides)]
    result = np.empty((kernel.shape[0], *places))
    for at in np.ndindex(*places):
        window = filled[
            (slice(None), *(slice(stride * p, stride * p + side) for p, side in zip(at, sides, strict=True)))
        ]
        for output in range(kernel.shape[0]):
            result[(output, *at)] = (kernel[output] * window).sum() + w.get("bias", np.zeros(len(kernel)))[output]
    return result


def pooled(x: Array, kind: str, *, last_stays: bool) -> Array:
    """(channels, ...): the largest or the mean of two places along each axis; an odd last one stays or falls away."""
    take = np.max if kind == "max" else np.mean
    places = [(side + 1) // 2 if last_stays else max(side // 2, 1) for side in x.shape[1:]]
    result = np.empty((x.shape[0], *places))
    for at in np.ndindex(*places):
        result[(slice(None), *at)] = take(
            x[(slice(None), *(slice(2 * p, 2 * p + 2) for p in at))], axis=tuple(range(1, x.ndim))
        )
    return result


def batch_norm(x: Array, w: Mapping[str, Array]) -> Array:
    """(channels, ...) by the running statistics."""
    shape = (-1, *[1] * (x.ndim - 1))
    scale = w["norm.weight"] / np.sqrt(w["norm.running_var"] + 1e-5)
    return (x - w["norm.running_mean"].reshape(shape)) * scale.reshape(shape) + w["norm.bias"].reshape(shape)


def layer_norm(x: Array, w: Mapping[str, Array]) -> Array:
    """(..., channels): by the mean and variance of each line."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * w["weight"] + w["bias"]


def elman(steps: Array, w: Mapping[str, Array]) -> Array:
    """(length, units) from (length, inputs)."""
    state, states = np.zeros(w["weight_hh_l0"].shape[1]), []
    for x in steps:
        state = np.tanh(w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ state + w["bias_hh_l0"])
        states.append(state)
    return np.array(states)


def lstm(steps: Array, w: Mapping[str, Array], state: Array | None = None) -> Array:
    """Input, forget, cell and output lie one behind the other in the weights."""
    units = w["weight_hh_l0"].shape[1]
    state, memory, states = np.zeros(units) if state is None else state, np.zeros(units), []
    for x in steps:
        sums = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ state + w["bias_hh_l0"]
        i, f, g, o = sums.reshape(4, units)
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(g)
        state = sigmoid(o) * np.tanh(memory)
        states.append(state)
    return np.array(states)


def gru(steps: Array, w: Mapping[str, Array]) -> Array:
    """Reset, update and new lie one behind the other in the weights."""
    units = w["weight_hh_l0"].shape[1]
    state, states = np.zeros(units), []
    for x in steps:
        r_x, z_x, n_x = (w["weight_ih_l0"] @ x + w["bias_ih_l0"]).reshape(3, units)
        r_h, z_h, n_h = (w["weight_hh_l0"] @ state + w["bias_hh_l0"]).reshape(3, units)
        r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
        state = (1 - z) * np.tanh(n_x + r * n_h) + z * state
        states.append(state)
    return np.array(states)


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def turn(x: Array, place: int) -> Array:
    """A vector with each pair (i, i + half) turned by place * 10000^(-2i / size): as complex numbers, a product."""
    half = len(x) // 2
    turned = (x[:half] + 1j * x[half:]) * np.exp(1j * place * 10_000.0 ** (-2 * np.arange(half) / len(x)))
    return np.concatenate([turned.real, turned.imag])


def attention(
    asking: Array, asked: Array, w: Mapping[str, Array], heads: int, *, rotary: bool = False, causal: bool = False
) -> Array:
    """(steps, width): each step of each head looks at each one that is asked, one at a time."""
    query, key, value = (linear(x, under(w, name)) for x, name in ((asking, "query"), (asked, "key"), (asked, "value")))
    size = asking.shape[1] // heads
    result = np.empty_like(asking)
    for head in range(heads):
        of_head = slice(head * size, (head + 1) * size)
        for step in range(len(asking)):
            last = step + 1 if causal else len(asked)
            q = turn(query[step, of_head], step) if rotary else query[step, of_head]
            keys = [turn(key[p, of_head], p) if rotary else key[p, of_head] for p in range(last)]
            weights = softmax(np.array([q @ k for k in keys]) / np.sqrt(size))
            result[step, of_head] = sum(weight * value[p, of_head] for p, weight in enumerate(weights))
    return linear(result, under(w, "output"))


def block(
    x: Array,
    w: Mapping[str, Array],
    heads: int,
    *,
    memory: Array | None = None,
    rotary: bool = False,
    causal: bool = False,
) -> Array:
    """(steps, width) through self-attention, cross-attention where there is a memory, and the feed-forward layer."""
    normed = layer_norm(x, under(w, "norm"))
    x = x + attention(normed, normed, under(w, "attention"), heads, rotary=rotary, causal=causal)
    if memory is not None:
        x = x + attention(layer_norm(x, under(w, "cross_norm")), memory, under(w, "cross"), heads)
    within = ACTIVATIONS["gelu"](linear(layer_norm(x, under(w, "feed_norm")), under(w, "feed.0")))
    return x + linear(within, under(w, "feed.3"))
