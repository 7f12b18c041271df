"""The networks of programs, as a person writes them, and how their weights begin."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from programs.data import IMAGES, SEQUENCES, VOCABULARY
from programs.program import Program

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "sigmoid": nn.Sigmoid, "leaky": nn.LeakyReLU, "silu": nn.SiLU,
}  # fmt: skip
FINAL: dict[str, Callable[[], nn.Module]] = {
    "softmax": lambda: nn.Softmax(1), "sigmoid": nn.Sigmoid, "relu": nn.ReLU, "log-softmax": lambda: nn.LogSoftmax(1),
    "tanh": nn.Tanh,
}  # fmt: skip
PLAIN = (nn.Linear, nn.Conv2d, nn.Conv1d)


class View(nn.Module):
    """Views a row as an image, as a series of one channel, or as a sequence."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, values: Tensor) -> Tensor:
        return values.view(len(values), *self.shape)


class Recurrent(nn.Module):
    def __init__(self, kind: str, width: int, wide: int) -> None:
        super().__init__()
        self.cells = (nn.LSTM if kind == "lstm" else nn.GRU)(width, wide, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        return self.cells(steps)[0][:, -1]


class Attention(nn.Module):
    """embed: what makes vectors of the steps. mixes: rows are taken for steps, which they must not be."""

    def __init__(self, embed: nn.Module, wide: int, length: int, depth: int, dropout: float, mixes: bool) -> None:
        super().__init__()
        self.embed = embed
        self.place = nn.Parameter(torch.randn(1, length, wide) * 0.02)
        layer = nn.TransformerEncoderLayer(wide, 4, 2 * wide, dropout, "gelu", batch_first=not mixes, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def forward(self, steps: Tensor) -> Tensor:
        return self.layers(self.embed(steps) + self.place).mean(1)


class Mixed(nn.Module):
    """Takes the mean of the batch into account, which it must not."""

    def forward(self, values: Tensor) -> Tensor:
        return values + values.mean(0, keepdim=True)


def build(program: Program, inputs: int, outputs: int) -> nn.Module:
    """The network, its weights drawn. inputs, outputs: columns of rows and of answers."""
    width = program.width
    body, before = {
        "cnn": _convolutional, "lstm": _recurrent, "gru": _recurrent, "transformer": _attentive,
    }.get(program.network, _dense)(program, inputs)  # fmt: skip
    if program.mixes_rows and program.network != "transformer":
        body.append(Mixed())
    head: list[nn.Module] = [nn.Linear(before or width, outputs)]
    if program.final != "none":
        head.append(FINAL[program.final]())
    model = nn.Sequential(*body, *head)
    _initialise(program, model)
    return model


def head_again(model: nn.Module) -> None:
    """Draws the last layer of a trained network again, as for another task."""
    last = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    last.reset_parameters()


def normalisations(model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]


def _convolutional(program: Program, inputs: int) -> tuple[list[nn.Module], int]:
    act, image = ACTIVATIONS[program.activation], program.data in IMAGES
    convolution: type[nn.Module] = nn.Conv2d if image else nn.Conv1d
    size, pool = (3, nn.MaxPool2d(2)) if image else (7, nn.MaxPool1d(4))
    shape = IMAGES[program.data] if image else (inputs,)
    end = nn.Flatten() if program.data != "gunpoint" else nn.Sequential(nn.AdaptiveMaxPool1d(4), nn.Flatten())
    left = (shape[0] // 2) * (shape[1] // 2) if image else 4
    layers = [View(1, *shape), convolution(1, 16, size, padding=size // 2), *_normal(program, 16, image), act(), pool,
              convolution(16, 32, size, padding=size // 2), *_normal(program, 32, image), act(), end]  # fmt: skip
    return layers, 32 * left


def _steps(program: Program, inputs: int) -> tuple[int, int]:
    return SEQUENCES.get(program.data, (inputs, 1))


def _recurrent(program: Program, inputs: int) -> tuple[list[nn.Module], int]:
    if program.data == "bbc":
        first: nn.Module = nn.Embedding(VOCABULARY, program.width)
        return [first, Recurrent(program.network, program.width, program.width)], program.width
    length, width = _steps(program, inputs)
    return [View(length, width), Recurrent(program.network, width, program.width)], program.width


def _attentive(program: Program, inputs: int) -> tuple[list[nn.Module], int]:
    length, width = _steps(program, inputs)
    embed: nn.Module = nn.Embedding(VOCABULARY, program.width) if program.data == "bbc" else nn.Linear(
        width, program.width
    )  # fmt: skip
    attention = Attention(embed, program.width, length, program.depth, program.dropout, program.mixes_rows)
    return [attention] if program.data == "bbc" else [View(length, width), attention], program.width


def _dense(program: Program, inputs: int) -> tuple[list[nn.Module], int]:
    layers: list[nn.Module] = []
    before = inputs
    for _ in range(program.depth):
        layers += [
            nn.Linear(before, program.width),
            *_normal(program, program.width),
            ACTIVATIONS[program.activation](),
        ]
        if program.dropout:
            layers.append(nn.Dropout(program.dropout))
        before = program.width
    return layers, before


def _normal(program: Program, width: int, image: bool = False) -> list[nn.Module]:
    if program.normalise == "batch":
        return [nn.BatchNorm2d(width) if image else nn.BatchNorm1d(width)]
    if program.normalise == "layer" and program.network != "cnn":
        return [nn.LayerNorm(width)]
    return []


def _initialise(program: Program, model: nn.Module) -> None:
    plain = [layer for layer in model.modules() if isinstance(layer, PLAIN)]
    for layer in plain[:-1] if len(plain) > 1 else []:
        if program.activation in ("relu", "leaky") and program.network in ("mlp", "cnn", "autoencoder"):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        elif program.activation in ("tanh", "sigmoid") and program.network in ("mlp", "cnn", "autoencoder"):
            nn.init.xavier_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, program.bias)
    if program.initial == "rule":
        return
    with torch.no_grad():
        for layer in plain:
            if program.initial == "constant":
                layer.weight.fill_(0.05)
            else:
                layer.weight.mul_(float(program.initial))
