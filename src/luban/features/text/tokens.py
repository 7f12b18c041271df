"""Texts as networks see them: numbers of byte-pair tokens (Sennrich et al., 2016), learned from the training rows; or
of the tokens of a tokenizer that is kept whole: word pieces, or one that a person gives (`given`).

The alphabet are the 256 bytes of UTF-8, so that any text of any language can be written, with or without spaces. The
pairs that stand side by side most often within words become tokens of their own, until the vocabulary is full.

    0 pads, 1 is unknown, 2 starts, 3 ends, 4 masks; then come the bytes; then each merged pair, in the order learned

Of byte pairs, what is kept are the merged pairs alone, as numbers; the tokenizer is built of them again. Only numbers
below its own may stand in a pair, and no marks, so no text can be mistaken for a mark. The tokens of a tokenizer that
is kept whole stand behind the same five marks, in the order of its own numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, final

import numpy as np
import polars as pl

from luban.batch import Array, Inputs, Ragged, Tensors
from luban.core.errors import BundleError
from luban.features import _given as given
from luban.features import _kept_whole
from luban.features._learning import longest_of, spread_out, whole
from luban.features._texts import as_texts
from luban.features.text import byte_pairs, wordpiece
from luban.features.text.byte_pairs import BYTES as BYTES
from luban.features.text.byte_pairs import LONGEST_PIECE as LONGEST_PIECE
from luban.features.text.byte_pairs import MARKS as MARKS
from luban.protocols import Shape, State
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from tokenizers import Tokenizer

START, END = MARKS.index("[START]"), MARKS.index("[END]")
LETTERS = State({"longest": 2}, {"merges": np.zeros((0, 2), np.int32)})
"""Tokens of which each is a byte."""
LEARNED_CHARACTERS = 8_000_000
"""Tokens are learned from at most so many characters: evenly spaced texts, where there are more."""
MOST_TOKENS = 512
"""Tokens of a text where the recipe leaves it to the training rows."""
LONGEST_WORD = 64
"""Characters after which a word is cut while tokens are learned: time grows with the length of words."""
_AT_ONCE = 1 << 20
"""So many characters are tokenised at a time; this bounds the memory."""
_SPACES = ("\u0120", "\u010a", "\u2581")
"""How the library writes a space, or the end of a line, at the beginning of a token."""
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")


@final
class Tokens:
    """The tokens of a column of texts."""

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The tokenizer, of at most `vocabulary` tokens where it is learned, and how long a text is.

        Equal rows give equal tokens, on any number of threads. Raises UsageError for a tokenizer that is none, or that
        does not know these texts.
        """
        texts = _texts(values)
        longest = MOST_TOKENS if settings.longest == "auto" else whole(settings.longest, least=2)
        learned_from = _learned_from(texts, longest)
        learned = _kept(learned_from, settings, values.name)
        state = State({"longest": longest, **learned.values}, learned.arrays)
        if settings.longest == "auto":
            lengths = self._ragged(learned_from, state).lengths
            longest = max(longest_of(lengths, MOST_TOKENS), 2)
            state = State({**state.values, "longest": longest}, state.arrays)
        return state

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged int32: start, the tokens, end. A missing text is an empty one."""
        return self._ragged(_texts(values), state)

    def shape(self, state: State) -> Shape:
        size = _kept_whole.size(state) if _kept_whole.is_kept(state) else tokenizer(state).get_vocab_size()
        return Shape("tokens", (size,), longest=state.values["longest"])

    def check(self, state: State) -> None:
        longest = state.values.get("longest")
        if not isinstance(longest, int) or isinstance(longest, bool) or not 2 <= longest <= whole(longest):
            raise BundleError(f"the longest row of a text column must be 2 tokens or more, not {longest!r:.40}.")
        if set(state.arrays) == {_kept_whole.ARRAY} and not state.parts:
            if set(state.values) != {"longest", _kept_whole.SHA256}:
                raise BundleError("the tokenizer of a text column must stand beside the longest row and its sha256.")
            _kept_whole.check(state)
            return
        if set(state.values) != {"longest"} or set(state.arrays) != {"merges"} or state.parts:
            raise BundleError("the tokens of a text column must hold the longest row and the merged pairs.")
        merges = state.arrays["merges"]
        if merges.dtype != np.int32 or merges.ndim != 2 or merges.shape[1] != 2 or len(merges) > given.MOST_VOCABULARY:
            raise BundleError("the merged pairs of a text column must be (pairs, 2) whole numbers.")
        byte_pairs.pieces(merges)

    def written(self, ids: Sequence[int], state: State) -> str:
        """The text of tokens; marks are left out."""
        return written(ids, state)

    def spelled(self, rows: Ragged) -> pl.Series:
        """The texts of rows of which each token is a byte."""
        texts = [written(rows.values[low:high].tolist(), LETTERS) for low, high in pairwise(rows.offsets.tolist())]
        return pl.Series(texts, dtype=pl.String)

    def bytes_of(self, rows: Ragged) -> Ragged:
        """Ragged uint8: the same rows as bytes, without their marks."""
        values = rows.values[rows.offsets[0] : rows.offsets[-1]]
        letters = values >= len(MARKS)
        offsets = np.concatenate([[0], np.cumsum(letters, dtype=np.int64)])[rows.offsets - rows.offsets[0]]
        return Ragged(byte_pairs.order_of_bytes()[values[letters] - len(MARKS)], offsets)

    def begins(self, state: State) -> Array:
        """(tokens,) bool: which tokens begin a word. A mark does; so does a token that is written with a space before
        it, or, of word pieces, one that is not within a word. Where tokens say nothing of words, each begins one.
        """
        found = np.ones(self.shape(state).size[0], bool)
        own = _first_number(state)
        pieces = {number + own: piece for piece, number in tokenizer(state).get_vocab(with_added_tokens=False).items()}
        within = any(piece.startswith(wordpiece.INSIDE) for piece in pieces.values())
        spaces = tuple(mark for mark in _SPACES if any(piece.startswith(mark) for piece in pieces.values()))
        for number, piece in pieces.items():
            if number >= len(MARKS):
                found[number] = not piece.startswith(wordpiece.INSIDE) if within else not spaces or piece[0] in spaces
        return found

    def again(self, rows: Ragged, state: State) -> Ragged:
        """Rows of which each token is a byte, in the tokens of this state."""
        return self.encode(self.spelled(rows), state)

    def prefixed(self, inputs: Inputs, prefix: str, state: State) -> Tensors:
        """The rows of the one part of tokens with those of a text before them, behind what begins each.

        What stands at the end of the text is left out where a space is written at the beginning of a word anyway.
        """
        ((name, rows),) = inputs.parts.items()  # type: ignore[union-attr]
        assert isinstance(rows, Ragged), "texts come as tokens"

        def numbers(text: str) -> list[int]:
            return next(_numbers([text], state, MOST_TOKENS))

        short = numbers(prefix.rstrip())
        before = short if short + numbers("a") == numbers(f"{prefix}a") else numbers(prefix)
        lengths = rows.lengths
        # Behind the first token of each row, which is START.
        behind = np.repeat(rows.offsets[:-1] - rows.offsets[0] + 1, len(before))
        values = np.insert(rows.values[rows.offsets[0] : rows.offsets[-1]], behind, np.tile(before, len(rows)))
        offsets = np.concatenate([[0], np.cumsum(lengths + len(before), dtype=np.int64)])
        return Tensors({name: Ragged(np.asarray(values, np.int32), offsets)})

    def placed(self, texts: Sequence[str], state: State) -> list[tuple[Array, Array]]:
        """The tokens of each text without marks, (tokens,) int32, and (tokens, 2) the characters that each stands for:
        the place of the first, and the one behind the last.
        """
        own = _first_number(state)
        spaced = [text if own else _spaced(text) for text in texts]
        found = []
        for part in _slices(spaced):
            with _kept_whole.one_thread():
                found += given.cut(tokenizer(state), part, places=True)
        moved = 0 if own else 1
        return [
            (
                np.array(each.ids, np.int32) + own,
                np.maximum(np.array(each.offsets, np.int64).reshape(-1, 2) - moved, 0),
            )
            for each in found
        ]

    def _ragged(self, texts: Sequence[str], state: State) -> Ragged:
        longest = state.values["longest"]
        rows = [np.array([START, *ids[: longest - 2], END], np.int32) for ids in _numbers(texts, state, longest)]
        return Ragged.of(rows) if rows else Ragged(np.zeros(0, np.int32), np.zeros(1, np.int64))


def tokenizer(state: State) -> Tokenizer:
    """The tokenizer of a state, as the library `tokenizers` has it.

    The numbers of byte pairs are those of the marks and tokens; where it was kept whole, its own ones, without marks.
    """
    if _kept_whole.is_kept(state):
        return _kept_whole.opened(state).tokenizer
    return byte_pairs.tokenizer(state.arrays["merges"].tobytes())


def written(ids: Sequence[int], state: State) -> str:
    """The text of tokens; marks are left out.

    >>> tokens = Tokens()
    >>> state = tokens.fit(pl.Series(["das Wetter", "的天气"]), Features(longest=50))
    >>> written(tokens.encode(pl.Series(["天气: Wetter"]), state).values, state)
    '天气: Wetter'
    """
    own = _first_number(state)
    found: str = tokenizer(state).decode([int(number) - own for number in ids if number >= len(MARKS)])
    return found.removeprefix(" ")


def _texts(values: pl.Series) -> list[str]:
    return as_texts(values).fill_null("").to_list()


def _spaced(text: str) -> str:
    """With a space before it, so that the first word is written as the same word within a text is."""
    return f" {text}" if text else ""


def _learned_from(texts: list[str], longest: int) -> list[str]:
    cut = [text[: longest * LONGEST_PIECE] for text in texts]
    total = sum(map(len, cut))
    return cut if total <= LEARNED_CHARACTERS else spread_out(cut, len(cut) * LEARNED_CHARACTERS // total)


def _kept(texts: list[str], settings: Features, column: str) -> State:
    """What is kept of the tokenizer: the merged pairs, or its whole content."""
    if given.is_place(settings):
        return _kept_whole.taken(texts, settings, column)
    words = [_LONG_WORD.sub(r"\g<0> ", _spaced(text)) for text in texts]
    with _kept_whole.one_thread():
        if settings.tokenizer == "bpe":
            return State({}, {"merges": byte_pairs.learned(words, settings.vocabulary)})
        return _kept_whole.of_content(given.checked(wordpiece.learned(words, settings.vocabulary)), settings)


def _first_number(state: State) -> int:
    """What the tokenizer's own number 0 is: byte pairs count the marks among their own."""
    return len(MARKS) if _kept_whole.is_kept(state) else 0


def _numbers(texts: Sequence[str], state: State, longest: int) -> Iterator[list[int]]:
    """The tokens of each text without marks, at least as many as fit where there are more."""
    cutter, own = tokenizer(state), _first_number(state)
    # A tokenizer of another hand says itself whether a space is before the first word.
    cut = [text[: longest * LONGEST_PIECE] for text in texts]
    for part in _slices(cut if own else [_spaced(text) for text in cut]):
        with _kept_whole.one_thread():
            found = given.cut(cutter, part)
        for encoding in found:
            ids = encoding.ids[:longest]
            yield [number + own for number in ids] if own else ids


def _slices(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, a bounded number of characters at a time."""
    part: list[str] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text) + 64
        if size >= _AT_ONCE:
            yield part
            part, size = [], 0
    if part:
        yield part
