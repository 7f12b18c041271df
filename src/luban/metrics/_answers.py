"""Answers that are pieces of texts, as the metrics of SQuAD compare them (Rajpurkar et al., 2016)."""

from __future__ import annotations

import functools
import re
import string

import numpy as np

from luban import spans
from luban.batch import Answers, Array, PerRow, Ragged, ragged

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """The text in small letters, without punctuation and articles, its words one space apart.

    >>> normalised("The  Old Mill, in Ulm.")
    'old mill in ulm'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def compared(target: PerRow, answers: Answers) -> Array:
    """(rows, 2) whether an answer is exactly the one that is wanted, and the F1 of their words; remembered, for a
    bootstrap asks again and again.
    """
    return _compared(ragged(target), ragged(answers.prediction))


@functools.lru_cache(maxsize=8)
def _compared(target: Ragged, said: Ragged) -> Array:
    # Ragged rows are equal only to themselves, so nothing is ever mistaken for something else.
    texts = zip(spans.pieces(said).texts(), spans.pieces(target).texts(), strict=True)
    found = [_both(normalised(one), normalised(other)) for one, other in texts]
    return np.array(found, np.float64).reshape(-1, 2)


def _both(said: str, wanted: str) -> tuple[float, float]:
    """Whether two normalised texts are the same, and the F1 of their words, each counted as often as in both.

    >>> _both("old mill", "mill")
    (0.0, 0.6666666666666666)
    """
    one, other = said.split(), wanted.split()
    common = sum(min(one.count(word), other.count(word)) for word in set(one))
    if not one or not other:
        return float(one == other), float(one == other)
    return float(said == wanted), 2 * common / (len(one) + len(other))
