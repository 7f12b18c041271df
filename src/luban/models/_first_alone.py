"""Of the last layer of a pretrained encoder the first state alone, while nothing else of it is asked for.

Behind its attention each state goes on by itself, through two thirds of the products of the layer. A graph that answers
leaves more than that out (`runtime/first_step`); this is for the steps that learn. What is learned stays the same.
"""

from __future__ import annotations

from typing import Any

from torch import nn

_ALONE = "first_alone"
"""The attribute of a last attention that says whether its first state goes on alone, at this moment."""


def made_able(body: nn.Module) -> None:
    """Lets the last layer be told to make its first state alone, where layers are built as those of BERT: an attention
    with the addition of what it read inside, then two layers for each state by itself. Other bodies stay as they are.
    """
    attention = _last_attention(body)
    if attention is not None:
        setattr(attention, _ALONE, False)
        attention.register_forward_hook(_cut)


def choose(body: nn.Module, alone: bool) -> None:
    """Says whether the first state goes on alone from now on, in a body that was made able to."""
    attention = _last_attention(body)
    if attention is not None and hasattr(attention, _ALONE):
        setattr(attention, _ALONE, alone)


def _last_attention(body: nn.Module) -> nn.Module | None:
    layers = getattr(getattr(body, "encoder", None), "layer", None)
    if not isinstance(layers, nn.ModuleList) or not all(
        hasattr(layers[-1], part) for part in ("attention", "intermediate", "output")
    ):
        return None
    attention = layers[-1].attention
    return attention if isinstance(attention, nn.Module) else None


def _cut(attention: nn.Module, given: tuple[Any, ...], found: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """What the attention hands on: (rows, 1, width) where the first state goes on alone. None leaves it as it is."""
    return (found[0][:, :1], *found[1:]) if getattr(attention, _ALONE) else None
