"""Contexts and questions as a network sees them: windows of tokens, and in each the steps of the answer.

A window without the whole answer is taught its first step, which stands for `not here` (Devlin et al., 2019); of a row
without an answer all of them are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from luban import spans
from luban.batch import Array, Batch, Ragged, Tensors
from luban.core import registry
from luban.forms import _reading
from luban.protocols import Form, Shape, State, Work
from luban.recipe.recipe import Candidate, Features
from luban.training import writing

TASK = "question-answering"
WINDOW = 256
"""Tokens of a window where the recipe leaves it open."""
LONGEST = 1_000_000
"""Letters of a context; none is cut."""
SHARE = 4
"""An answer has at most one of so many tokens of a window, and at least as many as the longest of the training rows."""


def seen(features: Features, task: str) -> Features:
    """How networks see texts: letter by letter, so that a place in the tokens is one in the text."""
    if task != TASK:
        return features
    return features.model_copy(update={"tokenizer": "bpe", "vocabulary": writing.LETTERS, "longest": LONGEST})


def letters(rows: pl.DataFrame) -> Tensors:
    """Contexts and questions letter by letter."""
    text = registry.find("features", "text").tensor
    state = State({"longest": LONGEST}, {"merges": np.zeros((0, 2), np.int32)})
    return Tensors({name: text.encode(rows[name], state) for name in (_reading.CONTEXT, _reading.QUESTION)})


def window(features: Features) -> int:
    """Tokens of a window of a long context."""
    return WINDOW if features.longest == "auto" else max(features.longest, 2 * _reading.FEWEST)


@dataclass(frozen=True, eq=False)
class Cut:
    """Rows in windows of tokens. state: of the tokens, of which there are `words`. windows: Ragged int32, their tokens.

    rows: (windows,) the row of each. target: (windows, 2) the first and last step of the answer; 0 where it is not
    there. longest: tokens of the longest answer. nothing: whether some rows have none.
    """

    state: State
    words: int
    windows: Ragged
    rows: Array
    target: Array
    longest: int
    nothing: bool


def inner(batch: Batch, work: Work, candidate: Candidate) -> tuple[Batch, Work, Callable[[Form], Form]]:
    """The windows and the work as the network sees them, and the form that answers with pieces of contexts."""
    settings: Any = registry.find("models", candidate.model).Settings.model_validate(dict(candidate.settings))
    assert isinstance(batch.inputs, Tensors) and isinstance(batch.target, Ragged), "texts come letter by letter"
    found = cut(batch.inputs, batch.target, getattr(settings, "origin", None), work.window)
    most = max(found.longest, work.window // SHARE)

    def outer(form: Form) -> Form:
        marked: Form = registry.find("forms", "spans")(form, found.state, work.window, most, found.nothing)
        return marked

    shape = Shape("tokens", (found.words,), longest=work.window)
    own = Ragged(found.target.ravel(), np.arange(len(found.target) + 1) * 2)
    weight = None if batch.weight is None else batch.weight[found.rows]
    inputs = Tensors({_reading.CONTEXT: found.windows})
    return Batch(inputs, own, weight), replace(work, outputs=2, shapes={_reading.CONTEXT: shape}), outer


@functools.lru_cache(maxsize=1)
def _cut(inputs: Tensors, target: Ragged, place: str, size: int) -> Cut:
    read = _reading.texts(inputs)
    contexts, questions = read[_reading.CONTEXT], read[_reading.QUESTION]
    text = registry.find("features", "text").tensor
    settings = Features(longest=LONGEST, **({"tokenizer": place} if place else {}))
    state = text.fit(pl.Series(_reading.CONTEXT, [*contexts, *questions]), settings)
    windows = _reading.windows(contexts, questions, state, size)
    begins, wanted = spans.places(target)[:, 0].astype(np.int64), spans.pieces(target).texts()
    taught = [_steps(each, begins[each.row], len(wanted[each.row])) for each in windows]
    marked = np.array(taught, np.int64).reshape(-1, 2)
    return Cut(
        state=state,
        words=text.shape(state).size[0],
        windows=Ragged.of([each.tokens for each in windows]),
        rows=np.array([each.row for each in windows], np.int64),
        target=marked,
        longest=int((marked[:, 1] - marked[:, 0]).max(initial=0)) + 1,
        nothing=bool((target.lengths == spans.PLACE).any()),
    )


def cut(inputs: Tensors, target: Ragged, origin: Any, size: int) -> Cut:
    """The rows in windows, cut once for all that ask about the same rows: to decide, to look, and to train.

    origin: the pretrained model whose tokens are taken; None where they are learned from the rows.
    """
    # Rows are equal only to themselves, so nothing is ever mistaken for something else.
    return _cut(inputs, target, "" if origin is None else _tokenizer(origin.content), size)


def _tokenizer(content: str) -> str:
    """Where the tokenizer of a pretrained model lies."""
    from luban.origins import naming

    return str(naming.find(content).tokenizer)


def _steps(window: _reading.Window, begin: int, characters: int) -> Sequence[int]:
    """The first and last step of a piece of the context in a window; 0 and 0 where it is not wholly there.

    >>> places = np.array([[0, 3], [4, 7], [8, 9]])
    >>> window = _reading.Window(0, np.array([2, 7, 3, 8, 9, 10, 3]), 3, places)
    >>> _steps(window, 4, 5), _steps(window, 8, 4), _steps(window, -1, 3)
    ((4, 5), (0, 0), (0, 0))
    """
    end = begin + characters
    if begin < 0 or not len(window.places) or begin < window.places[0, 0] or end > window.places[-1, 1]:
        return 0, 0
    touched = np.flatnonzero((window.places[:, 1] > begin) & (window.places[:, 0] < end))
    if not len(touched):
        return 0, 0
    return window.first + int(touched[0]), window.first + int(touched[-1])
