"""Byte pairs (Sennrich et al., 2016): learned from texts, kept as numbers, and a tokenizer built of them again."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from luban.batch import Array
from luban.core.errors import BundleError
from luban.core.lazy import require
from luban.features._kept_whole import MARKS as MARKS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BYTES = 256
LONGEST_PIECE = 16
"""Bytes of a token; so the first so many characters are enough for a number of tokens."""


def learned(texts: Iterable[str], vocabulary: int) -> Array:
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
    empty.train_from_iterator(texts, trainer)
    numbers = {piece: number for number, piece in enumerate((*MARKS, *_alphabet()))}
    pairs = []
    for first, second in json.loads(empty.to_str())["model"]["merges"]:
        pairs.append((numbers[first], numbers[second]))
        numbers.setdefault(first + second, len(numbers))
    return np.array(pairs, np.int32).reshape(-1, 2)


@functools.lru_cache(maxsize=8)
def tokenizer(merges: bytes) -> Tokenizer:
    """The tokenizer with these merged pairs, (pairs, 2) int32, as bytes."""
    names, pairs = pieces(np.frombuffer(merges, np.int32).reshape(-1, 2))
    return _blank({piece: number for number, piece in enumerate(names)}, pairs)


def _blank(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    """A tokenizer with this vocabulary: words by the pattern of GPT-2, each with the space before it."""
    tokenizers = require("tokenizers", extra="nets", purpose="reading texts as tokens")
    from tokenizers import decoders, models, normalizers, pre_tokenizers

    found: Any = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    found.normalizer = normalizers.NFC()
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    return found


def pieces(merges: Array) -> tuple[list[str], list[tuple[str, str]]]:
    """Every token as the library writes it, by its number; and the pairs that are merged.

    Raises BundleError for a pair that learning never gives.
    """
    names = [*MARKS, *_alphabet()]
    known = set(names)
    pairs = []
    for first, second in merges.tolist():
        # A token is made of earlier ones, and never of marks; so it cannot grow without bound.
        if not (len(MARKS) <= first < len(names) and len(MARKS) <= second < len(names)):
            raise BundleError(f"the merged pair ({first}, {second}) of a text column is not made of earlier tokens.")
        both = names[first] + names[second]
        if len(both) > LONGEST_PIECE:
            raise BundleError(f"a token of a text column is longer than {LONGEST_PIECE} bytes.")
        pairs.append((names[first], names[second]))
        # Two pairs may make the same token.
        if both not in known:
            known.add(both)
            names.append(both)
    if len(set(pairs)) < len(pairs):
        raise BundleError("a text column merges the same pair of tokens twice.")
    return names, pairs


@functools.cache
def _alphabet() -> tuple[str, ...]:
    """The 256 bytes as visible characters: printable ones stand for themselves, the others for characters from 256 on.

    >>> len(set(_alphabet())), _alphabet()[0]
    (256, '!')
    """
    printable = _printable()
    return tuple(map(chr, [*printable, *range(BYTES, 2 * BYTES - len(printable))]))


def _printable() -> list[int]:
    return [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]


@functools.cache
def order_of_bytes() -> Array:
    """(256,) uint8: which byte each of the tokens of one byte is, in the order of their numbers.

    >>> bytes(order_of_bytes()[[72, 78]]), sorted(order_of_bytes().tolist()) == list(range(256))
    (b'io', True)
    """
    printable = _printable()
    return np.array([*printable, *sorted(set(range(BYTES)) - set(printable))], np.uint8)
