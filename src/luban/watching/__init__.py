"""`luban.watch`: for a training loop of one's own. It looks on, tells what goes wrong and what would cure it, and
changes nothing of the training.

    with luban.watch(model, optimizer, loss=loss_function) as w:
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = loss_function(model(inputs), targets)
            loss.backward()
            optimizer.step()
            w.step(loss, inputs, targets)

Beginning a watch is here. `loop` is the training as it goes by, and what `w` is; `beginning` what the first batches
say; `gradients` what they are before a step; `order` whether batches come again; `replicas` whether processes drift
apart; `findings` what was found, and how it is told. What a condition is lies in `conditions/`; what they read, the
trace, grows here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from luban.core.errors import UsageError
from luban.evidence.trace import Told
from luban.watching.loop import Watch as Watch

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer


def watch(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    *,
    loss: Any = None,
    scheduler: Any = None,
    clip: float | None = None,
    frozen: Iterable[str] = (),
    accumulation: int = 1,
    stop_on: Literal["severe", "warning"] | None = None,
    out: str | Path | None = None,
) -> Watch:
    """What looks on while a model is trained; a context manager.

    model: the network whose forward pass is made, in each of the processes that train together. optimizer: one, or
    several. loss: the loss function, a module or function of torch. scheduler: of the learning rate.
    clip: the norm that you clip gradients to. frozen: names or patterns of parameters that are meant to stay.
    accumulation: batches whose gradients you add up before a step.
    stop_on: raises luban.TrainingFault at the first finding that is so severe. out: a JSON file for what was found.

    >>> import torch
    >>> model = torch.nn.Linear(3, 2)
    >>> with watch(model, torch.optim.SGD(model.parameters(), lr=0.1)) as w:
    ...     pass
    >>> w.findings
    ()
    """
    if stop_on not in (None, "severe", "warning"):
        raise UsageError(f"stop_on is 'severe', 'warning' or None, not {stop_on!r}.", where="luban.watch")
    optimizers = list(optimizer) if isinstance(optimizer, Sequence) else [optimizer]
    if not hasattr(model, "named_modules") or not optimizers or not all(hasattr(o, "param_groups") for o in optimizers):
        raise UsageError(
            f"a network and its optimiser are watched, not {type(model).__name__} and {type(optimizer).__name__}.",
            where="luban.watch",
            fix="luban.watch(model, optimizer)",
        )
    if accumulation < 1:
        raise UsageError(f"accumulation counts batches from 1 on, not {accumulation}.", where="luban.watch")
    told = Told(clip=clip, accumulation=accumulation, schedule=scheduler is not None)
    return Watch(model, optimizers, loss, scheduler, told, tuple(frozen), stop_on, None if out is None else Path(out))
