"""How a network reads a context for a question: both in tokens, in windows that overlap where a context is long.

    START question END context END

Each window holds the whole question and a stretch of the context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from luban import collate
from luban.batch import Array, Inputs, Ragged
from luban.core import registry
from luban.protocols import State

CONTEXT, QUESTION = "context", "question"
"""The parts of a row."""
START, END = 2, 3
"""The marks of `features/text/tokens.py` that frame what is read."""
OVERLAP = 3
"""A window shares one of so many of its tokens with the next one."""
FEWEST = 8
"""Tokens of the context in a window, at least: a longer question is cut."""


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of a context with its question. row: of the context.

    tokens: (steps,) int32. first: the step of its first token of the context. places: (tokens of the context in it, 2)
    the characters that each stands for.
    """

    row: int
    tokens: Array
    first: int
    places: Array


def texts(inputs: Inputs) -> Mapping[str, list[str]]:
    """The texts of each part, which come letter by letter."""
    tokens: Any = registry.find("features", "text").tensor
    found = {}
    for name, part in collate.parts(inputs).items():
        if isinstance(part, Ragged):
            found[name] = tokens.spelled(part).to_list()
    return found


def windows(contexts: Sequence[str], questions: Sequence[str], state: State, size: int) -> list[Window]:
    """The windows of all rows, in their order, each of at most `size` tokens. state: of the tokenizer.

    A context without a token has one window, in which there is nothing.
    """
    tokens: Any = registry.find("features", "text").tensor
    read, asked = tokens.placed(contexts, state), tokens.placed(questions, state)
    found = []
    for row, ((own, places), (question, _)) in enumerate(zip(read, asked, strict=True)):
        question = question[: max(size - 3 - FEWEST, 1)]
        head = np.array([START, *question, END], np.int32)
        room = max(size - len(head) - 1, 1)
        for start in _starts(len(own), room):
            piece = own[start : start + room]
            window = np.concatenate([head, piece, np.array([END], np.int32)])
            found.append(Window(row, window, len(head), places[start : start + room]))
    return found


def _starts(length: int, room: int) -> list[int]:
    """Where windows of `room` tokens begin; the last one ends with the text.

    >>> _starts(5, 9), _starts(20, 9)
    ([0], [0, 6, 11])
    """
    if length <= room:
        return [0]
    step = max(room - room // OVERLAP, 1)
    return [*range(0, length - room, step), length - room]
