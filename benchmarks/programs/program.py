"""A training program as data, and the plain loop that runs it, as a person writes it: with one thing wrong, or none.

A fault is a change of the program's data, so what is wrong, and how to take it back, is known by construction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU, "sigmoid": nn.Sigmoid, "leaky": nn.LeakyReLU, "silu": nn.SiLU,
}  # fmt: skip


@dataclass(frozen=True)
class Program:
    """How a network is trained. The first fields make programs differ; those from `inputs` on hold the faults.

    data: digits, cancer, wine, iris (classes), diabetes (values). network: mlp, cnn, lstm, gru, transformer,
    autoencoder. depth, width: hidden layers and their units. initial: `rule`, `constant`, or what the rule's weights
    are multiplied by. bias: of hidden layers. final: an activation behind the last layer, which should have none.
    """

    data: str = "digits"
    network: str = "mlp"
    depth: int = 2
    width: int = 64
    activation: str = "relu"
    normalise: str = "none"
    dropout: float = 0.0
    optimizer: str = "adam"
    rate: float = 1e-3
    weight_decay: float = 0.0
    batch: int = 32
    epochs: int = 10
    schedule: str = "none"
    clip: float | None = None
    accumulation: int = 1
    rows: int = 0
    rarer: float = 1.0
    inputs: str = "scaled"
    initial: str | float = "rule"
    bias: float = 0.0
    final: str = "none"
    loss: str = "fits"
    zero_gradients: bool = True
    frozen: str = "none"
    shuffled: bool = True
    missing: float = 0.0
    training_mode: bool = True
    evaluation_mode: bool = True
    shape: str = "fits"
    mixes_rows: bool = False
    clips: bool = True
    decays: bool = True
    steps_schedule: bool = True
    storage: str = "float32"
    labels: float = 0.0
    declared: bool = True


@dataclass
class Ran:
    """What a run did. score: accuracy, R2, or minus the error, on held-out rows; best after any epoch and at the end.

    curve: the score after each epoch. seconds: CPU time of the training.
    """

    score: float
    finite: bool
    steps: int
    curve: list[float]
    seconds: float = 0.0
    findings: Any = ()
    not_run: Any = ()


@cache
def rows(data: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    from sklearn import datasets

    load = {"digits": datasets.load_digits, "cancer": datasets.load_breast_cancer, "wine": datasets.load_wine,
            "iris": datasets.load_iris, "diabetes": datasets.load_diabetes}[data]  # fmt: skip
    values, target = load(return_X_y=True)
    return values.astype(np.float64), target


def split(program: Program, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and held-out rows, scaled by the training rows; targets as the loss wants them."""
    values, target = rows(program.data)
    random = np.random.default_rng(seed)
    order = random.permutation(len(values))
    if program.rarer < 1.0:
        keep = (target[order] != target.max()) | (random.random(len(order)) < program.rarer)
        order = order[keep]
    cut = max(len(order) // 4, 20)
    held, learned = order[:cut], order[cut:]
    if program.rows:
        learned = learned[: program.rows]
    center, spread = values[learned].mean(0), values[learned].std(0)
    spread[spread < 1e-9] = 1.0
    scaled = (values - center) / spread
    if program.inputs == "raw":
        scaled = values
    elif program.inputs.startswith("times"):
        scaled = scaled * float(program.inputs.removeprefix("times"))
    elif program.inputs.startswith("column"):
        scaled = scaled.copy()
        scaled[:, :2] *= float(program.inputs.removeprefix("column"))
    x, y = scaled[learned].copy(), target[learned].copy()
    if program.missing:
        cells = random.random(x.shape) < program.missing
        cells[0, 0] = True
        x[cells] = np.nan
    if program.labels:
        wrong = random.random(len(y)) < program.labels
        y[wrong] = random.permutation(y)[wrong]
    if program.data == "diabetes":
        middle, width = target[learned].mean(), target[learned].std()
        wanted = [torch.tensor((part - middle) / width, dtype=torch.float32)[:, None] for part in (y, target[held])]
    else:
        wanted = [torch.tensor(part) for part in (y, target[held])]
    given = [torch.tensor(part, dtype=torch.float32) for part in (x, scaled[held])]
    return given[0], wanted[0], given[1], wanted[1]


class Rows(nn.Module):
    """Views a digit as an image, or as a sequence of its lines; what is no digit as columns, one after the other."""

    def __init__(self, network: str) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: Tensor) -> Tensor:
        if self.network == "cnn":
            return values.view(-1, 1, 8, 8)
        width = 8 if values.shape[1] == 64 else 1
        return values.view(len(values), -1, width)


