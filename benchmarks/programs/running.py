"""The plain loop that runs a training program, as a person writes it: with one thing wrong, or none."""

from __future__ import annotations

import contextlib
import io
import math
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import luban
from programs.data import ONE_SCALE, rows
from programs.log import Log
from programs.networks import build, head_again, normalisations
from programs.program import Program


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


def split(program: Program, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training and held-out rows, scaled by the training rows; targets as the loss wants them."""
    values, target = rows(program.data)
    random = np.random.default_rng(seed)
    order = random.permutation(len(values))
    if program.among:
        order = order[: program.among]
    if program.rarer < 1.0:
        keep = (target[order] != target.max()) | (random.random(len(order)) < program.rarer)
        order = order[keep]
    cut = max(len(order) // 4, 20)
    held, learned = order[:cut], order[cut:]
    if program.rows:
        learned = learned[: program.rows]
    scaled = _scaled(program, values, values[learned])
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
    kind = torch.long if program.data == "bbc" else torch.float32
    given = [torch.tensor(part, dtype=kind) for part in (x, scaled[held])]
    return given[0], wanted[0], given[1], wanted[1]


def _scaled(program: Program, values: Any, learned: Any) -> Any:
    if program.data == "bbc" or program.inputs == "raw":
        return values
    axis = None if program.data in ONE_SCALE else 0
    center, spread = np.asarray(learned.mean(axis)), np.asarray(learned.std(axis))
    spread = np.where(spread < 1e-9, 1.0, spread)
    scaled = (values - center) / spread
    if program.inputs.startswith("times"):
        return scaled * float(program.inputs.removeprefix("times"))
    if program.inputs.startswith("column"):
        scaled[:, :2] *= float(program.inputs.removeprefix("column"))
    return scaled


def run(program: Program, seed: int, watching: bool = True, log: Log | None = None) -> Ran:
    """Trains it, as a person's own loop would, with `luban.watch` looking on where that is asked for.

    log: what notes the signals that other tools read.
    """
    return _trained(program, seed, watching, log)[0]


def _trained(program: Program, seed: int, watching: bool, log: Log | None = None) -> tuple[Ran, nn.Module]:
    earlier = None if program.start == "fresh" else _weights(program, seed)
    torch.manual_seed(seed)
    x, y, held, wanted = split(program, seed)
    classes = program.classes
    outputs = x.shape[1] if program.network == "autoencoder" else int(rows(program.data)[1].max()) + 1 if classes else 1
    if program.network == "autoencoder":
        y, wanted = x, held
    model = build(program, x.shape[1], outputs)
    if earlier is not None:
        model.load_state_dict(earlier)
        if program.start == "other":
            head_again(model)
    if program.shape == "flat" and not classes:
        y, wanted = y.flatten(), wanted.flatten()
    loss_function: nn.Module = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    if program.loss == "nll":
        loss_function = nn.NLLLoss()
    if program.storage != "float32":
        model = model.to(getattr(torch, program.storage))
        x, held = x.to(getattr(torch, program.storage)), held.to(getattr(torch, program.storage))
    frozen = _freeze(program, model)
    meant = frozen if program.declared and not program.frozen.startswith("outside") else ()
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
    elif log is not None:
        looking = log.reading(model, classes, program.loss == "nll", x, program.data)
    with talk, looking as w:
        for _ in range(program.epochs):
            model.train(program.training_mode)
            if program.frozen == "norms":
                for layer in normalisations(model):
                    layer.eval()
            order = torch.randperm(len(x), generator=generator) if program.shuffled else torch.argsort(_key(y))
            for number, at in enumerate(range(0, len(order) - 1, program.batch)):
                picked = order[at : at + program.batch]
                if len(picked) < 2:
                    continue
                inputs, targets = x[picked], y[picked]
                if program.zero_gradients and number % program.accumulation == 0:
                    optimizer.zero_grad()
                answers = model(inputs).float()
                loss = loss_function(answers, targets)
                (loss / program.accumulation).backward()
                if (number + 1) % program.accumulation:
                    continue
                if program.clip is not None and program.clips:
                    torch.nn.utils.clip_grad_norm_(model.parameters(), program.clip)
                if log is not None:
                    log.before_step(float(loss), answers, targets)
                optimizer.step()
                if scheduler is not None and program.steps_schedule:
                    scheduler.step()
                steps += 1
                finite = finite and math.isfinite(float(loss))
                if watching:
                    w.step(loss, inputs, targets)
                elif log is not None:
                    log.after_step(optimizer.param_groups[0]["lr"])
            value, score = _held_out(program, model, loss_function, held, wanted, classes)
            curve.append(score)
            if watching:
                w.validation(value, score=score)
            elif log is not None:
                log.checked(value, score)
    ran = Ran(max(curve), finite, steps, curve, time.thread_time() - started)
    if watching:
        ran.findings, ran.not_run = w.findings, w.not_run
    return ran, model


@lru_cache(maxsize=64)
def _weights(program: Program, seed: int) -> dict[str, Tensor]:
    """What the program leaves behind when it begins with new weights and freezes none."""
    earlier = replace(program, start="fresh", frozen="none", rows=0, rarer=1.0)
    seed = seed if program.start == "trained" else seed + 500
    return _trained(earlier, seed, watching=False)[1].state_dict()


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
    """The names of the parameters that are to stay as they are."""
    if program.frozen == "none":
        return ()
    if program.frozen == "norms":
        held = {id(p) for layer in normalisations(model) for p in layer.parameters()}
        chosen = [(name, p) for name, p in model.named_parameters() if id(p) in held]
    else:
        weights = [(name, p) for name, p in model.named_parameters() if p.ndim > 1]
        chosen = weights[:1] if program.frozen.endswith("first") else weights[: max(len(weights) - 1, 1)]
    if not program.frozen.startswith("outside"):
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
