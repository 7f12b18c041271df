"""What a training program is, looked at from outside: its parameters, its loss, its targets, and its batches.

Only looking: no weight, no buffer and no random state is changed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatch
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from luban.batch import Array
from luban.evidence.trace import Activation, Answering, Parameter
from luban.training.observing import dense, layers, read

ROWS = 256
"""Rows of an answer that are looked at."""
_TWO_MODES = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
SHUFFLES, ROUNDS = 200, 10
"""How many shuffles tell whether rows are mixed, and how often as many more are drawn while none was as uneven."""
_TIED_FROM = 64
"""Numbers from which on two equal parameters are no coincidence."""
_LOSSES = {
    "crossentropyloss": "cross-entropy",
    "nllloss": "negative-log-likelihood",
    "bceloss": "binary-cross-entropy",
    "bcewithlogitsloss": "binary-cross-entropy-with-logits",
    "mseloss": "squared",
    "l1loss": "absolute",
    "cross_entropy": "cross-entropy",
    "nll_loss": "negative-log-likelihood",
    "binary_cross_entropy": "binary-cross-entropy",
    "binary_cross_entropy_with_logits": "binary-cross-entropy-with-logits",
    "mse_loss": "squared",
    "l1_loss": "absolute",
}


def loss_function(loss: Any) -> str:
    """The name of a loss that torch has, as a `Trace` has it; empty for any other, and for one that adds rows up.

    >>> loss_function(nn.MSELoss()), loss_function(nn.functional.cross_entropy), loss_function(max)
    ('squared', 'cross-entropy', '')
    """
    if getattr(loss, "reduction", "mean") != "mean" or getattr(loss, "weight", None) is not None:
        return ""
    name = getattr(loss, "__name__", type(loss).__name__)
    return _LOSSES.get(name.lower(), "")


def parameters(
    module: nn.Module, optimisers: Sequence[torch.optim.Optimizer], frozen: Iterable[str]
) -> tuple[Parameter, ...]:
    """The parameters of a module as they are now. frozen: patterns of names that were declared to stay."""
    held: dict[int, list[float]] = {}
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            for parameter in group["params"]:
                held.setdefault(id(parameter), []).append(float(group.get("weight_decay", 0.0)))
    patterns = tuple(frozen)
    found = []
    for layer, owner in layers(module).items():
        for own, parameter in owner.named_parameters(recurse=False):
            name = own if owner is module else f"{layer}.{own}"
            decays = held.get(id(parameter), [])
            declared = any(fnmatch(name, pattern) or fnmatch(name, f"{pattern}.*") for pattern in patterns)
            kind = _kind(owner, parameter)
            found.append(
                Parameter(
                    name, layer, kind, tuple(parameter.shape), parameter.requires_grad, len(decays),
                    max(decays, default=0.0), declared, str(parameter.dtype).removeprefix("torch."),
                    spread(parameter) if kind == "weight" else None, not bool(parameter.detach().any()),
                )
            )  # fmt: skip
    return tuple(found)


def _kind(owner: nn.Module, parameter: Tensor) -> Literal["weight", "embedding", "bias", "normalisation"]:
    if isinstance(owner, nn.Embedding | nn.EmbeddingBag):
        return "embedding"
    if "Norm" in type(owner).__name__:
        return "normalisation"
    return "weight" if parameter.ndim > 1 else "bias"


def spread(weight: Tensor) -> float | None:
    """How far the units of a layer differ; None for one unit. See `Parameter`.

    >>> spread(torch.ones(4, 3)), spread(torch.eye(4)) > 1
    (0.0, True)
    """
    if weight.ndim < 2 or len(weight) < 2:
        return None
    rows = weight.detach().float().flatten(1)
    size = float(rows.abs().mean())
    if not size > 0:
        return 0.0
    # Twice, so that units that are alike differ by 0; a quarter of the time of torch's own deviation.
    apart = rows - rows[:1]
    apart -= apart.mean(dim=0)
    return float(apart.square_().mean(dim=0).sqrt().mean()) / size


def asked_decay(optimiser: torch.optim.Optimizer) -> float:
    """The weight decay that an optimiser was made with; 0 where it is only what its class takes by itself.

    >>> weights = [torch.nn.Parameter(torch.ones(2))]
    >>> asked_decay(torch.optim.AdamW(weights)), asked_decay(torch.optim.AdamW(weights, weight_decay=0.1))
    (0.0, 0.1)
    """
    own = inspect.signature(type(optimiser).__init__).parameters.get("weight_decay")
    asked = optimiser.defaults.get("weight_decay", 0.0)
    return 0.0 if own is not None and asked == own.default else float(asked)


def constant_loss(function: str, targets: Sequence[Tensor]) -> float | None:
    """The loss of the best constant answer to these targets; None where it is not known for the loss.

    >>> round(constant_loss("cross-entropy", [torch.tensor([0, 1, 2, 3])]), 3)
    1.386
    """
    if not targets:
        return None
    if function in ("cross-entropy", "negative-log-likelihood") and not targets[0].is_floating_point():
        known = torch.cat([target.detach().flatten() for target in targets])
        known = known[known >= 0]
        if not len(known):
            return None
        shares = torch.bincount(known).float() / len(known)
        return float(-(shares[shares > 0] * shares[shares > 0].log()).sum())
    each = _columns(targets)
    if function in ("cross-entropy", "negative-log-likelihood"):
        shares = each.mean(dim=0)
        return float(-(shares[shares > 0] * shares[shares > 0].log()).sum())
    if function.startswith("binary-cross-entropy"):
        share = each.mean(dim=0).clamp(1e-12, 1 - 1e-12)
        return float(-(share * share.log() + (1 - share) * (1 - share).log()).mean())
    if function == "squared":
        return float(each.var(dim=0, correction=0).mean())
    if function == "absolute":
        return float((each - each.median(dim=0).values).abs().mean())
    return None


def _columns(targets: Sequence[Tensor]) -> Tensor:
    """(rows, values) of all batches; one column where rows differ in their length."""
    each = [target.detach().double() for target in targets]
    tables = [one.flatten(1) if one.ndim > 1 else one.reshape(-1, 1) for one in each]
    if len({table.shape[1] for table in tables}) > 1:
        tables = [table.reshape(-1, 1) for table in tables]
    return torch.cat(tables)


def answering(answers: Sequence[Tensor], targets: Sequence[Tensor | None], last: Activation | None) -> Answering | None:
    """What was answered to the first batches. last: the activation function that gave the answers out."""
    kept = [answer.detach().float()[:ROWS] for answer in answers if answer.ndim > 1]
    if not kept:
        return None
    # Sequences may differ in their length from batch to batch.
    values = torch.cat([answer.flatten(0, -2) for answer in kept if answer.shape[-1] == kept[0].shape[-1]])
    wanted = [target for target in targets if target is not None]
    many = values.shape[1] > 1
    # The axis of classes is the last one of two, and the second of more: only the usual case of two is looked at.
    plain = kept[0].ndim == 2
    sums = values.sum(dim=1)
    outside = 0.0
    if wanted and last is not None and last.function in ("tanh", "sigmoid") and wanted[0].is_floating_point():
        low = -1.0 if last.function == "tanh" else 0.0
        reached = torch.cat([target.detach().float().flatten() for target in wanted])
        outside = float(((reached < low) | (reached > 1.0)).float().mean())
    return Answering(
        shape=tuple(kept[0].shape[1:]),
        target_shape=tuple(wanted[0].shape[1:]) if wanted else None,
        sums_to_one=bool(plain and many and (values >= 0).all() and ((sums - 1).abs() < 1e-3).all()),
        unit=bool((values >= 0).all() and (values <= 1).all()),
        positive=bool((values >= 0).all()),
        logarithms=bool(plain and many and (torch.logsumexp(values, dim=1).abs() < 1e-3).all()),
        outside=outside,
        rows=len(values),
        target_rows=len(wanted[0]) if wanted else None,
    )


def mixing(targets: Sequence[Array]) -> float | None:
    """The probability that shuffled rows differ as much between batches as these do; None where nothing can be said.

    targets: of one batch each. Classes by their counts, values by their means: a permutation test over 200 shuffles of
    the rows that were seen; where none of them was as uneven, over 2,000, which has 1/2001 as its smallest answer.

    >>> mixing([np.zeros(20, int), np.ones(20, int), np.full(20, 2)]) < 0.01
    True
    """
    sizes = [len(batch) for batch in targets]
    if len(sizes) < 3 or min(sizes) < 4:
        return None
    values = np.concatenate(targets)
    if not np.isfinite(values).all() or values.min() == values.max():
        return None
    classes = values.dtype.kind in "iub" and values.min() >= 0 and values.max() < 1000
    apart = _classes_apart(values.astype(int), sizes) if classes else _means_apart(values.astype(float), sizes)
    random = np.random.default_rng(0)
    seen = apart(np.arange(len(values))[None])[0]
    drawn = as_uneven = 0
    while not as_uneven and drawn < SHUFFLES * ROUNDS:
        orders = np.stack([random.permutation(len(values)) for _ in range(SHUFFLES)])
        as_uneven += int((apart(orders) >= seen - 1e-9).sum())
        drawn += SHUFFLES
    return (1 + as_uneven) / (1 + drawn)


def _classes_apart(classes: Array, sizes: Sequence[int]) -> Callable[[Array], Array]:
    """How far batches of these sizes differ in their classes, for each order of the rows: squared counts over sizes."""
    kinds = int(classes.max()) + 1
    places = kinds * np.repeat(np.arange(len(sizes)), sizes)
    weights = np.repeat(1 / np.array(sizes), kinds)

    def apart(orders: Array) -> Array:
        cells = classes[orders]
        # In place: of many rows a copy is large.
        cells += places
        cells += len(weights) * np.arange(len(orders))[:, None]
        counts = np.bincount(cells.ravel(), minlength=len(orders) * len(weights)).reshape(len(orders), -1)
        return np.asarray(counts**2 @ weights)

    return apart


def _means_apart(values: Array, sizes: Sequence[int]) -> Callable[[Array], Array]:
    """The same of values: squared sums over sizes."""
    edges = np.cumsum([0, *sizes[:-1]])

    def apart(orders: Array) -> Array:
        return np.asarray((np.add.reduceat(values[orders], edges, axis=1) ** 2 / np.array(sizes)).sum(axis=1))

    return apart


def equal_pairs(module: nn.Module) -> list[tuple[str, str]]:
    """An embedding and a linear layer, or two, that are different objects with equal weights: they look tied, and
    are not.
    """
    found: list[tuple[str, str]] = []
    embeddings = [(f"{n}.weight", m.weight) for n, m in module.named_modules() if isinstance(m, nn.Embedding)]
    linear = [(f"{n}.weight", m.weight) for n, m in module.named_modules() if isinstance(m, nn.Linear)]
    for name, weight in embeddings:
        for other, same in linear:
            alike = weight is not same and weight.shape == same.shape and weight.numel() >= _TIED_FROM
            alike = alike and weight.device == same.device
            if alike and torch.equal(weight.detach(), same.detach()) and bool(weight.detach().any()):
                found.append((name, other))
    return found


def switched_off(module: nn.Module) -> tuple[str, ...]:
    """Layers that act differently in training and are in evaluation, where the whole network is in evaluation too.

    A part that was switched by itself, as frozen batch normalisation is, was meant.
    """
    if module.training:
        return ()
    return tuple(name or "network" for name, layer in module.named_modules() if isinstance(layer, _TWO_MODES))


def in_training(module: nn.Module) -> bool:
    """Whether a layer that acts differently in training is in training.

    >>> in_training(nn.Dropout()), in_training(nn.Dropout().eval()), in_training(nn.Linear(1, 1))
    (True, False, False)
    """
    return any(isinstance(layer, _TWO_MODES) and layer.training for layer in module.modules())


def gradient_norm(found: Iterable[Tensor]) -> float:
    """The norm of all gradients together; 0 without any."""
    gradients = [dense(parameter.grad) for parameter in found if parameter.grad is not None]
    if not gradients:
        return 0.0
    return math.hypot(*read(torch._foreach_norm(gradients)))


def targets_of(target: Any) -> Array | None:
    """(rows,) of a batch's targets, as they come; None for sequences and the like."""
    if not isinstance(target, Tensor) or target.ndim == 0:
        return None
    values = target.detach()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        return None
    return np.asarray(values.cpu().float().numpy() if values.is_floating_point() else values.cpu().numpy())
