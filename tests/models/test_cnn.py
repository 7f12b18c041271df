"""A convolutional network compared with the sums that define it, and its pooling over rows of odd lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from luban.models._convolution import pooled
from luban.models._layers import own_steps
from models import references
from models.networks import SHAPES, alone, inputs, network, weights
from models.references import ACTIVATIONS, under


def connected(x: references.Array, w: dict[str, references.Array], activation: str) -> references.Array:
    return ACTIVATIONS[activation](references.linear(x, under(w, "layers.0")))


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_of_images_it_is_the_sums_that_define_it(pooling: str, activation: str) -> None:
    shapes = {"photo": SHAPES["image"]}
    module = network("cnn", shapes, pooling=pooling, activation=activation)
    w, tensors = weights(module), inputs(shapes)
    for row in range(2):
        centre, spread = (np.reshape(side, (3, 1, 1)) for side in (SHAPES["image"].center, SHAPES["image"].spread))
        x = (tensors["photo"][row].double().numpy() - centre) / spread
        for layer in (0, 4):
            x = references.convolution(x, under(w, f"encoders.0.maps.{layer}"))
            x = references.batch_norm(x, under(w, f"encoders.0.maps.{layer + 1}"))
            x = references.pooled(ACTIVATIONS[activation](x), pooling, last_stays=False)
        x = connected(x.flatten(), under(w, "encoders.0.connected"), activation)
        wanted = references.linear(x, under(w, "head"))
        assert module(tensors)[row].detach().numpy() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("kind", ["tokens", "sequence"])
def test_over_time_it_is_the_sums_that_define_it(kind: str, pooling: str) -> None:
    shapes = {"part": SHAPES[kind]}
    module = network("cnn", shapes, pooling=pooling, activation="tanh", kernel=5)
    w, tensors = weights(module), inputs(shapes)
    for row in range(4):
        values = alone(tensors, row)["part"][0].numpy()
        if kind == "tokens":
            x = w["encoders.0.steps.read.weight"][values].T
        else:
            x = ((values - SHAPES[kind].center) / SHAPES[kind].spread).T
        for layer in (0, 1):
            x = references.convolution(x, under(w, f"encoders.0.convolutions.{layer}"))
            x = np.tanh(references.batch_norm(x, under(w, f"encoders.0.norms.{layer}")))
            x = references.pooled(x, pooling, last_stays=True)
        both = np.concatenate([x.mean(axis=1), x.max(axis=1)])
        wanted = references.linear(connected(both, under(w, "encoders.0.connected"), "tanh"), under(w, "head"))
        assert module(tensors)[row].detach().numpy() == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "channels", "units"),
    [("tokens", (128,), ()), ("sequence", (32, 64, 128), (128,)), ("image", (32, 64, 128), (128,))],
)
def test_where_nothing_is_said_texts_are_convolved_once_and_all_else_three_times(
    kind: str, channels: tuple[int, ...], units: tuple[int, ...]
) -> None:
    shapes = {"part": SHAPES[kind]}
    usual, told = (
        {name: weight.shape for name, weight in weights(network("cnn", shapes, **settings)).items()}
        for settings in ({"channels": "auto", "units": "auto"}, {"channels": channels, "units": units})
    )
    assert usual == told


def test_pooling_takes_negative_values_of_a_row_and_never_the_zeros_behind_it() -> None:
    lengths = torch.tensor([3, 1])
    steps = torch.tensor([[[-1.0, -2.0, -3.0, 0.0]], [[-4.0, 0.0, 0.0, 0.0]]])
    largest, shorter, _ = pooled(steps, lengths, own_steps(lengths, 4), "max")
    assert largest.tolist() == [[[-1.0, -3.0]], [[-4.0, 0.0]]]
    assert shorter.tolist() == [2, 1]
    assert pooled(steps, lengths, own_steps(lengths, 4), "average")[0].tolist() == [[[-1.5, -3.0]], [[-4.0, 0.0]]]


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 2, 9), (3, 200, 120)])
def test_images_of_any_size_are_answered_and_large_ones_need_few_more_weights(size: tuple[int, int, int]) -> None:
    from luban.protocols import Shape

    shapes = {"photo": Shape("image", size)}
    module = network("cnn", shapes)
    assert module(inputs(shapes)).shape == (4, 3)
    assert module.encoders[0].connected.layers[0].in_features <= 6 * 7 * 7


def test_padding_does_not_count_in_the_statistics_of_a_batch() -> None:
    shapes = {"part": SHAPES["sequence"]}
    tensors = inputs(shapes, (3, 3))
    longer = tensors | {"part": torch.nn.functional.pad(tensors["part"], (0, 0, 0, 5))}
    module = network("cnn", shapes, dropout=0.0).train()
    assert torch.allclose(module(tensors), module(longer), atol=1e-5)