class Recurrent(nn.Module):
    def __init__(self, kind: str, width: int, wide: int) -> None:
        super().__init__()
        self.cells = (nn.LSTM if kind == "lstm" else nn.GRU)(width, wide, batch_first=True)

    def forward(self, steps: Tensor) -> Tensor:
        return self.cells(steps)[0][:, -1]


class Attention(nn.Module):
    def __init__(self, width: int, wide: int, length: int, depth: int, dropout: float, mixes: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(width, wide)
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
    layers: list[nn.Module] = []
    act = ACTIVATIONS[program.activation]
    width = program.width
    if program.network == "cnn":
        layers += [Rows("cnn"), nn.Conv2d(1, 16, 3, padding=1), *_normal(program, 16, True), act(), nn.MaxPool2d(2),
                   nn.Conv2d(16, 32, 3, padding=1), *_normal(program, 32, True), act(), nn.MaxPool2d(2),
                   nn.Flatten()]  # fmt: skip
        before = 32 * 4
    elif program.network in ("lstm", "gru"):
        layers += [Rows("sequence"), Recurrent(program.network, 8 if inputs == 64 else 1, width)]
        before = width
    elif program.network == "transformer":
        step = 8 if inputs == 64 else 1
        layers += [
            Rows("sequence"),
            Attention(step, width, inputs // step, program.depth, program.dropout, program.mixes_rows),
        ]
        before = width
    else:
        before = inputs
        for _ in range(program.depth):
            layers += [nn.Linear(before, width), *_normal(program, width, False), act()]
            if program.dropout:
                layers.append(nn.Dropout(program.dropout))
            before = width
    if program.mixes_rows and program.network != "transformer":
        layers.append(Mixed())
    layers.append(nn.Linear(before, outputs))
    if program.final != "none":
        layers.append(
            {
                "softmax": nn.Softmax(1),
                "sigmoid": nn.Sigmoid(),
                "relu": nn.ReLU(),
                "log-softmax": nn.LogSoftmax(1),
                "tanh": nn.Tanh(),
            }[program.final]
        )
    model = nn.Sequential(*layers)
    _initialise(program, model)
    return model


def _normal(program: Program, width: int, image: bool) -> list[nn.Module]:
    if program.normalise == "batch":
        return [nn.BatchNorm2d(width) if image else nn.BatchNorm1d(width)]
    if program.normalise == "layer" and not image:
        return [nn.LayerNorm(width)]
    return []


def _initialise(program: Program, model: nn.Module) -> None:
    plain = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
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


def run(program: Program, seed: int, watching: bool = True) -> Ran:
    """Trains it, as a person's own loop would, with `luban.watch` looking on where that is asked for."""
    import contextlib
    import io
    import time

    import luban

    torch.manual_seed(seed)
    x, y, held, wanted = split(program, seed)
    classes = program.data != "diabetes" and program.network != "autoencoder"
    outputs = x.shape[1] if program.network == "autoencoder" else int(rows(program.data)[1].max()) + 1 if classes else 1
    if program.network == "autoencoder":
        y, wanted = x, held
    model = build(program, x.shape[1], outputs)
    if program.shape == "flat" and not classes:
        y, wanted = y.flatten(), wanted.flatten()
    loss_function: nn.Module = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    if program.loss == "nll":
        loss_function = nn.NLLLoss()
    if program.storage != "float32":
        model = model.to(getattr(torch, program.storage))
        x, held = x.to(getattr(torch, program.storage)), held.to(getattr(torch, program.storage))
    frozen = _freeze(program, model)
    meant = frozen if program.declared and program.frozen.startswith("off") else ()
    optimizer = _optimizer(program, model)
    scheduler = _scheduler(program, optimizer, math.ceil(len(x) / program.batch / program.accumulation))
    generator = torch.Generator().manual_seed(seed)
    curve: list[float] = []
    finite, steps = True, 0
    talk: contextlib.AbstractContextManager[Any] = contextlib.redirect_stderr(io.StringIO())
    started = time.thread_time()
    looking: Any = contextlib.nullcontext()
    if watching:
        looking = luban.watch(
            model, optimizer, loss=loss_function, scheduler=scheduler, clip=program.clip,
            accumulation=program.accumulation, frozen=meant,
        )  # fmt: skip
    with talk, looking as w:
        for _ in range(program.epochs):
            model.train(program.training_mode)
            order = torch.randperm(len(x), generator=generator) if program.shuffled else torch.argsort(_key(y))
            for number, at in enumerate(range(0, len(order) - 1, program.batch)):
                picked = order[at : at + program.batch]
                if len(picked) < 2:
                    continue
                if program.zero_gradients and number % program.accumulation == 0:
                    optimizer.zero_grad()
                loss = loss_function(model(x[picked]).float(), y[picked])
                (loss / program.accumulation).backward()
                if (number + 1) % program.accumulation:
                    continue
                if program.clip is not None and program.clips:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), program.clip)
                optimizer.step()
                if scheduler is not None and program.steps_schedule:
                    scheduler.step()
                steps += 1
                finite = finite and math.isfinite(float(loss))
                if watching:
                    w.step(loss, x[picked], y[picked])
            value, score = _held_out(program, model, loss_function, held, wanted, classes)
            curve.append(score)
            if watching:
                w.validation(value, score=score)
    ran = Ran(max(curve), finite, steps, curve, time.thread_time() - started)
    if watching:
        ran.findings, ran.not_run = w.findings, w.not_run
    return ran


