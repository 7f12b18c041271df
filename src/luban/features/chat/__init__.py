"""Chats: turns of persons and of a model, written as the model's own template says, and cut by its own tokenizer.

A value is JSON, as `data/chats.py` writes it: the turns, or the turns with the answer that was chosen and the one that
was rejected. A network sees each token beside whether the model is to say it; models that see a row as one line of
numbers get how long it is.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array, Ragged
from luban.core.errors import BundleError, UsageError
from luban.core.lazy import require
from luban.features import _given as given
from luban.features._learning import LONGEST, is_whole, whole
from luban.features._texts import as_texts
from luban.features.chat import pieces, template
from luban.protocols import Cut, Shape, State, TensorFeature
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from luban.batch import Inputs

ASKED, SAID, ASKED_AGAIN, SAID_AGAIN = range(4)
"""What a token is: read, or said by the model; and of the second of two texts the same."""
KINDS = 4
MOST = 1_024
"""Tokens of a chat at most, where the recipe leaves it open."""
_KEYS = {"template", "longest", "vocabulary"}


def number(tokens: Any, kind: Any, vocabulary: int) -> Any:
    """What stands for a token of a kind; 0 pads.

    >>> number(7, SAID, 100), apart(108, 100)
    (108, (7, 1))
    """
    return 1 + tokens + kind * vocabulary


def apart(numbers: Any, vocabulary: int) -> tuple[Any, Any]:
    """The tokens, and the kind of each, of numbers from 1 on."""
    return (numbers - 1) % vocabulary, (numbers - 1) // vocabulary


def all_said(texts: Sequence[Array], vocabulary: int, *, pairs: bool) -> Ragged:
    """Raw texts, as tokens, in which the model is to say each token but the first, as rows of chats; at least one.

    pairs: whether rows hold two texts; then the second one is a single token that is read.

    >>> all_said([np.array([7, 8])], 100, pairs=True).values.tolist()
    [108, 109, 201]
    """
    beside = [number(np.zeros(1, np.int64), ASKED_AGAIN, vocabulary)] if pairs else []
    rows = [np.concatenate([number(np.asarray(text, np.int64), SAID, vocabulary), *beside]) for text in texts]
    return Ragged.of([row.astype(np.int32) for row in rows])


def cut(texts: Sequence[str], state: State) -> list[Array]:
    """The tokens of raw texts, by the tokenizer of a column of chats."""
    found = given.cut(_tokenizer(state.arrays["tokenizer"].tobytes()), texts)
    return [np.array(encoding.ids, np.int64) for encoding in found]


@final
class Chat:
    """A column of chats, for networks and for other models."""

    @property
    def tensor(self) -> TensorFeature:
        return self

    def fit(self, values: pl.Series, settings: Features) -> State:
        """Nothing is learned of the rows: how they are written and cut is the model's own way.

        Raises UsageError where the recipe names no tokenizer, or no template.
        """
        if not given.is_place(settings):
            raise UsageError(
                "a chat is cut by the tokenizer of a language model, and none is named.",
                where="features.tokenizer",
                fix="begin from a language model: --from smollm2",
            )
        if not settings.template:
            raise UsageError(
                "the model has no template of chats.",
                where="features.template",
                fix="take a model that was made for chats, or set one: --set features.template='...'",
            )
        content = given.read(settings.tokenizer)
        longest = MOST if settings.longest == "auto" else whole(settings.longest, 2)
        size = given.of_content(content).size
        values_ = {"template": settings.template, "longest": longest, "vocabulary": size}
        return State(values_, {"tokenizer": np.frombuffer(content, np.uint8)})

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged int32: of each chat its tokens, with what each is. A missing one is a single token that is read."""
        said = state.values
        tokenizer = _tokenizer(state.arrays["tokenizer"].tobytes())
        texts: list[str] = []
        spans: list[tuple[int, int, list[tuple[int, int]]]] = []
        for row, value in enumerate(as_texts(values).to_list()):
            for second, turns in enumerate(_texts(value)):
                text, answers = _written(said["template"], turns)
                spans.append((row, second, answers))
                texts.append(text)
        found: list[list[Array]] = [[] for _ in range(len(values))]
        for encoding, (row, second, answers) in zip(given.cut(tokenizer, texts, places=True), spans, strict=True):
            kinds = np.full(len(encoding.ids), ASKED)
            for place, (begins, ends) in enumerate(encoding.offsets):
                kinds[place] = any(begins >= start and ends <= end and ends > begins for start, end in answers)
            numbers = number(np.array(encoding.ids, np.int64), kinds + second * ASKED_AGAIN, said["vocabulary"])
            found[row].append(numbers[: said["longest"]].astype(np.int32))
        nothing = np.ones(1, np.int32)
        rows = [np.concatenate(parts) if sum(map(len, parts)) else nothing for parts in found]
        return Ragged.of(rows) if rows else Ragged(nothing[:0], np.zeros(1, np.int64))

    def shape(self, state: State) -> Shape:
        return Shape("tokens", (KINDS * state.values["vocabulary"] + 1,), longest=2 * state.values["longest"])

    def transform(self, values: pl.Series, state: State) -> Inputs:
        """(rows, 1) float32: the logarithm of how many letters a chat has."""
        letters = as_texts(values).fill_null("").str.len_chars().to_numpy()
        return np.log1p(letters.astype(np.float32))[:, None]

    def names(self, column: str, state: State) -> tuple[str, ...]:
        return (f"{column} letters",)

    def baseline(self, state: State) -> Any:
        """No turn."""
        return "[]"

    def cut(self, values: pl.Series, state: State, most: int) -> Cut:
        """The words of the turns that the model answers, in the one chat in `values`."""
        document = _document(as_texts(values).to_list()[0])
        return pieces.cut(values, document, document["messages"] if isinstance(document, dict) else document, most)

    def unreadable(self, values: pl.Series) -> pl.Series:
        return pl.Series(values.name, [False] * len(values), dtype=pl.Boolean)

    def check(self, state: State) -> None:
        values = state.values
        if set(values) != _KEYS or set(state.arrays) != {"tokenizer"} or state.parts:
            raise BundleError(f"a column of chats must hold a tokenizer, {', '.join(sorted(_KEYS))}.")
        if not isinstance(values["template"], str) or len(values["template"]) > template.MOST_BYTES:
            raise BundleError(f"a template of chats is a text of at most {template.MOST_BYTES:,} letters.")
        content = np.asarray(state.arrays["tokenizer"])
        try:
            size = given.of_content(given.checked(content.tobytes())).size
        except ValueError as reason:
            raise BundleError(f"the tokenizer of a column of chats is none that is taken: {reason}.") from None
        if values["vocabulary"] != size or not is_whole(values["longest"], 2, LONGEST):
            raise BundleError("a column of chats does not say how many tokens there are.")


