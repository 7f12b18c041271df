"""A residual network compared with its definition, over images and over time."""

from __future__ import annotations

import numpy as np
import pytest

from models import references
from models.networks import SHAPES, alone, inputs, network, weights
from models.references import under

relu = references.ACTIVATIONS["relu"]


def residual(x: references.Array, w: dict[str, references.Array], stride: int) -> references.Array:
    within = relu(references.batch_norm(references.convolution(x, under(w, "first"), stride), under(w, "first_norm")))
    added = references.batch_norm(references.convolution(within, under(w, "second")), under(w, "second_norm"))
    if "shortcut.weight" in w:
        x = references.batch_norm(references.convolution(x, under(w, "shortcut"), stride), under(w, "shortcut_norm"))
    return relu(x + added)


@pytest.mark.parametrize("kind", ["image", "sequence"])
def test_it_is_its_definition(kind: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module = network("resnet", shapes, width=2)
    w, tensors = weights(module), inputs(shapes)
    for row in range(4):
        values = alone(tensors, row)["part"][0].double().numpy()
        channels = values if kind == "image" else values.T
        sides = (-1, *[1] * (channels.ndim - 1))
        x = (channels - np.reshape(SHAPES[kind].center, sides)) / np.reshape(SHAPES[kind].spread, sides)
        x = references.convolution(x, under(w, "encoders.0.stem"))
        x = relu(references.batch_norm(x, under(w, "encoders.0.stem_norm")))
        for block in range(4):
            x = residual(x, under(w, f"encoders.0.blocks.{block}"), 2 if block else 1)
        wanted = references.linear(x.reshape(len(x), -1).mean(axis=1), under(w, "head"))
        assert module(tensors)[row].detach().numpy() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("depth", "layers"), [(10, 10), (18, 18), (34, 34)])
def test_its_depth_counts_the_layers_with_weights(depth: int, layers: int) -> None:
    module = network("resnet", {"photo": SHAPES["image"]}, depth=depth, width=2)
    names = [name for name in module.state_dict() if name.endswith(("first.weight", "second.weight", "stem.weight"))]
    assert len(names) + 1 == layers  # and the head
