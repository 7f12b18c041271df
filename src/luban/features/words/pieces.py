"""Words one by one. Each gets an answer of its own, so none can go: one that is left out is a word without a letter."""

from __future__ import annotations

from itertools import pairwise

import polars as pl

from luban.batch import Array
from luban.evidence.explanation import Unit
from luban.features import _pieces
from luban.features.words.cutting import cut as cut_words
from luban.protocols import Cut, Shown


def cut(values: pl.Series, most: int) -> Cut:
    """The words of the one row in `values`; where there are more than `most`, neighbours together."""
    words = cut_words(values).to_list()[0]
    if not words:
        return _pieces.whole(values)
    edges = _pieces.evenly(len(words), most)

    def masked(stays: Array) -> pl.Series:
        rows = _pieces.told_apart(stays, edges).tolist()
        written = [[word if there else "" for word, there in zip(words, row, strict=True)] for row in rows]
        return pl.Series(values.name, written, dtype=pl.List(pl.String))

    names = [_pieces.shortened(" ".join(words[first:behind])) for first, behind in pairwise(edges.tolist())]
    places = pairwise(edges.tolist())
    units = (Unit(name, values.name, place=place) for name, place in zip(names, places, strict=True))
    return Cut(tuple(units), masked, shown=Shown("words", words))
