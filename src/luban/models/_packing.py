"""Words as a pretrained encoder reads them: the tokens of all words of a row one behind the other, in windows.

A window is as long as the encoder can read. A row that has room in one is one; a longer one is read in several that
overlap, and the state of a word is taken from that in which it stands farthest from an edge (Devlin et al., 2019, cut
long contexts so). Which windows a row has depends on the row alone, and not on those beside it.

A row has room for so many tokens a word, on average; where it has more, its longest words lose their last ones. Graphs
are as long as there is room for, since the size of each of their tensors has to be known before they run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from luban.batch import Array
from luban.models._layers import own_steps
from luban.models._pretrained_encoder import END, START, PretrainedEncoder
from luban.protocols import Shape

MARKED = 2
"""The marks of a window."""
OVERLAP = 4
"""One of so many tokens of a window is read in the next one too."""


@dataclass(frozen=True, eq=False)
class Packed:
    """tokens: (rows * windows, length), each window between both marks. lengths: (rows * windows,).

    places: (rows, words) where the first token of each word is, among all tokens of the windows of its row.
    """

    tokens: Tensor
    lengths: Tensor
    places: Tensor


def packed(tokens: Tensor, room: int, each: int) -> Packed:
    """The windows of rows of words. tokens: (rows, words, most), 0 where there is none. room: tokens of a window. each:
    how many tokens a word has in its row, on average, at most.

    >>> found = packed(torch.tensor([[[7, 0], [8, 9]], [[6, 0], [0, 0]]]), room=5, each=2)
    >>> found.tokens.tolist(), found.lengths.tolist(), found.places.tolist()
    ([[2, 7, 8, 9, 3], [2, 6, 3, 0, 0]], [5, 3], [[1, 2], [1, 1]])
    """
    rows, words, most = tokens.shape
    flat = tokens.reshape(rows, words * most).long()
    behind = (flat > 0).long().cumsum(dim=1)
    counts = behind[:, -1]
    stride = room - room // OVERLAP
    windows = 1 + (counts - room + stride - 1).clamp(min=0) // stride
    if torch.compiler.is_exporting():
        longest = words * min(each, most)
        width = torch.sym_min(longest, room)
        most_windows = 1 + torch.sym_max(longest - room + stride - 1, 0) // stride
    else:
        longest, width, most_windows = (max(int(some.max()), 1) for some in (counts, counts.clamp(max=room), windows))
    # Tokens in their order, and behind them what is none.
    place = torch.arange(words * most, device=flat.device)[None, :]
    order = torch.where(flat > 0, place, place + words * most).topk(longest, dim=1, largest=False).indices
    row = flat.gather(1, order)
    number = torch.arange(most_windows, device=flat.device)
    step = torch.arange(most_windows * width, device=flat.device)
    inside = (step + step // width * (stride - width)).clamp(max=longest - 1)
    framed = row[:, inside].reshape(rows * most_windows, width)
    # Behind its last window a row may have tokens that stand in it already.
    read = (counts[:, None] - number[None, :] * stride).clamp(min=0, max=room) * (number[None, :] < windows[:, None])
    own = read.reshape(rows * most_windows)
    edge = framed[:, :1]
    step = torch.arange(width + MARKED, device=flat.device)[None, :]
    framed = torch.cat([edge, framed, edge], dim=1).masked_fill(step == 0, START)
    framed = framed.masked_fill(step == own[:, None] + 1, END).masked_fill(step > own[:, None] + 1, 0)
    first = (behind.reshape(rows, words, most)[:, :, 0] - 1).clamp(min=0)
    window = torch.minimum((first - room // OVERLAP // 2).clamp(min=0) // stride, windows[:, None] - 1)
    return Packed(framed, own + MARKED, window * (width + MARKED) + 1 + first - window * stride)


def within(tokens: Tensor, lengths: Tensor, each: int) -> Tensor:
    """The tokens that a row has room for: of its words the first so many, as many as there is room for. lengths:
    (rows,) its words.

    >>> within(torch.tensor([[[7, 5, 4], [8, 9, 0]]]), torch.tensor([2]), each=2).tolist()
    [[[7, 5, 0], [8, 9, 0]]]
    """
    own = tokens * own_steps(lengths, tokens.shape[1])[:, :, None]
    so_far = (own > 0).long().sum(dim=1).cumsum(dim=1)
    return own * (so_far <= each * lengths[:, None])[:, None, :]


@final
class PretrainedWords(nn.Module):
    """(rows, width) of words (rows, words, numbers): the vector of a row of tokens, of several windows their mean.

    encoder: what reads tokens. shape: of the words, behind whose own numbers are those of their tokens, and how many of
    them a row has room for. room: tokens that it reads at once, beside both marks.
    """

    def __init__(self, encoder: PretrainedEncoder, shape: Shape, room: int) -> None:
        super().__init__()
        self.encoder, self.room = encoder, room
        _, self.numbers, _, _, self.each = shape.size
        self.width = encoder.width

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        read = self.packed(values, lengths)
        vectors: Tensor = self.encoder(read.tokens, read.lengths)
        vectors = vectors.reshape(values.shape[0], -1, self.width)
        there = (read.lengths > MARKED).reshape(values.shape[0], -1, 1).to(vectors.dtype)
        # Of a row without any token there is the vector of nothing.
        there = torch.cat([torch.ones_like(there[:, :1]), there[:, 1:]], dim=1)
        return (vectors * there).sum(dim=1) / there.sum(dim=1)

    def narrow(self, numbers: Array) -> None:
        """Lets the embeddings of no other tokens learn than of these words. numbers: as it reads them."""
        self.encoder.narrow(np.unique(numbers[..., self.numbers :]))

    def states(self, values: Tensor, lengths: Tensor) -> Tensor:
        """(rows, words, width) of each word; 0 behind the end of a row."""
        read = self.packed(values, lengths)
        found = self.encoder.states(read.tokens, read.lengths)
        found = found.reshape(values.shape[0], -1, self.width)
        states = found.gather(1, read.places[:, :, None].expand(-1, -1, self.width))
        return states * own_steps(lengths, values.shape[1])[:, :, None].to(states.dtype)

    def packed(self, values: Tensor, lengths: Tensor) -> Packed:
        """The windows in which rows are read."""
        return packed(within(values[..., self.numbers :], lengths, self.each), self.room, self.each)
