"""Weights that begin from counts of which tokens stand near each other, so that no minutes are spent on finding it.

Of pairs of tokens a b this is the mutual information, shifted and softly cut at zero (Levy and Goldberg, 2014, cut it
hard):

    M[a, b] = log(1 + n(a b) n / (n(a) n(b)))

Of pairs that follow each other U V^T is the matrix of small rank that is nearest to M where the square of a difference
weighs p(a) p(b); of pairs that stand a few tokens apart, whichever is first, T T^T is. Each embedding is made of three
parts: U tells what follows the token, V what it follows, and T what it stands near. Heads of the first layer look at
the token before and put its U where V stands, others put V of the token behind where U stands, and the last takes the
mean of T over all it sees. The head of the network changes little. So it begins by saying, of w between l and r,

    log p(w) + s (U_l V_w + U_w V_r + mean(T) T_w)

and all of it goes on learning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from luban.batch import Array
from luban.models._blocks import MASK, START
from luban.models.bert import modern

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from luban.models.bert.network import MaskedLanguageModel

HIDDEN = 1
"""The number that is large where a token is hidden, behind `modern.PLACE`; all that tell of tokens come behind it."""
NEAR, APART = 0.2, 10
"""The share of the numbers that tell what a token stands near, and up to how many tokens apart that is."""
LENGTH = 10.0
"""The length of embeddings times the root of the width: by trial what is said first is then neither flat nor sharp."""
SMALL, NEARLY_STRAIGHT = 0.1, 0.3
"""What drawn weights are multiplied by where others are put, and what the head of the network multiplies by: GELU of
numbers that small is nearly a straight line."""
RARELY = 0.002
"""Share of the mean count below which a token weighs no less, since its vectors are divided by the weight."""
FEW = 1e-3
"""Share of the usual length below which an embedding tells nothing, and what was drawn stays in its place."""
MOST = 10_000_000
"""Tokens that are counted at most; more hardly change it."""


@torch.no_grad()
def begin(module: MaskedLanguageModel, blocks: Array) -> None:
    """Puts what the blocks tell in the place of fresh weights. blocks: (blocks, steps) tokens that are learned."""
    attention = module.body.layers[0].attn
    size, width = module.embedding.shape
    parts = sides(blocks, size, width - HIDDEN - 1)
    told = torch.from_numpy(np.concatenate(parts, axis=1))
    told /= told.square().sum(dim=1).mean().sqrt()
    drawn = module.embedding / module.embedding.square().sum(dim=1).mean().sqrt()
    silent = (told.norm(dim=1) < FEW)[:, None]
    found = torch.zeros_like(drawn)
    found[:, HIDDEN + 1 : HIDDEN + 1 + told.shape[1]] = told
    found = torch.where(silent, drawn, found)
    found[MASK] = 0
    found[MASK, HIDDEN] = 1
    module.embedding.copy_(found * LENGTH / math.sqrt(width))
    rank, near = parts[0].shape[1], parts[2].shape[1]
    size = attention.head_dim
    heads = width // size
    turns = min(math.ceil(rank / size), max((heads - 1) // 2, 1))
    wide = min(math.ceil(near / size), max(heads - 2 * turns, 0))
    modern.begin(module.body, ((-1, 1) * turns, (-1, 1, -2, 2)))
    before, behind = HIDDEN + 1, HIDDEN + 1 + rank
    for turn in range(turns):
        done = turn * size
        _carry(attention, 2 * turn, before + done, behind + done, rank - done)
        _carry(attention, 2 * turn + 1, behind + done, before + done, rank - done)
    for turn in range(wide):
        head, place = 2 * turns + turn, HIDDEN + 1 + 2 * rank + turn * size
        _carry(attention, head, place, place, near - turn * size)
        attention.Wqkv.weight.view(3, -1, size, width)[:2, head] *= SMALL
    module.dense.weight.mul_(SMALL)
    module.dense.weight.diagonal()[HIDDEN + 1 :] += NEARLY_STRAIGHT
    seen = np.log(np.bincount(blocks.ravel(), minlength=len(module.bias)) + 1.0)
    module.bias.copy_(torch.from_numpy(seen - seen.mean()))


def _carry(attention: Any, head: int, source: int, target: int, count: int) -> None:
    """Lets a head carry so many numbers, or as many as it has, from one place of what it looks at to another."""
    size, width = attention.head_dim, attention.Wo.weight.shape[0]
    if head * size >= width:
        return
    values = attention.Wqkv.weight.view(3, -1, size, width)[2, head]
    out = attention.Wo.weight[:, head * size : (head + 1) * size]
    number = torch.arange(min(size, count))
    values *= SMALL
    out *= SMALL
    values[number], out[:, number] = 0, 0
    values[number, source + number] = 1
    out[target + number, number] = 1


def sides(blocks: Array, size: int, numbers: int) -> tuple[Array, Array, Array]:
    """U, V: (size, rank), and T: (size, near) float32, of `numbers` in all, or of fewer where there are few tokens.

    blocks: (blocks, steps) tokens below size. Tokens of two documents are no pair.

    >>> before, behind, near = sides(np.array([[5, 6, 5, 6, 7, 8, 7, 8]]), 9, 18)
    >>> before.shape, near.shape, int((before @ behind.T)[5].argmax()), int((before @ behind.T)[7].argmax())
    ((9, 7), (9, 3), 6, 8)
    """
    from scipy.sparse.linalg import eigsh, svds

    near = min(int(NEAR * numbers), size - 2)
    rank = min((numbers - near) // 2, size - 2)
    blocks = blocks[:: -(-blocks.size // MOST)]
    document = (blocks == START).cumsum(axis=1)
    seen = np.bincount(blocks.ravel(), minlength=size)
    weight = np.sqrt(np.maximum(seen, RARELY * seen.mean()))[:, None]
    # Where the iterations begin decides their last bits.
    begins = np.ones(size)
    left, values, right = svds(_information(_pairs(blocks, document, 1, size), weight), k=rank, v0=begins)
    apart = sum(_pairs(blocks, document, each, size) for each in range(2, min(APART, blocks.shape[1] - 1) + 1))
    squares, both = eigsh(_information(apart + apart.T, weight), k=near, which="LA", v0=begins)
    root = np.sqrt(values)
    parts = left * root, right.T * root, both * np.sqrt(np.maximum(squares, 0))
    first, second, third = ((part[:, ::-1] / weight).astype(np.float32) for part in parts)
    return first, second, third


def _pairs(blocks: Array, document: Array, apart: int, size: int) -> csr_matrix:
    """(size, size) how often a token stands so many behind another one of its document."""
    from scipy.sparse import csr_matrix

    own = document[:, :-apart] == document[:, apart:]
    row, column = blocks[:, :-apart][own], blocks[:, apart:][own]
    return csr_matrix((np.ones(len(row), np.float32), (row, column)), shape=(size, size))


def _information(counts: csr_matrix, weight: Array) -> csr_matrix:
    """M of these counts, with each line and column multiplied by the weight of its token."""
    from scipy.sparse import csr_matrix

    found = counts.tocoo()
    row, column, each = found.row, found.col, found.data.astype(float)
    firsts, seconds = (np.bincount(side, each, minlength=len(weight)) for side in (row, column))
    told = np.log1p(each * each.sum() / (firsts[row] * seconds[column]))
    return csr_matrix((told * weight[row, 0] * weight[column, 0], (row, column)), shape=counts.shape)
