"""Writing a text from what was read: the likeliest next token each time, or the best of several beams."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar, final

import torch
from torch import Tensor

PAD, START, END = 0, 2, 3
"""The tokens that are no words."""


class Read(Protocol):
    """What was read, and what is kept of the steps that were written."""

    @property
    def memory(self) -> Tensor:
        """(rows, length, width), a state for each step that was read."""

    def take(self, rows: Tensor) -> Self:
        """These rows, by number; a row may come several times."""


States = TypeVar("States", bound=Read)
Next = Callable[[States, Tensor], tuple[Tensor, States]]
"""`following(states, token)`: (rows, vocabulary) raw outputs behind the last token of each row, (rows,) int64, and the
states with what the next step needs of this one."""


@final
@dataclass(frozen=True)
class Written:
    """tokens: without START and END. log_probability: the sum over all of its tokens, END among them if it came.

    ended: whether END came before the longest that was allowed.
    """

    tokens: tuple[int, ...]
    log_probability: float
    ended: bool


def greedy(following: Next[States], states: States, longest: int) -> list[Written]:
    """The likeliest next token each time, until END or `longest` tokens."""
    return beam(following, states, longest, 1)


@torch.inference_mode()
def beam(following: Next[States], states: States, longest: int, beams: int) -> list[Written]:
    """The best of `beams` texts for each row, by the mean log-probability of a token (Wu et al., 2016, with alpha 1).

    Each time every text is continued by every token and the best ones are kept; a text that has ended stays among them.
    """
    rows = states.memory.shape[0]
    # The rows whose texts have not all ended: only these are worth looking at.
    going = torch.arange(rows)
    every = states.take(going.repeat_interleave(beams))
    texts = torch.full((rows * beams, 1), START)
    # At first all beams of a row are the same text: only the first one counts.
    scores = torch.full((rows, beams), -torch.inf)
    scores[:, 0] = 0.0
    ended = torch.zeros(rows, beams, dtype=torch.bool)
    counts = torch.zeros(rows, beams)
    found: list[Written | None] = [None] * rows
    for step in range(longest):
        outputs, every = following(every, texts[:, -1])
        likelihoods = _likelihoods(outputs, ended.flatten())
        vocabulary = likelihoods.shape[1]
        totals = scores[:, :, None] + likelihoods.reshape(len(going), beams, vocabulary)
        lengths = counts[:, :, None] + (~ended).float()[:, :, None]
        order = (totals / lengths.clamp(min=1)).flatten(1).topk(beams, dim=1).indices
        parent, token = order // vocabulary, order % vocabulary
        scores, counts = totals.flatten(1).gather(1, order), lengths.squeeze(2).gather(1, parent)
        kept = (parent + torch.arange(len(going))[:, None] * beams).flatten()
        # A single beam always follows itself.
        texts, every = (texts, every) if beams == 1 else (texts[kept], every.take(kept))
        texts = torch.cat([texts, token.flatten()[:, None]], dim=1)
        ended = ended.gather(1, parent) | (token == END)
        over = ended.all(dim=1) if step + 1 < longest else torch.ones(len(going), dtype=torch.bool)
        if not over.any():
            continue
        best = (scores / counts.clamp(min=1)).argmax(dim=1)
        lines = texts.reshape(len(going), beams, -1)
        for row in over.nonzero().flatten().tolist():
            at = int(best[row])
            found[int(going[row])] = _written(lines[row, at], float(scores[row, at]), bool(ended[row, at]))
        rest = ~over
        going, scores, counts, ended = going[rest], scores[rest], counts[rest], ended[rest]
        texts, every = lines[rest].flatten(0, 1), every.take(rest.repeat_interleave(beams).nonzero().flatten())
        if not len(going):
            break
    return [text if text is not None else Written((), 0.0, False) for text in found]


def _likelihoods(outputs: Tensor, ended: Tensor) -> Tensor:
    """(texts, vocabulary) the log-probability of each next token; behind an end there is padding, for certain."""
    found = outputs.float()
    # What pads or starts a text is never written.
    found[:, [PAD, START]] = -torch.inf
    found = found.log_softmax(dim=1)
    found[ended] = -torch.inf
    found[ended, PAD] = 0.0
    return found


def _written(text: Tensor, log_probability: float, ended: bool) -> Written:
    tokens = [token for token in text.tolist()[1:] if token not in (PAD, END)]
    return Written(tuple(tokens), log_probability, ended)
