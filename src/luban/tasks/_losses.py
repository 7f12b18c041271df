"""What networks minimise, for each row by itself, so that weights, mixed rows and accumulation stay exact.

outputs: (rows, outputs) as the network gives them, before any softmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from luban.core.errors import UsageError
from luban.recipe.recipe import Train
from luban.spans import OUTSIDE

if TYPE_CHECKING:
    from torch import Tensor


def of_classes(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) cross-entropy. target: (rows,) int64 codes, or (rows, classes) shares of mixed rows.

    >>> import torch
    >>> of_classes(torch.zeros(1, 4), torch.tensor([2]), Train()).exp().round().tolist()  # four classes, none likelier
    [4.0]
    """
    from torch.nn import functional

    _only(train.loss, "classes", ("auto", "cross-entropy"))
    return functional.cross_entropy(outputs, target, reduction="none", label_smoothing=train.label_smoothing)


def of_labels(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) binary cross-entropy, the mean over the labels. target: (rows, labels) of 0 to 1."""
    from torch.nn import functional

    _only(train.loss, "labels", ("auto", "cross-entropy"))
    smooth = target.to(outputs.dtype) * (1 - train.label_smoothing) + train.label_smoothing / 2
    return functional.binary_cross_entropy_with_logits(outputs, smooth, reduction="none").mean(dim=1)


def of_values(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) squared error (`auto`), absolute error, or Huber's with its corner at 1 (1964), the mean over outputs.

    target: (rows,) or (rows, outputs), standardised by the training rows.
    """
    from torch.nn import functional

    _only(train.loss, "values", ("auto", "squared", "absolute", "huber"))
    kinds = {"absolute": functional.l1_loss, "huber": functional.huber_loss}
    kind: Any = kinds.get(train.loss, functional.mse_loss)
    each = kind(outputs, target.reshape(outputs.shape), reduction="none")
    return each.mean(dim=1)


def of_steps(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) cross-entropy, the mean over the steps of each row that have a code.

    outputs: (rows, steps, codes). target: (rows, steps) int64, -1 where there is none, which has no loss.

    >>> import torch
    >>> of_steps(torch.zeros(1, 3, 4), torch.tensor([[2, 0, -1]]), Train()).exp().round().tolist()
    [4.0]
    """
    from torch.nn import functional

    _only(train.loss, "codes of steps", ("auto", "cross-entropy"))
    codes, smoothing = target.flatten(), train.label_smoothing
    each = functional.cross_entropy(
        outputs.flatten(0, 1), codes, ignore_index=-1, reduction="none", label_smoothing=smoothing
    )
    return each.reshape(target.shape).sum(dim=1) / (target >= 0).sum(dim=1).clamp(min=1)


def of_spans(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) cross-entropy of the first and of the last step of a span, the mean of both (Devlin et al., 2019).

    outputs: (rows, steps, 2), and `OUTSIDE` where no span begins or ends. target: (rows, 2) the first and last step.

    >>> import torch
    >>> of_spans(torch.tensor([[[0.0, 0.0], [0.0, 0.0], [OUTSIDE, OUTSIDE]]]), torch.tensor([[1, 1]]), Train()).exp()
    tensor([2.])
    """
    _only(train.loss, "spans", ("auto", "cross-entropy"))
    logs = outputs.log_softmax(dim=1)
    each = -logs.gather(1, target[:, None, :]).squeeze(1)
    if train.label_smoothing:
        able = outputs > OUTSIDE / 2
        spread = -(logs * able).sum(dim=1) / able.sum(dim=1)
        each = (1 - train.label_smoothing) * each + train.label_smoothing * spread
    return each.mean(dim=1)


def _only(loss: str, what: str, fitting: tuple[str, ...]) -> None:
    if loss not in fitting:
        raise UsageError(f"the loss '{loss}' is not one for {what}.", where="train.loss", fix=" or ".join(fitting))


def of_quantiles(outputs: Tensor, target: Tensor, train: Train) -> Tensor:
    """(rows,) the pinball loss (Koenker and Bassett, 1978), the mean over the shares and the steps.

    outputs: (rows, shares * steps), all steps of the smallest share first. target: (rows, steps).

    >>> import torch
    >>> half = Train(loss="quantile", quantiles=(0.5,))
    >>> of_quantiles(torch.tensor([[1.0]]), torch.tensor([[3.0]]), half).tolist()
    [1.0]
    """
    import torch

    shares = torch.tensor(sorted(train.quantiles), dtype=outputs.dtype, device=outputs.device)[:, None]
    away = target[:, None, :] - outputs.reshape(len(outputs), len(shares), -1)
    return torch.maximum(shares * away, (shares - 1) * away).mean(dim=(1, 2))
