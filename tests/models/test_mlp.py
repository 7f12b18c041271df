"""A multilayer perceptron compared with its definition, and the fresh weights that suit each activation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from luban.models._layers import Normalise, linear
from models import references
from models.networks import SHAPES, inputs, network, weights
from models.references import ACTIVATIONS, under


@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["vector", "image"])
def test_it_is_its_definition(kind: str, activation: str, normalisation: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module = network("mlp", shapes, units=(6, 4), activation=activation, normalisation=normalisation)
    w, tensors = weights(module), inputs(shapes)
    x = tensors["part"][1].double().numpy()
    if kind == "image":
        x = (x - np.reshape(SHAPES[kind].center, (3, 1, 1))) / np.reshape(SHAPES[kind].spread, (3, 1, 1))
    x, layers = x.flatten(), "encoders.0.layers" if kind == "vector" else "encoders.0.connected.layers"
    for layer in (0, 4):
        x = references.linear(x, under(w, f"{layers}.{layer}"))
        if normalisation == "batch":
            x = references.batch_norm(x, under(w, f"{layers}.{layer + 1}"))
        elif normalisation == "layer":
            x = references.layer_norm(x, under(w, f"{layers}.{layer + 1}.norm"))
        x = ACTIVATIONS[activation](x)
    wanted = references.linear(x, under(w, "head"))
    assert module(tensors)[1].detach().numpy() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 400), ("gelu", 2 / 400), ("silu", 2 / 400)])
def test_fresh_weights_before_a_rectifier_have_the_variance_of_he(activation: str, variance: float) -> None:
    torch.manual_seed(0)
    assert linear(400, 200, activation).weight.var().item() == pytest.approx(variance, rel=0.03)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "none"])
def test_fresh_weights_before_a_curve_that_saturates_have_the_variance_of_glorot(activation: str) -> None:
    torch.manual_seed(0)
    assert linear(400, 200, activation).weight.var().item() == pytest.approx(2 / 600, rel=0.03)


def test_thirty_fresh_layers_neither_lose_nor_blow_up_a_signal() -> None:
    torch.manual_seed(0)
    x = torch.randn(500, 300)
    for _ in range(30):
        x = torch.relu(linear(300, 300, "relu")(x))
    assert 0.2 < x.square().mean().item() < 5


def test_one_row_alone_is_normalised_by_what_is_known_of_all() -> None:
    norm = Normalise("batch", 3, axes=0).train()
    row = torch.tensor([[1.0, 2.0, 3.0]])
    assert torch.allclose(norm(row), row, atol=1e-4)
    many = torch.randn(200, 3) * 4 + 7
    assert torch.allclose(norm(many).mean(dim=0), torch.zeros(3), atol=1e-5)
