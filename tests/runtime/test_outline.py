"""The outline of networks against parameters counted by formula and the shapes that the arithmetic gives."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from luban.core import registry
from luban.protocols import Shape, Work
from luban.runtime.outline import Outline, outline, rows_for


def seen(model: str, shape: Shape, outputs: int, task: str = "multiclass", **settings: Any) -> Outline:
    architecture = registry.find("models", model)
    work = Work(task, outputs, 1_000, 0, shapes={"part": shape})
    return outline(architecture.build(work, architecture.Settings(**settings)), rows_for(work))


def convolutions(channels: tuple[int, ...], kernel: int = 3) -> int:
    """Without biases, which batch normalisation has; it has two numbers for each filter."""
    return sum(before * after * kernel**2 + 2 * after for before, after in pairwise(channels))


def dense(*units: int) -> int:
    return sum(before * after + after for before, after in pairwise(units))


def recurrent(gates: int, inputs: int, units: int, layers: int) -> int:
    """Each layer has weights of inputs and of states, and two biases, for each gate."""
    sizes = [inputs, *[units] * (layers - 1)]
    return sum(gates * units * (size + units + 2) for size in sizes)


@pytest.mark.parametrize(("side", "left"), [(28, 3), (224, 7)])
def test_convolutions_of_32_64_and_128_filters_and_a_head(side: int, left: int) -> None:
    found = seen("cnn", Shape("image", (1, side, side)), 10, channels=(32, 64, 128), units=())
    maps = [layer.gives for layer in found.layers if layer.kind == "Conv2d"]
    assert maps == [(32, side, side), (64, side // 2, side // 2), (128, side // 4, side // 4)]
    assert found.parameters == convolutions((1, 32, 64, 128)) + dense(128 * left**2, 10)
    assert (found.takes, found.gives) == ({"part": (1, side, side)}, (10,))


def test_convolutions_of_three_channels_and_ten_classes() -> None:
    found = seen("cnn", Shape("image", (3, 28, 28)), 10)
    assert found.parameters == convolutions((3, 32, 64, 128)) + dense(128 * 3**2, 128, 10)
    assert found.gives == (10,)


@pytest.mark.parametrize(
    ("model", "gates", "units", "layers", "channels", "steps", "classes"),
    [("rnn", 1, 256, 2, 12, 24, 9), ("lstm", 4, 64, 1, 64, 100, 2), ("lstm", 4, 64, 2, 10, 100, 4)],
)
def test_recurrent_layers(
    model: str, gates: int, units: int, layers: int, channels: int, steps: int, classes: int
) -> None:
    shape = Shape("sequence", (channels,), longest=steps)
    found = seen(model, shape, classes, units=units, layers=layers, bidirectional=False)
    assert found.takes == {"part": (steps, channels)}
    assert [layer.gives for layer in found.layers] == [(steps, units)] * layers + [(classes,)]
    assert found.parameters == recurrent(gates, channels, units, layers) + dense(units, classes)


def test_an_autoencoder_of_images() -> None:
    settings = {"code": 32, "channels": (16, 32)}
    found = seen("autoencoder", Shape("image", (1, 28, 28)), 1, task="anomaly", **settings)
    there = (1 * 16 + 16 * 32) * 3**2 + 16 + 32
    here = (32 * 16 + 16 * 1) * 4**2 + 16 + 1
    maps = 32 * 7 * 7
    assert found.parameters == there + dense(maps, 32) + dense(32, maps) + here
    assert found.gives == (1,)


def test_an_encoder_decoder_transformer() -> None:
    import torch

    width, layers, words, written = 128, 2, 400, 300
    model = registry.find("models", "encoder-decoder")
    work = Work("sequence-to-sequence", written, 1_000, 0, shapes={"part": Shape("tokens", (words,), longest=27)})
    module = model.build(work, model.Settings(width=width, layers=layers, heads=4))
    rows = rows_for(work)
    found = outline(module, {**rows, "part.written": torch.ones(len(rows["part"]), 10, dtype=torch.int64)})
    norm, attention, feed = 2 * width, 4 * dense(width, width), dense(width, 4 * width, width)
    encoder = words * width + layers * (2 * norm + attention + feed) + norm
    decoder = written * width + layers * (3 * norm + 2 * attention + feed) + norm
    assert found.parameters == encoder + decoder
    assert found.gives == (10, written)


def test_a_layer_whose_weights_another_reads_is_counted_and_gives_nothing() -> None:
    import torch

    class Tied(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = torch.nn.Embedding(5, 2)
            self.other = torch.nn.Linear(2, 2, bias=False)

        def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.words(inputs["part"]) @ self.other.weight

    module = Tied().train()
    found = outline(module, {"part": torch.ones(2, 3, dtype=torch.int64)})
    assert [(layer.name, layer.gives, layer.parameters) for layer in found.layers] == [
        ("words", (3, 2), 10), ("other", (), 4),
    ]  # fmt: skip
    assert module.training and found.to_json()["parameters"] == 14
