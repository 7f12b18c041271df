"""Texts as networks see them: numbers of byte-pair tokens (Sennrich et al., 2016), learned from the training rows.

The alphabet are the 256 bytes of UTF-8, so that any text of any language can be written, with or without spaces. The
pairs that stand side by side most often within words become tokens of their own, until the vocabulary is full.

    0 pads, 1 is unknown, 2 starts, 3 ends, 4 masks; then come the bytes; then each merged pair, in the order learned

What is kept are the merged pairs alone, as numbers; the tokenizer is built of them again. Only numbers below its own
may stand in a pair, and no marks, so no text can be mistaken for a mark.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

import numpy as np
import polars as pl

from luban.batch import Array, Ragged
from luban.core.errors import BundleError
from luban.core.lazy import require
from luban.features._learning import longest_of, spread_out, whole
from luban.features.text.texts import as_texts
from luban.protocols import Shape, State
from luban.recipe.recipe import Features

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MARKS = ("[PAD]", "[UNK]", "[START]", "[END]", "[MASK]")
START, END = MARKS.index("[START]"), MARKS.index("[END]")
BYTES = 256
LEARNED_CHARACTERS = 8_000_000
"""Tokens are learned from at most so many characters: evenly spaced texts, where there are more."""
MOST_TOKENS = 512
"""Tokens of a text where the recipe leaves it to the training rows."""
LONGEST_PIECE = 16
"""Bytes of a token; so the first so many characters are enough for a number of tokens."""
LONGEST_WORD = 64
"""Characters after which a word is cut while tokens are learned: time grows with the length of words."""
_AT_ONCE = 1 << 20
"""So many characters are tokenised at a time; this bounds the memory."""
_MOST_VOCABULARY = 1_000_000
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")


@final
class Tokens:
    """The tokens of a column of texts."""

    def fit(self, values: pl.Series, settings: Features) -> State:
        """The merged pairs, at most `vocabulary` tokens in all, and how long a text is.

        Equal rows give equal pairs, on any number of threads.
        """
        texts = _texts(values)
        longest = MOST_TOKENS if settings.longest == "auto" else whole(settings.longest, least=2)
        learned_from = _learned_from(texts, longest)
        merges = _learned(learned_from, settings.vocabulary)
        state = State({"longest": longest}, {"merges": merges})
        if settings.longest == "auto":
            lengths = self._ragged(learned_from, state).lengths
            state = State({"longest": max(longest_of(lengths, MOST_TOKENS), 2)}, state.arrays)
        return state

    def encode(self, values: pl.Series, state: State) -> Ragged:
        """Ragged int32: start, the tokens, end. A missing text is an empty one."""
        return self._ragged(_texts(values), state)

    def shape(self, state: State) -> Shape:
        return Shape("tokens", (tokenizer(state).get_vocab_size(),), longest=state.values["longest"])

    def check(self, state: State) -> None:
        if set(state.values) != {"longest"} or set(state.arrays) != {"merges"} or state.parts:
            raise BundleError("the tokens of a text column must hold the longest row and the merged pairs.")
        longest, merges = state.values["longest"], state.arrays["merges"]
        if not isinstance(longest, int) or isinstance(longest, bool) or not 2 <= longest <= whole(longest):
            raise BundleError(f"the longest row of a text column must be 2 tokens or more, not {longest!r:.40}.")
        if merges.dtype != np.int32 or merges.ndim != 2 or merges.shape[1] != 2 or len(merges) > _MOST_VOCABULARY:
            raise BundleError("the merged pairs of a text column must be (pairs, 2) whole numbers.")
        _pieces(merges)

    def written(self, ids: Sequence[int], state: State) -> str:
        """The text of tokens; marks are left out."""
        return written(ids, state)

    def _ragged(self, texts: Sequence[str], state: State) -> Ragged:
        longest = state.values["longest"]
        rows = [np.array([START, *ids[: longest - 2], END], np.int32) for ids in _numbers(texts, state, longest)]
        return Ragged.of(rows) if rows else Ragged(np.zeros(0, np.int32), np.zeros(1, np.int64))


def tokenizer(state: State) -> Tokenizer:
    """The tokenizer of a state, as the library `tokenizers` has it."""
    return _tokenizer(state.arrays["merges"].tobytes())


def written(ids: Sequence[int], state: State) -> str:
    """The text of tokens; marks are left out.

    >>> tokens = Tokens()
    >>> state = tokens.fit(pl.Series(["das Wetter", "的天气"]), Features(longest=50))
    >>> written(tokens.encode(pl.Series(["天气: Wetter"]), state).values, state)
    '天气: Wetter'
    """
    found: str = tokenizer(state).decode([int(number) for number in ids if number >= len(MARKS)])
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


def _learned(texts: Sequence[str], vocabulary: int) -> Array:
    """(pairs, 2) int32: the numbers of the tokens that are merged."""
    from tokenizers import trainers

    empty = _blank({}, [])
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary, len(MARKS) + BYTES),
        min_frequency=2,
        special_tokens=list(MARKS),
        initial_alphabet=_alphabet(),
        max_token_length=LONGEST_PIECE,
        show_progress=False,
    )
    with _one_thread():
        empty.train_from_iterator((_LONG_WORD.sub(r"\g<0> ", _spaced(text)) for text in texts), trainer)
    numbers = {piece: number for number, piece in enumerate((*MARKS, *_alphabet()))}
    pairs = []
    for first, second in json.loads(empty.to_str())["model"]["merges"]:
        pairs.append((numbers[first], numbers[second]))
        numbers.setdefault(first + second, len(numbers))
    return np.array(pairs, np.int32).reshape(-1, 2)


def _numbers(texts: Sequence[str], state: State, longest: int) -> Iterator[list[int]]:
    """The tokens of each text without marks, at least as many as fit where there are more."""
    cutter = tokenizer(state)
    for part in _slices([_spaced(text[: longest * LONGEST_PIECE]) for text in texts]):
        with _one_thread():
            found = cutter.encode_batch_fast(part, add_special_tokens=False)
        yield from (encoding.ids for encoding in found)


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


@functools.lru_cache(maxsize=8)
def _tokenizer(merges: bytes) -> Tokenizer:
    pieces, pairs = _pieces(np.frombuffer(merges, np.int32).reshape(-1, 2))
    return _blank({piece: number for number, piece in enumerate(pieces)}, pairs)


def _blank(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    """A tokenizer with this vocabulary: words by the pattern of GPT-2, each with the space before it."""
    tokenizers = require("tokenizers", extra="nets", purpose="reading texts as tokens")
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    found = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    found.normalizer = normalizers.NFC()
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    return found


def _pieces(merges: Array) -> tuple[list[str], list[tuple[str, str]]]:
    """Every token as the library writes it, by its number; and the pairs that are merged.

    Raises BundleError for a pair that learning never gives.
    """
    pieces = [*MARKS, *_alphabet()]
    known = set(pieces)
    pairs = []
    for first, second in merges.tolist():
        # A token is made of earlier ones, and never of marks; so it cannot grow without bound.
        if not (len(MARKS) <= first < len(pieces) and len(MARKS) <= second < len(pieces)):
            raise BundleError(f"the merged pair ({first}, {second}) of a text column is not made of earlier tokens.")
        both = pieces[first] + pieces[second]
        if len(both) > LONGEST_PIECE:
            raise BundleError(f"a token of a text column is longer than {LONGEST_PIECE} bytes.")
        pairs.append((pieces[first], pieces[second]))
        # Two pairs may make the same token.
        if both not in known:
            known.add(both)
            pieces.append(both)
    if len(set(pairs)) < len(pairs):
        raise BundleError("a text column merges the same pair of tokens twice.")
    return pieces, pairs


@functools.cache
def _alphabet() -> tuple[str, ...]:
    """The 256 bytes as visible characters: printable ones stand for themselves, the others for characters from 256 on.

    >>> len(set(_alphabet())), _alphabet()[0]
    (256, '!')
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return tuple(map(chr, [*printable, *range(BYTES, 2 * BYTES - len(printable))]))


@contextmanager
def _one_thread() -> Iterator[None]:
    """The library asks the environment whether to start threads; what it was is put back."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
