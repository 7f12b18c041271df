"""Explaining a language model: how probable it is that a text ends in its last word, given those before it.

So a token that was written is explained by putting what was written behind what was asked. The word keeps its tokens
whatever is left out before it; its probability is that of all of them, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from luban.batch import Answers, Array, Inputs, Ragged, Tensors, dense
from luban.core.errors import UsageError
from luban.verbs.explained import Output

if TYPE_CHECKING:
    import polars as pl

    from luban.verbs.answering import Answerer

TASK = "causal-lm"


def asked(
    answerer: Answerer, frame: pl.DataFrame, output: str | None, *, log_odds: bool
) -> tuple[pl.DataFrame, list[Output]]:
    """The texts without their last words, and what is explained of each: the probability that its word follows.

    Raises UsageError for an output that is asked for by name, and for a text without a word.
    """
    import polars as pl

    if output is not None:
        message = "what is explained of a text is its last word."
        raise UsageError(message, where="--output", fix="leave --output out, and let the text end in that word")
    column = frame.columns[0]
    texts = [text or "" for text in frame[column].to_list()]
    begins = [text.rstrip().rfind(" ") for text in texts]
    if not all(text.strip() for text in texts):
        raise UsageError("a text without a word has nothing to explain.", where="--rows", fix="leave that row out")
    # The space before a word belongs to it, as tokens have it.
    heads = [text[: max(begin, 0)] for text, begin in zip(texts, begins, strict=True)]
    tails = [text.rstrip()[max(begin, 0) :] for text, begin in zip(texts, begins, strict=True)]
    found = frame.with_columns(pl.Series(column, heads, dtype=pl.String))
    listed = []
    for head, tail in zip(heads, tails, strict=True):
        outputs = _follows(answerer, _tokens(answerer, column, head, tail))
        each = Output(tail.strip(), tail.strip(), "probability", _probability, outputs=outputs)
        listed.append(each.in_log_odds() if log_odds else each)
    return found, listed


def _tokens(answerer: Answerer, column: str, head: str, tail: str) -> Array:
    """The tokens of the tail behind the head; a row is its start, the tokens, and its end."""
    import polars as pl

    rows = answerer.preprocessor.transform(pl.DataFrame({column: [head, head + tail]}))
    [part] = _ragged(rows).values()
    before, both = (part[np.array([row])].values for row in (0, 1))
    return both[len(before) - 1 : -1]


def _follows(answerer: Answerer, tail: Array) -> Callable[[Inputs], Array]:
    """(rows, 2) float64: -log p of the tokens of the tail behind each row, and one word."""
    outputs = answerer.outputs

    def answer(inputs: Inputs) -> Array:
        [(name, part)] = _ragged(inputs).items()
        heads = [row[:-1] for row in np.split(part.values, part.offsets[1:-1])]
        whole = [np.concatenate([head, tail]).astype(part.values.dtype) for head in heads]
        together, before = (dense(outputs(Tensors({name: Ragged.of(rows)})))[:, 0] for rows in (whole, heads))
        return np.stack([together - before, np.ones(len(heads))], axis=1)

    return answer


def _ragged(inputs: Inputs) -> dict[str, Ragged]:
    assert isinstance(inputs, Tensors), "a language model reads tokens"
    return {name: part for name, part in inputs.parts.items() if isinstance(part, Ragged)}


def _probability(answers: Answers) -> Array:
    assert answers.counted is not None, "a language model counts what it was asked for"
    return np.asarray(np.exp(-answers.counted[:, 0]))
