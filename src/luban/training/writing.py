"""Texts to be written, as a network sees them: tokens of its own, learned on the rows that it trains on, or those of
what it begins from.

Each step is taught with what truly came before it (teacher forcing, Williams and Zipser, 1989).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from luban import collate
from luban.batch import Array, Batch, Ragged, Tensors
from luban.core import registry
from luban.features.text import tokens
from luban.protocols import Form, Shape, State, Wording, Work
from luban.recipe.recipe import Candidate, Features

TASK = "sequence-to-sequence"
LETTERS = len(tokens.MARKS) + tokens.BYTES
"""Tokens of which each is a byte, and the marks."""


def seen(features: Features, task: str) -> Features:
    """How networks see texts. What is read to write another text comes letter by letter, where tokens would be learned:
    a network cuts it into the tokens that it writes, so that it can copy some of them.
    """
    if task != TASK or features.tokenizer != "bpe":
        return features
    longest = tokens.MOST_TOKENS if features.longest == "auto" else features.longest
    return features.model_copy(update={"vocabulary": LETTERS, "longest": longest * tokens.LONGEST_PIECE})


def letters(values: pl.Series, features: Features) -> Tensors:
    """Texts letter by letter, as long as they are read."""
    text = registry.find("features", "text").tensor
    state = State({"longest": seen(features, TASK).longest}, {"merges": np.zeros((0, 2), np.int32)})
    return Tensors({values.name: text.encode(values, state)})


@dataclass(frozen=True, eq=False)
class Cut:
    """Pairs of texts in tokens that were learned from them.

    state: of the tokens, of which there are `words`. read: what is read in the same ones, at most `reads` of each; None
    where it has tokens of its own. before, after: what was written before each step, and what comes at it.
    """

    state: State
    words: int
    read: Ragged | None
    reads: int
    before: Ragged
    after: Ragged


def inner(batch: Batch, work: Work, candidate: Candidate) -> tuple[Batch, Work, Callable[[Form], Form]]:
    """The rows and the work as the network sees them, and the form that answers with texts.

    The target becomes Ragged int32, the tokens and their end; beside what is read comes what was written before. What
    is read letter by letter is cut into the same tokens.
    """
    model = registry.find("models", candidate.model)
    settings: Any = model.Settings.model_validate(dict(candidate.settings))
    assert isinstance(batch.target, Ragged), "texts are written like those of the training rows"
    if isinstance(model, Wording):
        return _worded(batch, work, model, settings)
    ((name, read),) = collate.parts(batch.inputs).items()
    shape = work.shapes[name]
    shared = shape.kind == "tokens" and shape.size == (LETTERS,)
    reads = max(shape.longest // tokens.LONGEST_PIECE, 2) if shared else 0
    found = cut(read if isinstance(read, Ragged) else None, batch.target, reads, settings.vocabulary, settings.longest)
    own, longest, beams = State({}, found.state.arrays), int(found.after.lengths.max()), settings.beams
    if found.read is not None:
        name, read = name + collate.OWN, found.read
        shape = Shape("tokens", (found.words,), longest=int(found.read.lengths.max()))

    def outer(form: Form) -> Form:
        written: Form = registry.find("forms", "written")(form, own, longest, beams, reads)
        return written

    inputs = Tensors({name: read, name + collate.WRITTEN: found.before})
    seen = replace(work, outputs=found.words, shapes={name: shape})
    return replace(batch, inputs=inputs, target=found.after), seen, outer


def _worded(batch: Batch, work: Work, model: Wording, settings: Any) -> tuple[Batch, Work, Callable[[Form], Form]]:
    """The same in the tokens of a pretrained network, in which what is read comes too."""
    state, words, most = model.tokens(settings)
    text = registry.find("features", "text").tensor
    ((name, read),) = collate.parts(batch.inputs).items()
    if settings.prefix:
        ((_, read),) = text.prefixed(batch.inputs, settings.prefix, state).parts.items()
    assert isinstance(read, Ragged) and isinstance(batch.target, Ragged), "texts are read and written"
    wanted = pl.Series(batch.target.texts(), dtype=pl.String)
    before, after = steps(wanted, State({**state.values, "longest": most + 1}, state.arrays))
    longest = int(after.lengths.max())

    def outer(form: Form) -> Form:
        written: Form = registry.find("forms", "written")(form, state, longest, settings.beams)
        return written

    shape = replace(work.shapes[name], longest=int(read.lengths.max()))
    seen = replace(work, outputs=words, shapes={name: shape})
    return replace(batch, inputs=Tensors({name: read, name + collate.WRITTEN: before}), target=after), seen, outer


@functools.lru_cache(maxsize=1)
def cut(read: Ragged | None, target: Ragged, reads: int, vocabulary: int, longest: int) -> Cut:
    """The pairs in tokens, cut once for all that ask about the same rows: to decide, to look, and to train.

    read: letter by letter, to be cut as well where `reads` is not 0. target: the bytes of the texts.
    """
    # Ragged rows are equal only to themselves, so nothing is ever mistaken for something else.
    text = registry.find("features", "text").tensor
    wanted = pl.Series(target.texts(), dtype=pl.String)
    spelled = text.spelled(read) if reads else None
    of_both = wanted if spelled is None else pl.concat([spelled, wanted])
    state = text.fit(of_both, Features(vocabulary=vocabulary, longest=longest + 1))
    before, after = steps(wanted, state)
    (words,) = text.shape(state).size
    again = None if spelled is None else text.encode(spelled, State({"longest": reads}, state.arrays))
    return Cut(state, words, again, reads, before, after)


def steps(texts: pl.Series, state: State) -> tuple[Ragged, Ragged]:
    """What was written before each step, and what comes at it: START and the tokens, and the tokens and END.

    A text that is longer than allowed has no end: it goes on, and nobody is taught otherwise.
    """
    longest = state.values["longest"]
    rows: Ragged = registry.find("features", "text").tensor.encode(
        texts, State({**state.values, "longest": longest + 1}, state.arrays)
    )
    own = np.ones(len(rows.values), bool)
    own[rows.offsets[1:][rows.lengths > longest] - 1] = False
    lengths = rows.lengths - (rows.lengths > longest)
    rows = Ragged(rows.values[own], _offsets(lengths))
    first, last = np.zeros(len(rows.values), bool), np.zeros(len(rows.values), bool)
    first[rows.offsets[:-1]], last[rows.offsets[1:] - 1] = True, True
    return Ragged(rows.values[~last], _offsets(lengths - 1)), Ragged(rows.values[~first], _offsets(lengths - 1))


def _offsets(lengths: Array) -> Array:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