feature = Chat()


@functools.lru_cache(maxsize=4)
def _tokenizer(content: bytes) -> Any:
    tokenizers = require("tokenizers", extra="nets", purpose="reading texts as tokens")
    found = tokenizers.Tokenizer.from_str(content.decode())
    found.no_padding()
    found.no_truncation()
    return found


def _texts(value: str | None) -> list[Sequence[Mapping[str, Any]]]:
    """The turns of a row: of one text, or of the chosen one and the rejected one; none where it says nothing."""
    document = _document(value)
    if isinstance(document, dict):
        answers = (document["chosen"], document["rejected"])
        return [[*document["messages"], {"role": template.SAYS, "content": text}] for text in answers]
    return [document] if document else []


def _document(value: str | None) -> Any:
    """The turns, or an object that has them, with the answer that was chosen and the one that was rejected.

    What is neither is a chat without turns.
    """
    try:
        document = json.loads(value or "[]")
    except ValueError:
        return []
    if isinstance(document, dict):
        answers = (document.get("chosen"), document.get("rejected"))
        good = _are_turns(document.get("messages")) and all(isinstance(text, str) for text in answers)
        return document if good else []
    return document if _are_turns(document) else []


def _are_turns(turns: Any) -> bool:
    return isinstance(turns, list) and all(
        isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)
        for turn in turns
    )


def _written(own: str, turns: Sequence[Mapping[str, Any]]) -> tuple[str, list[tuple[int, int]]]:
    try:
        return template.answers(own, turns)
    except ValueError as reason:
        raise UsageError(
            f"the template of the model does not take a chat: {reason}.",
            where="features.template",
            fix="give each answer a row of its own, or another template",
        ) from None
