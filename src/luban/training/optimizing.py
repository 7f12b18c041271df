"""Optimisers by name, and how the learning rate goes over the steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from luban.core.errors import UsageError
from luban.core.suggest import did_you_mean
from luban.recipe.optimisation import Optimisation
from luban.recipe.recipe import Train

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


def optimizer(module: nn.Module, how: Optimisation, learning_rate: float, *, lower: bool = False) -> Optimizer:
    """The optimiser of the recipe over all parameters that learn; `auto` is `adamw`.

    Weight decay leaves out what has one axis: biases, and the scales and shifts of normalisation, which need none.
    lower: whether the network is trained in bfloat16. Raises UsageError for a name that torch does not have.
    """
    import torch

    groups = _groups(module, how.weight_decay, learning_rate)
    name = how.optimizer.lower().replace("-", "")
    if name == "sgd":
        nesterov = how.nesterov and how.momentum > 0
        return torch.optim.SGD(groups, lr=learning_rate, momentum=how.momentum, nesterov=nesterov)
    if name == "muon":
        from luban.training.muon import Muon

        return Muon(_split(module, groups), lr=learning_rate, lower=lower)
    if name in ("auto", "adam", "adamw"):
        kind = torch.optim.Adam if name == "adam" else torch.optim.AdamW
        return kind(groups, lr=learning_rate, fused=True)
    found: dict[str, Any] = {each.__name__.lower(): each for each in vars(torch.optim).values() if _is_optimizer(each)}
    if name not in found or name in ("optimizer", "lbfgs", "sparseadam"):
        raise UsageError(
            f"no optimiser is called '{how.optimizer}'. {did_you_mean(how.optimizer, [*found, 'sgd', 'muon'])}",
            where="train.optimizer",
        )
    return found[name](groups, lr=learning_rate)


def _groups(module: nn.Module, decay: float, learning_rate: float) -> list[dict[str, Any]]:
    """The parameters that learn, by whether they decay, by their share of the rate, a group's `share`, and by the share
    of the steps behind which they begin to, its `begins`.
    """
    found: dict[tuple[bool, float, float], list[Any]] = {}
    for parameter in module.parameters():
        if parameter.requires_grad:
            own = getattr(parameter, "rate", 1.0), getattr(parameter, "begins", 0.0)
            found.setdefault((parameter.ndim > 1, *own), []).append(parameter)
    ordered = sorted(found.items(), key=lambda group: (not group[0][0], *group[0][1:]))
    return [
        {
            "params": parameters, "weight_decay": decay * decays, "share": share, "begins": begins,
            "lr": learning_rate * share,
        }
        for (decays, share, begins), parameters in ordered
    ]  # fmt: skip


def _split(module: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The groups, with the matrices of layers apart from embeddings and from what has another number of axes."""
    from torch import nn

    embeddings = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    found = []
    for group in groups:
        for orthogonal in (True, False):
            own = [p for p in group["params"] if (p.ndim == 2 and id(p) not in embeddings) == orthogonal]
            if own:
                found.append({**group, "params": own, "orthogonal": orthogonal})
    return found


FALL = 0.5
"""Share of the steps in which the rate of a trapezoid falls (Hägele et al., 2024, find a fifth to a half)."""
LITTLE = 0.1
"""Share of the steps in which other schedules hardly depend on how many follow."""


def settled(schedule: str) -> float:
    """Up to which share of the steps the rate does not depend, or hardly, on how many there are.

    >>> settled("trapezoid"), settled("cosine")
    (0.5, 0.1)
    """
    return {"trapezoid": 1 - FALL, "constant": 1 - LITTLE}.get(schedule, LITTLE)


def at(train: Train, step: int | None = None) -> Train:
    """The recipe's part as it holds at a step, counted from 0; None for the last one.

    >>> how = Train(clip=1.0, later=[{"step": 100, "clip": 0.5}])
    >>> at(how, 99).clip, at(how, 100).clip, at(how).clip
    (1.0, 0.5, 0.5)
    """
    changed: dict[str, float | int] = {}
    for change in train.later:
        if step is None or change.step <= step:
            changed |= change.told()
    return train.model_copy(update=changed) if changed else train


def pace(optimiser: Optimizer, rate: float, gone: float) -> None:
    """Sets the rate of each group of parameters: its share of the one of this step, or 0 before it begins.

    gone: the share of the steps that are over.
    """
    for group in optimiser.param_groups:
        group["lr"] = rate * group["share"] if gone >= group["begins"] else 0.0


def steer(optimiser: Optimizer, how: Optimisation) -> None:
    """Lets an optimiser go on with another weight decay; the learning rate is set at each step."""
    for group in optimiser.param_groups:
        if group["params"][0].ndim > 1:
            group["weight_decay"] = how.weight_decay


def _is_optimizer(each: object) -> bool:
    from torch.optim import Optimizer

    return isinstance(each, type) and issubclass(each, Optimizer)


def factor(schedule: str, warmup: float, step: int, steps: int) -> float:
    """What the learning rate is multiplied by at a step of `steps`, counted from 0: 0 to 1.

    After a linear warm-up: `constant`; `cosine` (Loshchilov and Hutter, 2017) and `linear` down to zero; `trapezoid`
    stays, and falls to zero in a line over the last half; `one-cycle` rises for three tenths of the steps and falls to
    zero, both along a cosine (Smith, 2018). `auto` is `cosine`.

    >>> [round(factor("cosine", 0.0, step, 4), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    >>> factor("constant", 0.5, 0, 4), factor("constant", 0.5, 3, 4)
    (0.5, 1.0)
    """
    if schedule == "one-cycle":
        rise = max(0.3, warmup) * steps
        if step < rise:
            return max(0.5 - 0.5 * math.cos(math.pi * (step + 1) / (rise + 1)), 0.04)
        return 0.5 + 0.5 * math.cos(math.pi * min((step - rise) / max(steps - rise, 1), 1.0))
    rise = int(warmup * steps)
    if step < rise:
        return (step + 1) / rise if rise > 1 else (step + 1) / (rise + 1)
    gone = min((step - rise) / max(steps - rise, 1), 1.0)
    if schedule == "trapezoid":
        return max(min((steps - step) / max(FALL * steps, 1), 1.0), 0.0)
    if schedule in ("cosine", "auto"):
        return 0.5 + 0.5 * math.cos(math.pi * gone)
    return 1.0 - gone if schedule == "linear" else 1.0
