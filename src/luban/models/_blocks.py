"""Blocks of packed documents inside torch: which steps may see which, and the loss of a block.

A block is a stretch of the documents one behind the other: each begins with START and ends with END, so where a
document begins is seen from the tokens themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

START, END, MASK = 2, 3, 4
"""The numbers of marks, as `features/text` has them; what is no mark comes behind them."""
MARKS = 5


def same_document(tokens: Tensor) -> Tensor:
    """(rows, 1, steps, steps) whether two steps belong to one document. tokens: (rows, steps) int64.

    >>> same_document(torch.tensor([[7, 3, 2, 8]]))[0, 0].int().tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    """
    number = (tokens == START).cumsum(dim=1)
    return (number[:, None, :] == number[:, :, None])[:, None]


def one_document(tokens: Tensor) -> bool:
    """Whether no document begins within a row, behind its first step."""
    return not bool((tokens[:, 1:] == START).any())


def numbers_of(tokens: Tensor, marks: Tensor) -> Tensor:
    """The numbers that a pretrained body has for luban's tokens. marks: (5,) what stands for luban's own marks.

    >>> numbers_of(torch.tensor([2, 5, 7, 3]), torch.tensor([0, 100, 101, 102, 103])).tolist()
    [101, 0, 2, 102]
    """
    return torch.where(tokens < MARKS, marks[tokens.clamp(max=MARKS - 1)], tokens - MARKS)


def looked_back(tokens: Tensor) -> Tensor | None:
    """(rows, 1, steps, steps) which steps are before each one in its own document, itself among them; None where a row
    is one document, so that all are. tokens: (rows, steps) int64.
    """
    if one_document(tokens):
        return None
    steps = tokens.shape[1]
    return same_document(tokens) & torch.ones(steps, steps, dtype=torch.bool, device=tokens.device).tril()


def places(tokens: Tensor) -> Tensor:
    """(rows, steps) int64: how many steps of its own document are before each one, in this block.

    >>> places(torch.tensor([[7, 3, 2, 8]])).tolist()
    [[0, 1, 0, 1]]
    """
    steps = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    return steps - torch.where(tokens == START, steps, 0).cummax(dim=1).values


def nats(states: Tensor, head: Tensor, wanted: Tensor, bias: Tensor | None = None, *, z_loss: float = 0.0) -> Tensor:
    """-log p of each wanted token. states: (tokens, width). head: (vocabulary, width).

    z_loss: how much the squared log of the sum that it is normalised by is added.
    """
    outputs = functional.linear(states, head, bias).float()
    # One operation for many: with few thousand tokens this takes a tenth of the time of a step.
    found = functional.cross_entropy(outputs, wanted, reduction="none")
    return found + z_loss * torch.logsumexp(outputs, dim=1).square() if z_loss else found


def of_rows(values: Tensor, own: Tensor) -> Tensor:
    """(rows, 1) the mean of the values of each row. own: (rows, steps) which steps have one, in their order.

    >>> of_rows(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([[True, True], [False, True]])).tolist()
    [[2.0], [5.0]]
    """
    rows = torch.zeros(own.shape, dtype=values.dtype, device=values.device)
    sums = rows.masked_scatter(own, values).sum(dim=1)
    return (sums / own.sum(dim=1).clamp(min=1))[:, None]
