"""Attention rollout: how much of each word, number or patch a transformer looks at, through all its layers.

The attention of a layer is the mean of its heads, half of it and half the step itself, which goes on beside it; layers
are multiplied (Abnar and Zuidema, 2020, arXiv 2005.00928). It says what is looked at and not what moves the answer, nor
in which direction, so by itself it is not faithful; that is told, and the check by the model says how it is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from luban.batch import Array
from luban.explainers import _network
from luban.explainers._network import Function
from luban.explainers._positions import Places
from luban.protocols import Attributed, Effort, Subject

if TYPE_CHECKING:
    from torch import Tensor

TOLD = "attention says what is looked at, not what moves the answer: it is not faithful by itself"


@final
class AttentionRollout:
    """The attention of all layers, multiplied."""

    name: ClassVar[str] = "attention-rollout"

    def declines(self, subject: Subject) -> str | None:
        reason = _network.declines(subject)
        if reason is not None:
            return reason
        blind = [name for form, name in _network.reading(subject) if not _looks(_network.encoder(form.module, name))]
        if blind:
            return f"what reads '{blind[0]}' has no attention; integrated-gradients needs none."
        return None

    def suits(self, subject: Subject) -> tuple[int, str] | None:
        return None

    def explain(self, subject: Subject, effort: Effort) -> list[Attributed]:
        found = []
        for game in range(len(subject.units)):
            asked = _network.explained(subject, game)
            shares = np.mean([_shares(each, subject.count) for each in asked.functions], axis=0)
            told = Attributed(
                values=shares,
                errors=None,
                base=0.0,
                whole=float(shares.sum()),
                calls=len(asked.functions),
                scale="score",
                complete=False,
                more={"text": TOLD, "elsewhere": float(1 - shares.sum())},
            )
            found.append(told)
        return found


def _own() -> type[Any]:
    from luban.models._attention import Attention

    return Attention


def _looks(encoder: Any) -> bool:
    """Whether it is a transformer that tells its attention: luban's own, or one of `transformers`."""
    if encoder is None:
        return False
    # Of those of `transformers` the ones that read tokens: a state of any other is no step of what is read.
    body = getattr(encoder, "body", None)
    of_tokens = getattr(body, "main_input_name", None) == "input_ids"
    return of_tokens or any(isinstance(each, _own()) for each in encoder.modules())


def _shares(function: Function, units: int) -> Array:
    """(units,) of all that is looked at, the share of each; parts of a row have equal shares."""
    total = np.zeros(units)
    parts = [name for name, places in function.places.items() if (places.unit >= 0).any()]
    for name in parts:
        encoder: Any = _network.encoder(function.module, name)
        with _told(encoder) as layers:
            function.answers({each: values[None] for each, values in function.here.items()})
        through = np.eye(layers[0].shape[0])
        for layer in layers:
            through = (layer + np.eye(len(layer))) / 2 @ through
        places = function.places[name]
        shares = _spread(_asked(through, encoder, places, function.step), encoder, places)
        known = places.unit.ravel() >= 0
        total += np.bincount(places.unit.ravel()[known], weights=shares.ravel()[known], minlength=units)
    return total / len(parts)


def _asked(through: Array, encoder: Any, places: Places, step: int) -> Array:
    """(steps,) what the answer is made of: one step, the last one, the token that answers, or the mean of all."""
    summary = getattr(encoder, "summary", "mean")
    if step >= 0:
        return np.asarray(through[step])
    if summary in ("first", "class") or (not places.ragged and places.here.ndim == 1):
        return np.asarray(through[0])
    return np.asarray(through[-1] if summary == "last" else through.mean(axis=0))


def _spread(shares: Array, encoder: Any, places: Places) -> Array:
    """The shares of the numbers of a part: those of a token that answers belong to none."""
    unit = places.unit
    if unit.ndim == 1:
        return shares[len(shares) - len(unit) :]
    if places.ragged:
        return np.repeat(shares[:, None] / unit.shape[1], unit.shape[1], axis=1)
    channels, height, width = unit.shape
    side = encoder.project.kernel_size[0]
    down, across = -(-height // side), -(-width // side)
    patches = shares[len(shares) - down * across :].reshape(down, across)
    own = np.kron(patches, np.ones((side, side)))[:height, :width]
    covered = np.kron(np.ones_like(patches), np.ones((side, side)))[:height, :width]
    # A patch at the edge may reach beyond the image: its share is that of the pixels that it has.
    pixels = np.add.reduceat(np.add.reduceat(covered, np.arange(0, height, side), 0), np.arange(0, width, side), 1)
    each = own / np.kron(pixels, np.ones((side, side)))[:height, :width] / channels
    return np.broadcast_to(each, unit.shape)


@contextmanager
def _told(encoder: Any) -> Iterator[list[Array]]:
    """The attention of each layer as (steps, steps) float64, the mean of its heads, once the network was asked."""
    layers: list[Array] = []
    hooks = []

    def own(module: Any, args: Any, kwargs: Any) -> None:
        asked = kwargs.get("asking", args[0] if args else None)
        layers.append(_weights(module, asked, causal=kwargs.get("causal", False)))

    def other(_: Any, __: Any, found: Any) -> None:
        layers.extend(each[0].mean(dim=0).double().numpy() for each in found.attentions)

    for module in encoder.modules():
        if isinstance(module, _own()):
            hooks.append(module.register_forward_pre_hook(own, with_kwargs=True))
    body = getattr(encoder, "body", None)
    if body is not None:
        way = body.config._attn_implementation
        # Only the plain way of `transformers` tells its attention.
        body.set_attn_implementation("eager")
        asking = lambda _, args, kwargs: (args, {**kwargs, "output_attentions": True})  # noqa: E731
        hooks += [body.register_forward_pre_hook(asking, with_kwargs=True), body.register_forward_hook(other)]
    try:
        yield layers
    finally:
        for hook in hooks:
            hook.remove()
        if body is not None:
            body.set_attn_implementation(way)


def _weights(module: Any, steps: Tensor, *, causal: bool) -> Array:
    """softmax(Q K' / sqrt(d)) of one row without padding, the mean of the heads."""
    import torch

    from luban.models._attention import rotated

    query, (key, _) = module._split(module.query(steps)), module.kept(steps)
    query = rotated(query, module.frequencies) if module.rotary else query
    sums = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
    if causal:
        sums = sums.masked_fill(torch.ones(sums.shape[-2:]).triu(1).bool(), float("-inf"))
    found: Array = sums.softmax(dim=-1)[0].mean(dim=0).detach().double().numpy()
    return found


explainer = AttentionRollout()