def _key(target: Tensor) -> Tensor:
    return target if target.ndim == 1 else target[:, 0]


def _held_out(
    program: Program, model: nn.Module, loss: nn.Module, x: Tensor, y: Tensor, classes: bool
) -> tuple[float, float]:
    model.train(not program.evaluation_mode)
    with torch.no_grad():
        answers = model(x).float()
        value = float(loss(answers, y))
    if classes:
        return value, float((answers.argmax(1) == y).float().mean())
    if not math.isfinite(value):
        return value, -1.0
    error = (
        float(((answers.flatten() - y.flatten()) ** 2).mean())
        if answers.shape[0] * answers.shape[-1] == y.numel()
        else value
    )
    return value, 1.0 - error / float(y.var())


def _freeze(program: Program, model: nn.Module) -> tuple[str, ...]:
    if program.frozen == "none":
        return ()
    weights = [(name, p) for name, p in model.named_parameters() if p.ndim > 1]
    chosen = weights[:1] if program.frozen.endswith("first") else weights[: max(len(weights) - 1, 1)]
    if program.frozen.startswith("off"):
        for _, parameter in chosen:
            parameter.requires_grad_(False)
    return tuple(name for name, _ in chosen)


def _optimizer(program: Program, model: nn.Module) -> torch.optim.Optimizer:
    parameters = list(model.parameters())
    if program.frozen.startswith("outside"):
        weights = [p for p in parameters if p.ndim > 1]
        out = weights[:1] if program.frozen.endswith("first") else weights[:-1]
        parameters = [p for p in parameters if not any(p is one for one in out)]
    kinds: dict[str, Any] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "sgd": torch.optim.SGD,
        "rmsprop": torch.optim.RMSprop,
    }
    asked: dict[str, Any] = {"lr": program.rate, "weight_decay": program.weight_decay}
    if program.optimizer == "sgd":
        asked["momentum"] = 0.9
    if not program.decays:
        return kinds[program.optimizer]([{"params": parameters, "weight_decay": 0.0}], **asked)
    return kinds[program.optimizer](parameters, **asked)


def _scheduler(program: Program, optimizer: torch.optim.Optimizer, steps: int) -> Any:
    if program.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps * program.epochs, 1))
    if program.schedule == "warm":
        return torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, max(steps, 1))
    return None
