"""Networks that are given their weights are built without drawing any."""

from __future__ import annotations

import torch
from torch import nn

from luban.forms.network import undrawn


def test_bounded_weights_are_not_drawn_either() -> None:
    """Whatever lies in memory: drawing within bounds would go on until all of it lies within them."""
    weight = torch.full((5,), 1e9)
    with undrawn():
        assert nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04) is weight
    assert (weight == 1e9).all()
    nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)
    assert weight.abs().max() <= 0.04, "behind it they are drawn again"
